"""The engine itself goes: restarted, killed, stopped, killed while the agent is at work."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.faults.daemon import Daemon
from tests.faults.scene import Scene

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("faults")]


@pytest.fixture
def scene(agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str) -> Iterator[Scene]:
    """A stack that the running agent has converged, with something in its volume."""
    scene = Scene(f"{prefix}a", busybox, fleet, sdk)
    scene.push("first")
    with running(agent):
        scene.await_settled(agent, "first")
        scene.put_data("precious")
        yield scene
        assert scene.data() == "precious"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_an_engine_that_went_and_came_back(
    agent: Agent, scene: Scene, running_daemon: Daemon, how: signal.Signals
) -> None:
    running_daemon.end(how)
    until(lambda: agent.metric("windlass_docker_up") == 0, "the engine told to be away")
    assert agent.metric("windlass_event_stream_up") == 0
    assert agent.get("/readyz")[0] == 503
    assert agent.get("/healthz")[0] == 200
    running_daemon.start()
    until(lambda: agent.metric("windlass_docker_up") == 1, "the engine told to be there")
    until(lambda: agent.get("/readyz")[0] == 200, "ready again")
    assert agent.metric("windlass_event_stream_up") == 1
    until(lambda: set(scene.containers().values()) == {"running"}, "everything running again")
    scene.await_settled(agent, "first")
    scene.push("second")
    scene.await_settled(agent, "second")


@pytest.mark.parametrize("agent_too", [False, True], ids=["the agent lives", "the agent is killed meanwhile"])
def test_an_engine_that_hangs_while_something_is_to_be_done(
    agent: Agent, scene: Scene, running_daemon: Daemon, agent_too: bool
) -> None:
    running_daemon.signal(signal.SIGSTOP)
    try:
        scene.push("second", ("more", "most"))
        until(lambda: agent.status()["source"]["revision"]["id"] == scene.head, "the commit read")
        if agent_too:
            agent.kill()  # what it has asked for is carried out all the same once the engine goes on
    finally:
        running_daemon.signal(signal.SIGCONT)
    if agent_too:
        agent.start()
    scene.await_settled(agent, "second")


@pytest.mark.parametrize("after", [1, 4], ids=["at the first", "among others"])
def test_an_engine_that_is_killed_while_containers_are_made(
    agent: Agent, scene: Scene, running_daemon: Daemon, after: int
) -> None:
    before = len(scene.containers())
    scene.push("second", ("a", "b", "c", "d", "e", "f"))
    until(lambda: len(scene.containers()) >= before + after, "some of the containers")
    running_daemon.end(signal.SIGKILL)
    running_daemon.start()
    scene.await_settled(agent, "second")
    scene.push("third")
    scene.await_settled(agent, "third")
