"""When a process is told to have outlived its container, by what an engine and a kernel say that are stood in for; a
real one is in `tests/faults`."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Refused, Unreachable
from agent.host_ports import HostPort
from agent.kinds.base import INSTANCE
from agent.kinds.container_survivors import Survivors
from agent.model import Health, Key, Observed, Owner, Scope
from agent.processes import Process, Processes

OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
WEB = Key("container", "web-api-1")
INIT, CHILD = Process(4711, 5, "httpd", 1), Process(4712, 6, "httpd", 4711)


def entry(
    container: str = OLD, state: str = "exited", name: str = WEB.name, network: str = "default"
) -> dict[str, Any]:
    labels = {"windlass.stack": "web", "windlass.origin": "here"}
    names, host = [f"/{name}"], {"NetworkMode": network}
    return {"Id": container, "State": state, "Names": names, "Labels": labels, "HostConfig": host}


@dataclass
class StandIn:
    """An engine that lists `entries` and has `up` running, and the processes of its host, by container."""

    entries: list[dict[str, Any]] = field(default_factory=lambda: [entry()])
    up: set[str] = field(default_factory=set)
    running: dict[str, tuple[Process, ...]] = field(default_factory=lambda: {OLD: (INIT, CHILD)})
    ports: set[int] = field(default_factory=set)
    perhaps: set[int] = field(default_factory=set)  # somebody there has them
    is_away: bool = False
    searched: int = 0
    bound: set[HostPort] = field(default_factory=set)  # by anybody
    url: str = "unix:///nowhere"

    def taken(self, pid: int) -> frozenset[HostPort]:
        assert pid == os.getpid()
        return frozenset(self.bound)

    def list_containers(self, *labels: str) -> list[dict[str, Any]]:
        assert labels == (f"{INSTANCE}=mine",)
        return self.entries

    def inspect_container(self, name: str) -> dict[str, Any] | None:
        if self.is_away:
            raise Unreachable("no answer")
        state = next((one["State"] for one in self.entries if one["Id"] == name), None)
        waits = state == "restarting"
        return {"Id": name, "State": {"Running": name in self.up or waits, "Restarting": waits}} if state else None

    def of(self, containers: Collection[str]) -> dict[str, tuple[Process, ...]]:
        self.searched += 1
        return {container: found for container, found in self.running.items() if container in containers}

    def lives(self, process: Process) -> bool:
        return any(process in processes for processes in self.running.values())

    def has_port(self, process: Process, port: int) -> bool | None:
        return process == CHILD and (port in self.ports or (None if port in self.perhaps else False))

    def survivors(self) -> Survivors:
        return Survivors(cast("Engine", self), "mine", cast("Processes", self))


def seen(container: str = OLD, name: str = WEB.name) -> Observed:
    return Observed(Key("container", name), container, Owner.OURS, health=Health.HEALTHY)


def test_a_process_of_a_container_that_has_ended_is_told() -> None:
    host = StandIn()
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    told = survivors.told(seen())
    assert told == replace(seen(), health=Health.DEGRADED, detail=told.survivor, survivor=told.survivor)
    assert told.survivor == (
        "process 4711 (httpd) of container web-api-1 (aaaaaaaaaaaa) still runs, and the engine does not know: "
        "end it (kill 4711, or kill -9 4711), which Windlass never does by itself"
    )
    assert survivors.told(seen(OTHER, "web-db-1")) == seen(OTHER, "web-db-1")


@pytest.mark.parametrize("state", ["created", "dead", "restarting"])
def test_in_whichever_state_without_a_process_the_container_is(state: str) -> None:
    host = StandIn([entry(state=state)])
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    assert survivors.told(seen()).survivor


def test_one_of_a_service_that_nobody_wants_any_more_is_told_too() -> None:
    host = StandIn()
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    host.entries = []
    survivors.look(host.entries, 0)
    here, stack = Scope("mine", "here", frozenset(), whole=True), Scope("mine", "x", frozenset({"web"}))
    for scope in (here, stack):
        (found,) = survivors.of_nobody((), scope)
        assert (found.key, found.stack, found.owner, found.origin) == (WEB, "web", Owner.FOREIGN, "")
        assert found.survivor.startswith("process 4711 (httpd) of container web-api-1")
    assert list(survivors.of_nobody({WEB}, here)) == [], "it is told of what is in its place"
    assert list(survivors.of_nobody((), Scope("mine", "here", frozenset({"db"})))) == []
    host.running = {}
    survivors.look(host.entries, 0)
    assert list(survivors.of_nobody((), here)) == []


def test_several_that_began_each_by_itself_are_all_named() -> None:
    host = StandIn(running={OLD: (INIT, CHILD, Process(4720, 9, "worker", 1))})
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    assert survivors.told(seen()).survivor.startswith(
        "processes 4711, 4720 (httpd) of container web-api-1 (aaaaaaaaaaaa)"
    )
    assert "still run, and" in survivors.told(seen()).survivor
    assert "kill -9 4711 4720" in survivors.told(seen()).survivor


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"entries": [entry(state="running")], "up": {OLD}}, id="it runs"),
        pytest.param({"entries": [entry(state="paused")], "up": {OLD}}, id="it is paused"),
        pytest.param({"up": {OLD}}, id="it began while we looked"),
        pytest.param({"running": {}}, id="nothing runs"),
        pytest.param({"running": {OTHER: (INIT,)}}, id="of somebody else's container"),
    ],
)
def test_what_the_engine_knows_or_is_not_ours_is_no_survivor(change: dict[str, Any]) -> None:
    host = StandIn(**change)
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    assert survivors.told(seen()) == seen()


def test_the_host_is_searched_only_where_there_is_reason() -> None:
    host = StandIn(running={})
    survivors = host.survivors()
    for losses, searches in ((0, 1), (0, 1), (0, 1), (1, 2), (1, 2), (3, 3)):
        survivors.look(host.entries, losses)
        assert host.searched == searches
    host.entries[0]["State"] = "running"
    survivors.look(host.entries, 4)
    assert host.searched == 3  # for all of ours run


def test_what_was_not_answered_is_asked_again_at_the_next_look() -> None:
    host = StandIn(is_away=True)
    survivors = host.survivors()
    with pytest.raises(Unreachable):
        survivors.look(host.entries, 0)
    host.is_away = False
    survivors.look(host.entries, 0)
    assert survivors.told(seen()).survivor


def test_it_is_told_until_it_ends_also_beside_the_next_container() -> None:
    host = StandIn()
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    host.entries, host.up = [entry(NEW, "running")], {NEW}
    survivors.look(host.entries, 0)
    assert "process 4711" in survivors.told(seen(NEW)).survivor
    host.running = {OLD: (CHILD,)}
    survivors.look(host.entries, 0)
    assert "process 4712" in survivors.told(seen(NEW)).survivor
    host.running = {}
    survivors.look(host.entries, 0)
    assert survivors.told(seen(NEW)) == seen(NEW)
    assert host.searched == 1


def test_a_container_that_came_up_beside_it_does_not_make_it_forgotten() -> None:
    host = StandIn()
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    host.up = {OLD}  # as it is when asked for, and was not when it was listed
    survivors.look(host.entries, 1)
    assert survivors.told(seen()).survivor


def test_a_container_that_is_gone_by_now_was_ours() -> None:
    host = StandIn(entries=[entry(state="running")], up={OLD})
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    host.entries = [entry(NEW, "running")]
    survivors.look(host.entries, 1)
    assert "aaaaaaaaaaaa" in survivors.told(seen(NEW)).survivor


def test_the_twin_of_a_replacement_is_of_the_same_place() -> None:
    host = StandIn(entries=[entry(name=f"{WEB.name}.next", state="created")])
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    assert "of container web-api-1 (aaaaaaaaaaaa)" in survivors.told(seen(NEW)).survivor


def refused(host: StandIn, container: str, error: Refused) -> Refused:
    survivors = host.survivors()
    with pytest.raises(Refused) as caught, survivors.explaining(container):
        raise error
    return caught.value


def test_a_container_whose_process_runs_cannot_be_started_and_that_is_said() -> None:
    error = refused(StandIn(), OLD, Refused("start container a: it exists", reason="StartFailed"))
    assert error.reason == "OrphanProcess"
    assert error.message.startswith("start container a: it exists; process 4711 (httpd) of container web-api-1")


def test_a_port_that_such_a_process_has_is_said_to_be_its() -> None:
    host = StandIn([entry(network="host"), entry(NEW, "created", "web-front-1")], ports={8080})
    taken = Refused("start container b: 0.0.0.0:8080 is in use already", reason="PortInUse")
    error = refused(host, NEW, taken)
    assert error.reason == "PortInUse"
    assert error.message.startswith("start container b: 0.0.0.0:8080 is in use already, by process 4711 (httpd) of")
    assert "kill 4711" in error.message


def test_what_only_root_may_know_is_said_to_be_unsure() -> None:
    taken = Refused("0.0.0.0:8080 is in use already", reason="PortInUse")
    error = refused(StandIn([entry(network="host")], perhaps={8080}), NEW, taken)
    assert error.message.startswith("0.0.0.0:8080 is in use already, maybe by process 4711 (httpd) of")


@pytest.mark.parametrize(
    ("host", "message", "reason"),
    [
        pytest.param(StandIn([entry(network="host")]), "0.0.0.0:8080 is in use", "PortInUse", id="without the port"),
        pytest.param(StandIn(ports={8080}), "0.0.0.0:8080 is in use", "PortInUse", id="in a network of its own"),
        pytest.param(StandIn(), "port is already allocated", "PortInUse", id="no port named"),
        pytest.param(StandIn(), "no such program", "StartFailed", id="of another container"),
        pytest.param(StandIn(is_away=True), "no such program", "StartFailed", id="the engine has gone"),
    ],
)
def test_any_other_refusal_stays_as_it_is(host: StandIn, message: str, reason: str) -> None:
    error = Refused(message, reason=reason)
    assert refused(host, NEW, error) is error


@pytest.fixture
def here(tmp_path: Path) -> Iterator[str]:
    """Where this process listens, as an engine would."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "engine"))
        sock.listen()
        yield f"unix://{tmp_path}/engine"


def held(host: StandIn, *ports: HostPort) -> list[tuple[str, frozenset[HostPort]]]:
    survivors = host.survivors()
    survivors.look(host.entries, 0)
    found = list(survivors.holding(ports))
    assert {(one.owner, one.id, one.key.kind) for one in found} <= {(Owner.FOREIGN, "", "process")}
    return [(one.key.name, one.ports) for one in found]


def test_whoever_has_a_port_and_is_no_container_is_in_the_way_of_it(here: str) -> None:
    mine, local = HostPort(8080), HostPort(8080, "tcp", "127.0.0.1")
    host = StandIn(bound={local, HostPort(80)}, url=here, running={})
    ((name, ports),) = held(host, mine)
    assert ports == {local}
    assert "ss -lntup 'sport = :8080'" in name
    assert held(host, HostPort(8080, "tcp", "10.0.0.1"), HostPort(8081), HostPort(80, "udp")) == []
    assert held(host) == []
    assert held(replace(host, url="unix:///nowhere"), mine) == [], "the network of that host cannot be seen"
    assert held(replace(host, url="tcp://127.0.0.1:1"), mine) == []


def test_a_process_that_outlived_its_container_is_named_as_the_one_that_has_the_port(here: str) -> None:
    host = StandIn([entry(network="host")], ports={8080}, bound={HostPort(8080)}, url=here)
    ((name, _),) = held(host, HostPort(8080))
    assert name.startswith("process 4711 (httpd) of container web-api-1 (aaaaaaaaaaaa), which the engine does not know")
    assert "kill 4711" in name


def test_what_is_bound_to_one_address_of_ipv6_need_not_be_in_the_way(here: str) -> None:
    host = StandIn(bound={HostPort(8080, "tcp", "::1")}, url=here)
    assert held(host, HostPort(8080)) == []
    assert len(held(host, HostPort(8080, "tcp", "::1"))) == 1
