"""A dozen states that a stack may be declared to have, each reached from each other in one turn.

The quick suite goes through them once; all 132 ways are for `script/test --all`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from agent.guard import Consent
from agent.model import Report
from agent.reconcile import Turn
from tests.e2e.agents import free_port
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine

Look = Callable[[Mapping[str, Any]], Any]  # something of a container's report
BACK = "networks: {back: }\n"


@dataclass(frozen=True)
class State:
    """`services` and `end` are the file. `containers` are those that there are then, by their names without the
    stack's, and how they fare; `networks` likewise. `of` says what is looked at in the report of `web`."""

    services: str
    end: str = ""
    containers: tuple[str, ...] = ("web-1",)
    networks: tuple[str, ...] = ("default",)
    of: Look = lambda report: None
    value: Any = None
    files: int = 0


def mounted(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(mount["Type"], mount["Destination"]) for mount in report["Mounts"]]


def environment(report: Mapping[str, Any]) -> list[str]:
    return [entry for entry in report["Config"]["Env"] if not entry.startswith("PATH=")]


STATES: dict[str, State] = {
    "nothing": State("", containers=(), networks=()),
    "one service": State("web: {IMAGE}", of=mounted, value=[]),
    "another version": State(
        "web: {IMAGE, environment: {VERSION: '2'}, deploy: {update_config: {order: start-first}}}",
        of=environment,
        value=["VERSION=2"],
    ),
    "two services and a network": State(
        "web: {IMAGE, networks: [back], depends_on: [db]}\n  db: {IMAGE, networks: [back]}",
        BACK,
        containers=("db-1", "web-1"),
        networks=("back",),
        of=lambda report: [name.rpartition("_")[2] for name in report["NetworkSettings"]["Networks"]],
        value=["back"],
    ),
    "a volume": State(
        "web: {IMAGE, volumes: ['data:/data']}", "volumes: {data: }\n", of=mounted, value=[("volume", "/data")]
    ),
    "a file": State(
        "web: {IMAGE, configs: [{source: motd, target: /etc/motd}]}",
        "configs: {motd: {content: hello}}\n",
        of=mounted,
        value=[("bind", "/etc/motd")],
        files=1,
    ),
    "replicas": State("web: {IMAGE, scale: 2}", containers=("web-1", "web-2")),
    "a name of its own": State("web: {IMAGE, container_name: STACK-own}", containers=("own",)),
    "a port": State(
        "web: {IMAGE, ports: ['127.0.0.1:PORT:80']}",
        of=lambda report: list(report["NetworkSettings"]["Ports"]),
        value=["80/tcp"],
    ),
    "a shared network": State(
        "web: {IMAGE}\n  side: {IMAGE, network_mode: 'service:web'}", containers=("side-1", "web-1")
    ),
    "a health check": State(
        "web: {IMAGE, healthcheck: {test: [CMD, 'true'], interval: 200ms}}",
        of=lambda report: report["Config"]["Healthcheck"]["Test"],
        value=["CMD", "true"],
    ),
    "a job": State(
        "web: {IMAGE, depends_on: {job: {condition: service_completed_successfully}}}\n"
        "  job: {IMAGE, command: ['true'], restart: 'no'}",
        containers=("job-1", "web-1"),
    ),
}


class Host(Rig):
    """The rig, with somebody who lets much go at once."""

    def reach(self, state: State, image: str, port: int) -> Report:
        """One turn."""
        end = f"{state.end}x-windlass: {{rollout: {{monitor: 100ms}}}}\n"
        text = f"services:\n  {state.services}\n{end}" if state.services else ""
        text = text.replace("IMAGE", f"image: '{image}', stop_grace_period: 2s")
        text = text.replace("STACK", self.stack).replace("PORT", str(port))
        stacks = (self.stack_of(text),) if text else ()
        self.calls.clear()
        (report,) = self.reconciler.take(Turn(stacks, self.scope, "test", consent=Consent(allowed=9)))
        return report

    def assert_is(self, state: State) -> None:
        listed = {
            one["Names"][0].removeprefix(f"/{self.stack}-"): one["State"] for one in self.engine.list_containers()
        }
        there = {name: how for name, how in listed.items() if not name.startswith("/")}
        assert there == {name: "exited" if name == "job-1" else "running" for name in state.containers}
        networks = [one["Name"] for one in self.engine.list_networks() if one["Name"].startswith(self.stack)]
        assert sorted(networks) == [f"{self.stack}_{name}" for name in state.networks]
        assert len(list((self.home / "files").rglob("motd"))) == state.files
        if state.containers:
            name = state.containers[-1]
            report = self.engine.inspect_container(f"{self.stack}-{name}")
            assert report is not None
            assert state.of(report) == state.value


@pytest.fixture
def host(docker_host: str, prefix: str, tmp_path: Any) -> Any:
    made = Host(docker_host, prefix, tmp_path)
    yield made
    made.engine.close()


def go(host: Host, image: str, way: Sequence[str]) -> None:
    port = free_port()
    host.reach(STATES[way[0]], image, port)
    for before, after in pairwise(way):
        report = host.reach(STATES[after], image, port)
        said = f"from {before!r} to {after!r}: {report.failure}\n{report.plan}"
        assert report.synced, said
        assert host.calls or before == after, said
        again = host.reach(STATES[after], image, port)
        assert (host.calls, again.synced) == ([], True), f"{said}\nand then\n{again.plan}"
        try:
            host.assert_is(STATES[after])
        except AssertionError as error:
            raise AssertionError(said) from error


def test_once_through_all_of_them(host: Host, busybox: str) -> None:
    go(host, busybox, [*STATES, *list(STATES)[:2]])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_from_each_other(host: Host, busybox: str) -> None:
    names = list(STATES)
    way = [step for index, one in enumerate(names) for step in (one, *_and_back(one, names[index + 1 :]))]
    assert {pair for pair in pairwise(way) if pair[0] != pair[1]} == {(a, b) for a in names for b in names if a != b}
    go(host, busybox, way)


def _and_back(one: str, others: Sequence[str]) -> list[str]:
    return [step for other in others for step in (other, one)]
