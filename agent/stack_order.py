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
    """The names of the stacks, each behind those that it waits for."""
    after = {stack.name: stack.after for stack in stacks if stack is not None}
    known = {name: sorted(other for other in others if other in after) for name, others in sorted(after.items())}
    return list(TopologicalSorter(known).static_order())


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
    return report.synced or (report.stays is not None and report.failure == report.stays)


def gets_on(report: Report | None) -> bool:
    """Whether the stack may be ready before long."""
    return report is not None and (report.health is Health.PROGRESSING or report.on_trial)


def in_order(plan: Plan, stacks: Sequence[Stack]) -> Plan:
    """The plan of several stacks, in which each stack's changes come behind those of the stacks that it waits for, and
    wait until these are healthy."""
    after = {stack.name: [name for name in stack.after if name != stack.name] for stack in stacks}
    if not any(after.values()):
        return plan
    touching: dict[str, set[int]] = {}
    for change in plan.changes:
        if _touches(change):
            touching.setdefault(change.stack, set()).add(change.number)
    known = {stack.name for stack in stacks}
    changes = tuple(
        _behind(change, [name for name in after.get(change.stack, ()) if name in known], touching)
        for change in plan.changes
    )
    return replace(plan, changes=changes)


def _touches(change: Change) -> bool:
    """What is only fetched or written for a stack beforehand need not wait, and nobody waits for it."""
    return change.action is not Action.HOLD and not (change.wanted and change.wanted.prepares)


def _behind(change: Change, names: Sequence[str], touching: Mapping[str, set[int]]) -> Change:
    if not names or not _touches(change):
        return change
    earlier = frozenset(number for name in names for number in touching.get(name, ()))
    change = replace(change, follows=change.follows | (earlier - change.after))
    if change.wanted is None:
        return change
    stacks = tuple(Requirement(Key(STACK, name), Condition.HEALTHY) for name in names)
    return replace(change, wanted=replace(change.wanted, requires=change.wanted.requires + stacks))
