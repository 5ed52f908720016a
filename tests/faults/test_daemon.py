"""The engine itself goes: restarted, killed, stopped, killed while the agent is at work."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.agents import Agent, running, until
from tests.faults.daemon import Daemon
from tests.faults.proxy import Call, Proxy
from tests.faults.scene import Scene

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL], ids=["restarted", "killed"]
)
def test_an_engine_that_went_and_came_back(agent: Agent, scene: Scene, daemon: Daemon, how: signal.Signals) -> None:
    with running(agent):
        scene.push("first")
        scene.await_settled(agent, "first")
        scene.put_data("precious")
        with daemon.away(how):
            until(lambda: agent.metric("windlass_docker_up") == 0, "the engine told to be away")
            assert agent.metric("windlass_docker_event_stream_up") == 0
            assert agent.get("/readyz")[0] == 503
            assert agent.get("/healthz")[0] == 200
        until(lambda: agent.metric("windlass_docker_up") == 1, "the engine told to be there")
        until(lambda: agent.get("/readyz")[0] == 200, "ready again")
        assert agent.metric("windlass_docker_event_stream_up") == 1
        until(lambda: set(scene.containers().values()) == {"running"}, "everything running again")
        scene.await_settled(agent, "first")
        scene.push("second")
        scene.await_settled(agent, "second")


@pytest.mark.parametrize(
    "agent_too",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["the agent lives", "the agent is killed meanwhile"],
)
def test_an_engine_that_hangs_while_containers_are_made(
    proxied: Agent, proxy: Proxy, scene: Scene, daemon: Daemon, agent_too: bool
) -> None:
    def hang(call: Call) -> None:
        if call.place == "/containers/create":
            daemon.send(signal.SIGSTOP)  # before the engine hears of it; it will, once it goes on

    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        scene.put_data("precious")
        asked, proxy.fault = proxy.count("/containers/create"), hang
        try:
            scene.push("second", ("more", "most"))
            until(lambda: proxy.count("/containers/create") > asked, "a request for a container")
            if agent_too:
                proxied.kill()
        finally:
            proxy.mend()
            daemon.send(signal.SIGCONT)
        if agent_too:
            proxied.start()
        scene.await_settled(proxied, "second")


@pytest.mark.slow
def test_an_engine_that_is_killed_while_containers_are_made(agent: Agent, scene: Scene, daemon: Daemon) -> None:
    with running(agent):
        scene.push("first")
        scene.await_settled(agent, "first")
        scene.put_data("precious")
        before = len(scene.containers())
        scene.push("second", ("a", "b", "c", "d"))
        until(lambda: len(scene.containers()) > before, "the first of the containers")
        with daemon.away(signal.SIGKILL):
            pass
        scene.await_settled(agent, "second")
        scene.push("third")
        scene.await_settled(agent, "third")
