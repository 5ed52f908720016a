"""Which ports of the host containers hold at present: those that are looked at, and whoever else is in the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from agent.host_ports import HostPort, asked_for, bound
from agent.kinds.container_job import is_up
from agent.kinds.table import look
from agent.model import Key, Observed, Owner, Resource

NONE: frozenset[HostPort] = frozenset()


def ports_of(report: Mapping[str, Any]) -> frozenset[HostPort]:
    """What it asked for, while it is up (also between two restarts: it comes back); of a range, what it was given."""
    if not is_up(report):
        return NONE
    host, given = report.get("HostConfig") or {}, look(report, "NetworkSettings.Ports") or {}
    ranges = {target: given.get(target) for target, asked in (host.get("PortBindings") or {}).items() if _chosen(asked)}
    return asked_for(host, look(report, "Config.ExposedPorts") or ()).union(bound(ranges))


def holders(
    wanted: Iterable[Resource], listed: Iterable[Mapping[str, Any]], known: Collection[str]
) -> Iterator[Observed]:
    """Whoever holds a port that something wanted is to have, but for those whose ids are known: of what is in the list of
    all containers, nothing but that, and none of it to be touched."""
    needed: dict[tuple[int, str], list[HostPort]] = {}
    for port in (port for one in wanted for port in one.ports):
        needed.setdefault(port.anywhere, []).append(port)
    for entry in (entry for entry in listed if needed and entry["Id"] not in known):
        held = frozenset(port for port in _published(entry) if any(map(port.clashes, needed.get(port.anywhere, ()))))
        if held:
            yield Observed(Key("container", listed_name(entry)), entry["Id"], Owner.FOREIGN, ports=held)


def listed_name(entry: Mapping[str, Any]) -> str:
    """A list gives every name; those with another slash in them are links."""
    names = [str(name).removeprefix("/") for name in entry.get("Names") or ()]
    return next((name for name in names if "/" not in name), "")


def _published(entry: Mapping[str, Any]) -> Iterator[HostPort]:
    for one in entry.get("Ports") or ():
        binding = {"HostIp": one.get("IP"), "HostPort": one.get("PublicPort")}
        yield from bound({f"{one.get('PrivatePort')}/{one.get('Type')}": [binding]})


def _chosen(asked: Any) -> bool:
    """Whether the engine chose one of a range."""
    return any("-" in str(one.get("HostPort") or "") for one in asked or ())
