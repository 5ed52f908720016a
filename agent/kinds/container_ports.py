"""Which ports of the host a container holds at present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.host_ports import HostPort, asked_for, bound
from agent.kinds.container_job import is_up
from agent.kinds.table import look

NONE: frozenset[HostPort] = frozenset()


def ports_of(report: Mapping[str, Any]) -> frozenset[HostPort]:
    """What it asked for, while it is up (also between two restarts: it comes back); of a range, what it was given."""
    if not is_up(report):
        return NONE
    host, given = report.get("HostConfig") or {}, look(report, "NetworkSettings.Ports") or {}
    ranges = {target: given.get(target) for target, asked in (host.get("PortBindings") or {}).items() if _chosen(asked)}
    return asked_for(host, look(report, "Config.ExposedPorts") or ()).union(bound(ranges))


def _chosen(asked: Any) -> bool:
    """Whether the engine chose one of a range."""
    return any("-" in str(one.get("HostPort") or "") for one in asked or ())
