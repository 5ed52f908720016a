"""What a replacement that was cut has left of a container, and which of it counts as the one that is there.

The one that was to give way is stopped and perhaps set aside as `NAME.old`. The one that was to come is `NAME.next`, or
has the name by now, and nobody knows whether it is any good. Until it is proved, the one that was to give way is what
is seen: so the next pass plans the same replacement for the same reason, goes on with the new one where that is as
wanted, and can still take it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from agent.kinds.base import NAME
from agent.kinds.container_once import hook_of
from agent.kinds.container_proof import is_proved
from agent.kinds.container_state import health_of, uses_of
from agent.kinds.table import look
from agent.model import Difference, Observed, Owner, Remedy, Resource
from agent.twins import NEXT, OLD

_OWN_DOING = frozenset({"name", "state"})  # what a replacement itself changes of the two
_STILL_OPEN = _OWN_DOING | {"health"}  # in what a new one may differ, and is not to be made anew for it
_GOING = ("removing", "dead")  # with such a one nobody goes on

Report = dict[str, Any]
Compare = Callable[[Report], Sequence[Difference]]


class Left(NamedTuple):
    """What is there of one container under its name, as `NAME.next` and as `NAME.old`; None for what is not."""

    named: Report | None
    coming: Report | None = None
    aside: Report | None = None

    @property
    def is_cut(self) -> bool:
        return self.coming is not None or self.aside is not None


class Standing(NamedTuple):
    """`report` is of the one that counts as there, and `others` belong to its replacement, if that was `cut`."""

    resource: Resource
    report: Report
    others: tuple[Report, ...] = ()
    cut: bool = False


def twins_of(wanted: Iterable[Resource], strays: Iterable[Report]) -> dict[str, Report]:
    """What replacements of wanted containers that were cut have left, by its name. `strays` are ours and not wanted."""
    twins = {}
    for report in strays:
        name, base = str(look(report, "Name") or "").removeprefix("/"), _made_as(report)
        if base and name in (base + NEXT, base + OLD) and look(report, "State.Status") not in _GOING:
            twins[name] = report
    if not twins:
        return {}
    names = {one.key.name for one in wanted if not one.external and hook_of(one) is None}
    return {name: report for name, report in twins.items() if _made_as(report) in names}


def _made_as(report: Report) -> str:
    """The name that it was made for."""
    return str((look(report, "Config.Labels") or {}).get(NAME, ""))


def left_of(resource: Resource, named: Report | None, twins: Mapping[str, Report]) -> Left:
    """`twins` are by their names."""
    return Left(named, twins.get(resource.key.name + NEXT), twins.get(resource.key.name + OLD))


def standings(
    wanted: Sequence[Resource],
    reports: Sequence[Report | None],
    twins: Mapping[str, Report],
    compare: Callable[[Resource, Report], Sequence[Difference]],
    owner: Callable[[Resource, Report], Owner],
) -> list[Standing]:
    """What there is of each wanted one, given what has its name; nothing was cut where that is somebody else's."""
    found = []
    for one, report in zip(wanted, reports, strict=True):
        left = left_of(one, report, twins)
        if report and (not left.is_cut or owner(one, report) is not Owner.OURS):
            found.append(Standing(one, report))
        elif there := standing(one, left, partial(compare, one)):
            found.append(there)
    return found


def standing(resource: Resource, left: Left, compare: Compare) -> Standing | None:
    """Which of those that are left counts as there, None where none does. `compare` says in what one differs from what
    is wanted."""
    if left.aside is None or _is_over(resource, left, left.aside, compare):
        return _in_its_place(resource, left, compare)
    others = [left.named] if left.named is not None else []
    if left.named is None and left.coming is not None and _is_taken_up(left.aside, left.coming, compare):
        others.append(left.coming)
    return Standing(resource, left.aside, tuple(others), cut=True)


def _is_over(resource: Resource, left: Left, aside: Report, compare: Compare) -> bool:
    """Whether nobody goes back to the one that was set aside: its successor is proved, or as much wanted as itself."""
    if left.named is None:
        return False
    return is_proved(resource, left.named) or not (_gives_way(compare(aside)) or _gives_way(compare(left.named)))


def _in_its_place(resource: Resource, left: Left, compare: Compare) -> Standing | None:
    """As it is called; where nothing is called so, the one that was to be is what there is."""
    if left.named is None:
        found = left.coming if left.coming is not None and goes_on(compare(left.coming)) else None
        return Standing(resource, found) if found is not None else None
    if left.coming is not None and _is_taken_up(left.named, left.coming, compare):
        return Standing(resource, left.named, (left.coming,), cut=True)
    return Standing(resource, left.named)


def _is_taken_up(old: Report, new: Report, compare: Compare) -> bool:
    """Whether the old one is to be replaced, and the replacement will go on with the new one."""
    return _gives_way(compare(old)) and goes_on(compare(new))


def _gives_way(differences: Iterable[Difference]) -> bool:
    return any(one.remedy is Remedy.REPLACE for one in differences)


def goes_on(differences: Iterable[Difference]) -> bool:
    """Whether a replacement that was cut can go on with a new one that differs so."""
    return all(one.path in _STILL_OPEN and one.remedy is not Remedy.REPLACE for one in differences)


def as_cut(seen: Observed, found: Standing, names: Mapping[str, str]) -> Observed:
    """What is seen of one whose replacement was cut: it gives way for the same reason as before, fares as the one does
    that has its name, and all that belongs to the replacement holds on to what it uses. `names` are those of containers
    by id."""
    differences = seen.differences
    if _gives_way(differences):
        differences = tuple(one for one in differences if one.path not in _OWN_DOING or one.remedy is Remedy.REPLACE)
    health, detail = seen.health, seen.detail
    for other in found.others:
        if look(other, "Name") == f"/{found.resource.key.name}":
            health, detail = health_of(other, found.resource.spec)
    used = (uses_of(other, names) for other in found.others)
    return replace(seen, differences=differences, uses=seen.uses.union(*used), health=health, detail=detail)
