"""Which ports of the host a container holds, by its report."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host_ports import HostPort
from agent.kinds.container_ports import holders, lacking, ports_of
from agent.model import Key, Observed, Owner, Resource

RANGE = {"80/tcp": [{"HostPort": "8000-8005"}], "81/tcp": [{"HostIp": "", "HostPort": "0"}]}
GIVEN = {
    "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8003"}, {"HostIp": "::", "HostPort": "8003"}],
    "81/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}],
}


def report(state: str, bindings: Any, given: Any = None, **host: Any) -> dict[str, Any]:
    return {
        "State": {state: True},
        "HostConfig": {"PortBindings": bindings, **host},
        "Config": {"ExposedPorts": {"80/tcp": {}}},
        "NetworkSettings": {"Ports": given},
    }


@pytest.mark.parametrize(
    ("found", "held"),
    [
        (report("Running", {"80/tcp": [{"HostPort": "8080"}]}), {HostPort(8080)}),
        (report("Restarting", {"80/tcp": [{"HostPort": "8080"}]}, {}), {HostPort(8080)}),
        (report("Dead", {"80/tcp": [{"HostPort": "8080"}]}), set()),
        (report("Running", RANGE, GIVEN), {HostPort(8003)}),
        (report("Running", RANGE), set()),
        (report("Running", None, {}, NetworkMode="host"), {HostPort(80, certain=False)}),
        (report("Running", None, {"80/tcp": None}), set()),
    ],
    ids=["runs", "between two restarts", "ended", "one of a range", "not given yet", "the host's network", "none"],
)
def test_what_a_container_holds(found: dict[str, Any], held: set[HostPort]) -> None:
    assert ports_of(found) == held


def listed(name: str, *ports: dict[str, Any]) -> dict[str, Any]:
    return {"Id": f"id-{name}", "Names": [f"/other/{name}", f"/{name}"], "Ports": list(ports)}


def test_whoever_else_holds_a_port_that_is_needed_is_seen() -> None:
    """As `GET /containers/json` lists them: a port of a container that is not published has no number of the host."""
    needed = [Resource(Key("container", "web"), "web", {}, ports=frozenset({HostPort(8080), HostPort(53, "udp")}))]
    web = {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
    entries = [
        listed("holder", web, {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}),
        listed("other", {**web, "PublicPort": 8081}),
        listed("unpublished", {"PrivatePort": 8080, "Type": "tcp"}),
        listed("dns", {"IP": "10.0.0.1", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"}, web | {"PublicPort": 1}),
    ]
    old = report("Dead", {"80/tcp": [{"HostPort": "8080"}]}) | {"Id": "id-old", "Name": "/web-1.old"}
    assert list(holders(needed, entries, [old])) == [
        Observed(Key("container", "holder"), "id-holder", Owner.FOREIGN, ports=frozenset({HostPort(8080)})),
        Observed(Key("container", "dns"), "id-dns", Owner.FOREIGN, ports=frozenset({HostPort(53, "udp", "10.0.0.1")})),
        Observed(Key("container", "web-1.old"), "id-old", Owner.FOREIGN, ports=frozenset({HostPort(8080)})),
    ]
    assert list(holders([], entries, [old])) == []


WEB = Resource(Key("container", "web"), "web", {}, ports=frozenset({HostPort(8080), HostPort(53, "udp")}))


def seen(ports: frozenset[HostPort] = frozenset(), state: str = "Running", **how: Any) -> Observed:
    return Observed(WEB.key, "id", Owner.OURS, ports=ports, raw=report(state, None, **how))


def test_what_is_had_by_whom_it_is_wanted_for_or_by_a_container_is_not_lacking() -> None:
    udp = HostPort(53, "udp")
    assert sorted(lacking([WEB], [], [])) == [udp, HostPort(8080)]
    assert lacking([WEB], [seen(frozenset({HostPort(8080)}))], []) == [udp]
    assert lacking([WEB], [seen(WEB.ports)], []) == []
    published = {"IP": "10.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
    assert lacking([WEB], [], [listed("other", published)]) == [udp]
    likely = Resource(WEB.key, "web", {}, ports=frozenset({HostPort(80, certain=False)}))
    assert lacking([likely], [], []) == []


def test_what_one_of_ours_may_have_on_the_network_of_the_host_is_not_asked_for() -> None:
    assert lacking([WEB], [seen(NetworkMode="host")], []) == []
    assert len(lacking([WEB], [seen(state="Dead", NetworkMode="host")], [])) == 2
