"""Which ports of the host containers hold at present: those that are looked at, and whoever else is in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.host_ports import HostPort, asked_for, bound
from agent.kinds.base import Report
from agent.kinds.container_report import is_up, listed_name, name_of
from agent.kinds.table import look
from agent.model import Key, Observed, Owner, Resource

NONE: frozenset[HostPort] = frozenset()


def ports_of(report: Report) -> frozenset[HostPort]:
    """What it asked for, while it is up (also between two restarts: it comes back); of a range, what it was given."""
    if not is_up(report):
        return NONE
    asked, given = look(report, "HostConfig.PortBindings") or {}, look(report, "NetworkSettings.Ports") or {}
    return ports_asked(report).union(bound({target: given.get(target) for target in asked if _chosen(asked[target])}))


def ports_asked(report: Report) -> frozenset[HostPort]:
    """What it was made with, be it up or not."""
    return asked_for(report.get("HostConfig") or {}, look(report, "Config.ExposedPorts") or ())


def holders(wanted: Iterable[Resource], listed: Iterable[Report], aside: Iterable[Report]) -> Iterator[Observed]:
    """Whoever holds a port that something wanted is to have: nothing but that of it, for it is not to be touched.

    `listed` are entries of a list of containers. `aside` are reports of those that are kept, stopped, until their
    successors have proved good: each may have to go on, with its port.
    """
    needed: dict[tuple[int, str], list[HostPort]] = {}
    for port in (port for one in wanted for port in one.ports):
        needed.setdefault(port.anywhere, []).append(port)
    found: list[tuple[str, str, Iterable[HostPort]]]
    found = [(listed_name(entry), entry["Id"], _published(entry)) for entry in listed]
    found += [(name_of(report), report["Id"], ports_asked(report)) for report in aside]
    for name, id, ports in found:
        held = frozenset(port for port in ports if any(map(port.clashes, needed.get(port.anywhere, ()))))
        if held:
            yield Observed(Key("container", name), id, Owner.FOREIGN, ports=held)


def lacking(wanted: Iterable[Resource], seen: Iterable[Observed], listed: Iterable[Report]) -> list[HostPort]:
    """The ports that something wanted does not have yet and no container has, by what is `seen` of ours and `listed` of
    all. None where one of ours is on the network of the host, for it may be the one that has them, and makes way."""
    ours = {one.key: one for one in seen}
    had = {key: one.ports for key, one in ours.items()}
    missing = [port for one in wanted for port in one.ports if port.certain and port not in had.get(one.key, NONE)]
    if not missing or any(map(_is_on_host, ours.values())):
        return []
    published = {port.anywhere for entry in listed for port in _published(entry)}
    return [port for port in missing if port.anywhere not in published]


def _is_on_host(seen: Observed) -> bool:
    return is_up(seen.raw) and look(seen.raw, "HostConfig.NetworkMode") == "host"


def _published(entry: Report) -> Iterator[HostPort]:
    for one in entry.get("Ports") or ():
        binding = {"HostIp": one.get("IP"), "HostPort": one.get("PublicPort")}
        yield from bound({f"{one.get('PrivatePort')}/{one.get('Type')}": [binding]})


def _chosen(asked: Any) -> bool:
    """Whether the engine chose one of a range."""
    return any("-" in str(one.get("HostPort") or "") for one in asked or ())
