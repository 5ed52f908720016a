"""The engine itself goes: restarted, killed, stopped, killed while the agent is at work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.agents import Agent, running, until
from tests.e2e.seen import accepted
from tests.faults.daemon import Daemon
from tests.faults.life import alive, make_good
from tests.faults.proxy import Call, Choice, Fault, Proxy
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


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["unless-stopped", "no"])
def test_an_engine_that_is_restarted_while_a_new_container_proves_itself(
    agent: Agent, scene: Scene, daemon: Daemon, policy: str
) -> None:
    """It stops the new one with all others, which says nothing of that one, whether it starts it again or not."""
    scene.policy, scene.check = policy, "{test: [CMD, 'true'], interval: 4s}"
    web = scene.name("web")
    with running(agent):
        first = scene.push("first")
        scene.await_settled(agent, "first")
        until(lambda: accepted(agent, scene.stack) == first, "the first commit known to be good")
        scene.put_data("precious")
        scene.push("second")
        until(lambda: f"{web}.old" in scene.containers(), "the old one set aside")
        with daemon.away(signal.SIGTERM):
            pass
        scene.await_settled(agent, "second")
        results = [f'windlass_rollbacks_total{{result="{one}",stack="{scene.stack}"}}' for one in ("success", "error")]
        assert not any(map(agent.metric, results)), "nothing was given up meanwhile"


def hang(daemon: Daemon) -> Choice:
    """Stops the engine before it hears of a container that it is to make; it will, once it goes on."""

    def choose(call: Call) -> Fault | None:
        if call.place == "/containers/create":
            daemon.send(signal.SIGSTOP)
        return None

    return choose


def test_an_engine_that_hangs_for_longer_than_a_call_may_take(
    proxy: Proxy, scene: Scene, daemon: Daemon, tmp_path: Path
) -> None:
    """What is asked of it meanwhile it does later on, although nobody waits for it any more."""
    with alive(scene, proxy, tmp_path) as patient, alive(scene, proxy, tmp_path, timeout=2) as hurried:
        make_good(scene, proxy, patient, "first")
        scene.put_data("precious")
        asked, proxy.fault, scene.more = proxy.count("/containers/create"), hang(daemon), ("more", "most")
        try:
            failure = hurried.turn("second").failure
        finally:
            proxy.mend()
            daemon.send(signal.SIGCONT)
        assert failure is not None
        assert failure.reason == "EngineTimeout"
        assert proxy.count("/containers/create") > asked
        make_good(scene, proxy, patient, "second")


@pytest.mark.slow
def test_an_engine_that_hangs_while_containers_are_made_and_the_agent_is_killed(
    proxied: Agent, proxy: Proxy, scene: Scene, daemon: Daemon
) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        scene.put_data("precious")
        asked, proxy.fault = proxy.count("/containers/create"), hang(daemon)
        try:
            scene.push("second", ("more", "most"))
            until(lambda: proxy.count("/containers/create") > asked, "a request for a container")
            proxied.kill()
        finally:
            proxy.mend()
            daemon.send(signal.SIGCONT)
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
