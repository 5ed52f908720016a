"""The engine dies and what it minded lives on: to be taken up again (`live-restore`), or for ever out of its sight."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.faults.daemon import Daemon, lives
from tests.faults.prober import probing
from tests.faults.scene import Scene, changes

pytestmark = pytest.mark.engine

PORT = 8099  # of the engine's own network namespace


@pytest.fixture
def live_restore(daemon: Daemon, sdk: docker.APIClient) -> Iterator[None]:
    """The engine leaves containers alone when it ends, and takes them up again."""
    daemon.configure(**{"live-restore": True})
    until(lambda: sdk.info()["LiveRestoreEnabled"], "live-restore")
    yield
    daemon.configure(**{"live-restore": False})
    until(lambda: not sdk.info()["LiveRestoreEnabled"], "no live-restore")


class Site:
    """A stack with one web server."""

    def __init__(self, stack: str, image: str, fleet: Fleet, sdk: docker.APIClient) -> None:
        self.stack, self._image, self._fleet, self._sdk = stack, image, fleet, sdk
        self.head = ""

    def push(self, options: str, name: str = "web") -> None:
        text = f"""\
services:
  {name}: {{image: {self._image}, command: httpd -f -p {PORT}, stop_signal: SIGKILL, {options}}}
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""
        self.head = self._fleet.push({f"stacks/{self.stack}/compose.yaml": text})

    def inspect(self) -> dict[str, object]:
        return dict(self._sdk.inspect_container(f"{self.stack}-web-1"))

    @property
    def pid(self) -> int:
        return int(self._sdk.inspect_container(f"{self.stack}-web-1")["State"]["Pid"])

    @property
    def address(self) -> str:
        networks = self._sdk.inspect_container(f"{self.stack}-web-1")["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def await_synced(self, agent: Agent) -> None:
        until(lambda: agent.synced_at(self.stack, self.head), "converged")

    def failure(self, agent: Agent) -> dict[str, str]:
        return agent.stack(self.stack).get("failure") or {}

    def await_failure(self, agent: Agent, reason: str) -> str:
        """Wait until the stack is told to be in that trouble; what is said of it."""
        until(lambda: self.failure(agent).get("reason") == reason, reason)
        return self.failure(agent).get("message", "")


@pytest.fixture
def site(fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str) -> Site:
    return Site(f"{prefix}a", busybox, fleet, sdk)


@pytest.mark.usefixtures("live_restore")
def test_an_engine_that_is_killed_and_takes_up_what_runs(agent: Agent, site: Site, daemon: Daemon) -> None:
    with running(agent):
        site.push("restart: unless-stopped")
        site.await_synced(agent)
        before, changed = site.inspect(), changes(agent)
        with probing(daemon.network, site.address, PORT) as prober:
            with daemon.away(signal.SIGKILL):
                until(lambda: agent.metric("windlass_docker_up") == 0, "the engine told to be away")
            until(lambda: agent.metric("windlass_docker_up") == 1, "the engine told to be there")
            looked = looks(agent, site)
            until(lambda: looks(agent, site) >= looked + 3, "three more looks")
        assert (prober.failed, prober.asked > 20) == (0, True)
        after = site.inspect()
        assert {key: after[key] for key in ("Id", "State")} == {key: before[key] for key in ("Id", "State")}
        assert changes(agent) == changed
        site.await_synced(agent)


def looks(agent: Agent, site: Site) -> float:
    return agent.metric(f'windlass_reconciles_total{{result="noop",stack="{site.stack}"}}') or 0


@pytest.fixture
def outliving(site: Site) -> Iterator[list[int]]:
    """Processes that the test leaves without anybody who minds them; they end with it."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_process_that_outlives_its_engine_is_told_and_left_alone(
    agent: Agent, site: Site, daemon: Daemon, sdk: docker.APIClient, outliving: list[int]
) -> None:
    with running(agent):
        site.push("network_mode: host")
        site.await_synced(agent)
        outliving.append(pid := site.pid)
        daemon.lose_containers()
        assert lives(pid)
        daemon.start()
        said = site.await_failure(agent, "OrphanProcess")
        assert f"process {pid} (httpd) of container {site.stack}-web-1" in said
        assert f"kill {pid}" in said
        assert agent.stack(site.stack)["health"] == "degraded"

        site.push("labels: {a: b}", "another")
        until(lambda: not sdk.containers(all=True, filters={"name": f"{site.stack}-web-1"}), "the container removed")
        agent.await_passes(site.stack)
        assert f"process {pid} (httpd) of container {site.stack}-web-1" in site.await_failure(agent, "OrphanProcess")

        site.push(f"ports: ['{PORT}:{PORT}']")
        taken = until(lambda: said_of(agent, "PortInUse"), "the port told to be taken")
        assert f"waits for port {PORT}/tcp, held by process {pid} (httpd) of container {site.stack}-web-1" in taken

        assert lives(pid)
        os.kill(pid, signal.SIGKILL)
        site.await_synced(agent)  # it is tried again by itself, for no fault is the content's


def said_of(agent: Agent, reason: str) -> str:
    """What the log says of the first failure for that reason."""
    told = (line for line in agent.log_lines() if line.get("reason") == reason)
    return next((str(line["message"]) for line in told if "message" in line), "")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("live_restore")
def test_engines_that_die_while_a_container_begins(agent: Agent, scene: Scene, daemon: Daemon) -> None:
    """Whatever becomes of a start that was cut: it comes right, or each process that runs on is told."""
    chance, orphans = random.Random(9), 0
    with running(agent):
        scene.push("0")
        scene.await_settled(agent, "0")
        scene.put_data("precious")
        for number in range(1, 9):
            scene.push(str(number))
            until(lambda: f"{scene.name('web')}.next" in scene.containers(), "the new container")
            time.sleep(chance.uniform(0.0, 0.5))
            daemon.crash()
            daemon.start()
            until(lambda: agent.synced_at(scene.stack, scene.head) or told(agent, scene), "settled", 80)
            if told(agent, scene):
                orphans += 1
                end_those_told(agent, scene, daemon)
            scene.await_settled(agent, str(number))
            assert daemon.outliving() == {}


def told(agent: Agent, scene: Scene) -> str:
    """What is said of processes that run on."""
    failure = agent.stack(scene.stack).get("failure") or {}
    return str(failure.get("message")) if failure.get("reason") == "OrphanProcess" else ""


def end_those_told(agent: Agent, scene: Scene, daemon: Daemon) -> None:
    """Each that runs on is to be named; ended, it is in nobody's way any more."""
    while said := told(agent, scene):
        for pid in daemon.outliving():
            assert f" {pid}" in said, f"{pid} is not told: {said}"
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
