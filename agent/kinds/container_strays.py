"""Containers that nobody wants, as they are seen: to be pruned, or left over from a replacement that was cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.kinds.base import NAME, ORIGIN, REVISION, SERVICE, STACK, is_protected
from agent.kinds.container_cut import Labels, is_twin
from agent.kinds.container_names import name_of
from agent.kinds.container_ports import ports_of
from agent.kinds.container_state import health_of, uses_of
from agent.kinds.table import look
from agent.model import Key, Observed, Owner

Report = Mapping[str, Any]


def stray(report: Report, names: Mapping[str, str], labels: Labels) -> Observed:
    """One that nobody wants, with the labels that tell whose it is: to be pruned, whatever it is called by now, or left
    over from a replacement that was cut. `names` are those of containers by id."""
    health, detail = health_of(report, {})
    leftover = is_twin(name_of(report), labels.get(NAME, ""))
    return Observed(
        Key("container", name_of(report) if leftover else labels.get(NAME, "")),
        report["Id"],
        Owner.OURS,
        stack=labels.get(STACK, ""),
        origin=labels.get(ORIGIN, ""),
        revision=labels.get(REVISION, ""),
        service=labels.get(SERVICE, ""),
        uses=_holds(report, names, leftover=leftover),
        health=health,
        detail=detail,
        leftover=leftover,
        protected=is_protected(labels),
        ports=ports_of(report),
        raw=report,
    )


def _holds(report: Report, names: Mapping[str, str], *, leftover: bool) -> frozenset[Key]:
    """What one that nobody wants is attached to, and has to let go of before that can be made anew.

    What a cut replacement left and does not run is in nobody's way: were it taken along with a network, nobody would
    know any more which anonymous volumes belong to its successor.
    """
    used = uses_of(report, names)
    if not leftover or look(report, "State.Running"):
        return used
    return frozenset(key for key in used if key.kind not in ("network", "container"))
