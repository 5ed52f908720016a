"""The order between stacks, as `after` in their files says: who waits for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from agent.model import Action, Change, Condition, Health, Key, Place, Plan, Problem, Report, Requirement, Stack

STACK = "stack"  # the kind of the key by which a change waits for a whole stack


def in_a_round(stacks: Mapping[str, Stack]) -> dict[str, Problem]:
    """The stacks that wait for one another, each with what is wrong with that."""
    found: dict[str, Problem] = {}
    left = dict(stacks)
    while names := _round(left):
        said = f"the stacks wait for one another: {' → '.join(names)}"
        for name in names[1:]:
            found[name] = Problem(left.pop(name).place or Place(name), said, "x-windlass.after")
    return found


def _round(stacks: Mapping[str, Stack]) -> tuple[str, ...]:
    """Stacks of which each waits for the next, the first one again at the end; none where there are none."""
    after = {name: [other for other in stack.after if other in stacks] for name, stack in stacks.items()}
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def earlier_first(stacks: Iterable[Stack | None]) -> list[str]:
    """The names of the stacks, each behind those that it waits for. Stacks of different readings may wait for one
    another: then one of them comes first."""
    after = {stack.name: stack.after for stack in stacks if stack is not None}
    known = {name: sorted(other for other in others if other in after) for name, others in sorted(after.items())}
    while True:
        try:
            return list(TopologicalSorter(known).static_order())
        except CycleError as error:
            earlier, later = error.args[1][:2]
            known[later].remove(earlier)


def unknown(stack: Stack, names: frozenset[str]) -> list[Problem]:
    """What the stack is to wait for and is not there: it does not wait for that."""
    place = stack.place
    return [
        Problem(place, f'there is no stack "{name}" here to wait for', "x-windlass.after")
        for name in stack.after
        if name not in names and place is not None
    ]


def is_ready(report: Report | None) -> bool:
    """Whether those who wait for the stack may go on: it is as it is to be, or stays at what was good."""
    if report is None or report.health is not Health.HEALTHY or report.on_trial:
        return False
    return report.can_be_judged or (report.stays is not None and report.failure == report.stays)


def gets_on(report: Report | None) -> bool:
    """Whether the stack may be ready before long."""
    return report is not None and (report.health is Health.PROGRESSING or report.on_trial)


def in_order(plan: Plan, stacks: Sequence[Stack]) -> Plan:
    """The plan of several stacks, in which each stack's changes come behind those of the stacks that it waits for, and
    wait until these are healthy. Where one of those is behind a change already, the plan's own order holds: a network
    is let go of by all before it goes, in whatever order their stacks come."""
    after = {stack.name: [name for name in stack.after if name != stack.name] for stack in stacks}
    if not any(after.values()):
        return plan
    known = {stack.name for stack in stacks}
    order = _Order(plan)
    changes = tuple(
        order.behind(change, [name for name in after.get(change.stack, ()) if name in known]) for change in plan.changes
    )
    return replace(plan, changes=changes)


class _Order:
    """What is behind what in a plan by now."""

    def __init__(self, plan: Plan) -> None:
        self._changes = {change.number: change for change in plan.changes}
        self._next: dict[int, set[int]] = {}  # by number: what comes right behind it
        self._touching: dict[str, set[int]] = {}
        for change in plan.changes:
            self._link(change.number, change.after | change.follows)
            if _touches(change):
                self._touching.setdefault(change.stack, set()).add(change.number)

    def behind(self, change: Change, names: Sequence[str]) -> Change:
        """The change behind all of these stacks that is not behind the change, which would make both wait for ever."""
        if not names or not _touches(change):
            return change
        earlier = frozenset(number for name in names for number in self._touching.get(name, ()))
        later = earlier & self._all_behind(change.number)
        self._link(change.number, earlier - later)
        change = replace(change, follows=change.follows | (earlier - later - change.after))
        if change.wanted is None:
            return change
        needed_first = {self._changes[number].stack for number in later if _is_of_a_service(self._changes[number])}
        stacks = tuple(Requirement(Key(STACK, name), Condition.HEALTHY) for name in names if name not in needed_first)
        return replace(change, wanted=replace(change.wanted, requires=change.wanted.requires + stacks))

    def _link(self, number: int, earlier: Iterable[int]) -> None:
        for one in earlier:
            self._next.setdefault(one, set()).add(number)

    def _all_behind(self, number: int) -> set[int]:
        found: set[int] = set()
        left = [number]
        while left:
            new = self._next.get(left.pop(), set()) - found
            found |= new
            left += new
        return found


def _touches(change: Change) -> bool:
    """What is only fetched or written for a stack beforehand, or taken over as it is, need not wait, and nobody waits
    for it."""
    return change.action not in {Action.HOLD, Action.ADOPT} and not (change.wanted and change.wanted.prepares)


def _is_of_a_service(change: Change) -> bool:
    """Whether its stack may not be healthy before the change."""
    return change.wanted is not None and bool(change.wanted.service)
