"""What a replacement that was cut has left of a container, and which of it counts as the one that is there.

The one that was to give way is stopped, or set aside as `NAME.old`, or both. The one that was to come is `NAME.next`,
or has the name by now, and nobody knows whether it is any good. Until it is proved, the one that was to give way is
what is seen: so the next pass plans the same replacement for the same reason, goes on with the new one where that is as
wanted, and can still take it back.

One that `docker compose` made has none of our labels, so it is set aside under a name that nobody else gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from agent.held import NAME_CONFLICT
from agent.kinds.base import COMPOSE, INSTANCE, NAME, PROJECT, SERVICE, STACK, Report
from agent.kinds.container_mounts import anonymous
from agent.kinds.container_once import hook_of
from agent.kinds.container_ports import ports_of
from agent.kinds.container_proof import is_proved
from agent.kinds.container_report import labels_of, listed_labels, listed_name, name_of, status_of
from agent.kinds.container_state import health_of, uses_of
from agent.kinds.container_unhooked import POST_START
from agent.model import Difference, Failure, Observed, Owner, Remedy, Resource
from agent.twins import FORMER, NEXT, OLD, base_name

_OWN_DOING = frozenset({"name", "state"})  # what a replacement itself changes of the two
_STILL_OPEN = _OWN_DOING | {"health", POST_START}  # in what a new one may differ, and need not be made anew for it
_GOING = ("removing", "dead")  # with such a one nobody goes on

Labels = Mapping[str, str]
Compare = Callable[[Report], Sequence[Difference]]


class Left(NamedTuple):
    """What is there of one container under its name, as the one that was to come, and as the one that was set aside;
    None for what is not."""

    named: Report | None
    coming: Report | None = None
    aside: Report | None = None

    @property
    def is_cut(self) -> bool:
        return self.coming is not None or self.aside is not None


class Standing(NamedTuple):
    """`report` is of the container that counts as there. Where its replacement was `cut`, `others` belong to that."""

    resource: Resource
    report: Report
    others: tuple[Report, ...] = ()
    cut: bool = False


def twins_of(wanted: Iterable[Resource], strays: Iterable[Report]) -> dict[str, Report]:
    """What replacements of wanted containers that were cut have left, by its name. `strays` are not wanted, and are
    ours or were set aside by us."""
    twins = {
        name_of(report): report
        for report in strays
        if is_twin(name_of(report), _place_of(report)) and status_of(report) not in _GOING
    }
    if not twins:
        return {}
    names = {one.key.name for one in wanted if not one.external and hook_of(one) is None}
    return {name: report for name, report in twins.items() if _place_of(report) in names}


def is_twin(name: str, base: str) -> bool:
    """Whether a replacement of the container `base` gives this name."""
    return bool(base) and name in (base + NEXT, base + OLD, base + FORMER)


def aside_name(base: str, report: Report) -> str:
    """The name of the container that has given up the name `base` to another one, until that one is proved."""
    return base + (OLD if INSTANCE in labels_of(report) else FORMER)


def hindered(seen: Observed, there: Standing, by_name: Mapping[str, Report], instance: str) -> Observed:
    """What is seen, with an `obstacle` where somebody else's container has a name that its replacement needs.

    `by_name` are entries of a list. A replacement that was cut goes on all the same, for its old container may be down;
    where the name is taken it is taken back.
    """
    name, aside = there.resource.key.name, aside_name(there.resource.key.name, there.report)
    if not {name + NEXT, aside} & by_name.keys() or seen.owner is Owner.FOREIGN or there.cut:
        return seen
    needed = [name + NEXT, aside] if _gives_way(seen.differences) else [aside] if anonymous(there.report) else []
    for one in needed:
        if (entry := by_name.get(one)) and _is_strangers(entry, name, there.resource.stack, instance):
            return replace(seen, obstacle=Failure(NAME_CONFLICT, name_needed(one)))
    return seen


def _is_strangers(entry: Report, base: str, stack: str, instance: str) -> bool:
    """Whether what is called like a twin of `base` is none."""
    labels = listed_labels(entry)
    if labels.get(INSTANCE) == instance:
        return labels.get(NAME) != base
    return not (listed_name(entry).endswith(FORMER) and labels.get(PROJECT) == stack)


def name_needed(name: str) -> str:
    return (
        f"a container that Windlass did not make is called {name}, and a replacement needs that name: remove that one,"
        f" or rename it (docker rename {name} ANOTHER)"
    )


def _place_of(report: Report) -> str:
    """The name that it was made for, or had before it was set aside."""
    name = name_of(report)
    return labels_of(report).get(NAME, base_name(name) if name.endswith(FORMER) else "")


def set_aside(
    listed: Iterable[Report], ours: Iterable[Report], noted: Mapping[str, Labels]
) -> Iterator[tuple[Report, Labels]]:
    """What `docker compose` made and a replacement has set aside, as entries of a list, each with the labels that it is
    dealt with by: those of one of ours in its place, those that are noted of its id, else what its own come to."""
    found = [one for one in listed if is_by_compose(listed_labels(one)) and listed_name(one).endswith(FORMER)]
    in_place = {one["Labels"].get(NAME): one["Labels"] for one in ours} if found else {}
    for one in found:
        name, own = base_name(listed_name(one)), one["Labels"]
        told = {NAME: name, STACK: own[PROJECT], SERVICE: own.get(f"{COMPOSE}service", "")}
        yield one, in_place.get(name) or noted.get(one["Id"]) or told


def is_by_compose(labels: Labels) -> bool:
    """Whether the labels are of one that `docker compose` made."""
    return INSTANCE not in labels and bool(labels.get(PROJECT))


def left_of(resource: Resource, named: Report | None, twins: Mapping[str, Report]) -> Left:
    """`twins` are by their names."""
    name = resource.key.name
    return Left(named, twins.get(name + NEXT), twins.get(name + OLD) or twins.get(name + FORMER))


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
        if left.aside is not None and not _gave_way(one, left, left.aside, owner):
            left = left._replace(aside=None)
        if report and (not left.is_cut or owner(one, report) is Owner.FOREIGN):
            found.append(Standing(one, report))
        elif there := standing(one, left, partial(compare, one)):
            found.append(there)
    return found


def _gave_way(resource: Resource, left: Left, aside: Report, owner: Callable[[Resource, Report], Owner]) -> bool:
    """Whether it was set aside for one of ours, and is no stranger's itself."""
    named = Owner.OURS if left.named is None else owner(resource, left.named)
    return named is Owner.OURS and owner(resource, aside) is not Owner.FOREIGN


def standing(resource: Resource, left: Left, compare: Compare) -> Standing | None:
    """The container that counts as there among those that are left, None where none does. `compare` says in what one
    differs from what is wanted."""
    if left.aside is None or _is_over(resource, left, left.aside, compare):
        return _in_its_place(resource, left, compare)
    others = [left.named] if left.named is not None else []
    if left.named is None and left.coming is not None and _is_taken_up(left.aside, left.coming, compare):
        others.append(left.coming)
    return Standing(resource, left.aside, tuple(others), cut=True)


def _is_over(resource: Resource, left: Left, aside: Report, compare: Compare) -> bool:
    """Whether nobody goes back to the one that was set aside: its successor is proved and its post_start hooks have
    run, or neither of the two has to be replaced."""
    if left.named is None:
        return False
    differences = compare(left.named)
    if is_proved(resource, left.named) and not any(one.path == POST_START for one in differences):
        return True
    return not (_gives_way(compare(aside)) or _gives_way(differences))


def _in_its_place(resource: Resource, left: Left, compare: Compare) -> Standing | None:
    """The container with the wanted name; where there is none, the one that was to take it."""
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
    """What is seen of one whose replacement was cut: it is replaced for the same reason as before, has the health of
    the one that has its name, and uses and holds what any of those does that belong to the replacement. `names` are
    those of containers by id."""
    differences = seen.differences
    if _gives_way(differences):
        differences = tuple(one for one in differences if one.path not in _OWN_DOING or one.remedy is Remedy.REPLACE)
    health, detail = seen.health, seen.detail
    for other in found.others:
        if name_of(other) == found.resource.key.name:
            health, detail = health_of(other, found.resource.spec)
    uses = seen.uses.union(*(uses_of(other, names) for other in found.others))
    ports = seen.ports.union(*map(ports_of, found.others))
    return replace(seen, differences=differences, uses=uses, health=health, detail=detail, ports=ports)
