"""What is wanted and what is there, indexed by key: the one value that every step of the planner reads.

Everything in it is sorted, so that neither the order of the input nor the seed of the hashes reaches a plan.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from agent.model import Key, Observed, Owner, Resource, Stack
from agent.planning.makers import Claimed, Rival, sort_out
from agent.provenance import UNKNOWN, Provenance
from agent.twins import NEXT, OLD, base_name

_Group = TypeVar("_Group", bound=Hashable)
_Member = TypeVar("_Member", bound=Hashable)


@dataclass(frozen=True)
class Situation:
    """`uses` is what an object is attached to now, `users` the reverse. The `requirers` of an object cannot be made
    without it, and those in `restarted_with` are restarted when it is. Objects that are `still` belong to a suspended
    service and are not touched; those that are `running` are jobs with a run under way, which is not ended.

    A replacement that was cut leaves twins of the object behind, by its key: `coming` was to take its place, `aside`
    had given it up.
    """

    stacks: tuple[str, ...]
    revisions: Mapping[str, str]  # by stack, the one that it is wanted at
    wanted: Mapping[Key, Resource]
    rivals: tuple[Rival, ...]  # further claims to a name that only one stack can have
    prepared: Mapping[str, tuple[Key, ...]]  # by stack: what is fetched or written for it beforehand
    actual: Mapping[Key, Observed]
    uses: Mapping[Key, tuple[Key, ...]]
    users: Mapping[Key, tuple[Key, ...]]
    requirers: Mapping[Key, tuple[Key, ...]]
    restarted_with: Mapping[Key, tuple[Key, ...]]
    coming: Mapping[Key, Key]
    aside: Mapping[Key, Key]
    still: frozenset[Key] = frozenset()
    running: frozenset[Key] = frozenset()
    ordered: frozenset[str] = frozenset()  # the stacks that wait for another one, and those that are waited for
    traced: Mapping[str, Provenance] = field(default_factory=dict)  # by stack, which commit brought what it wants

    def provenance(self, stack: str) -> Provenance:
        return self.traced.get(stack, UNKNOWN)


def survey(
    stacks: Sequence[Stack],
    actual: Mapping[Key, Observed],
    suspended: frozenset[tuple[str, str]],
    traced: Mapping[str, Provenance],
    claimed: Claimed,
) -> Situation:
    wanted, rivals = sort_out(stacks, actual, claimed)
    ordered = {key: actual[key] for key in sorted(actual)}
    uses = {key: _uses(seen) for key, seen in ordered.items()}
    coming, aside = _twins(ordered, wanted, NEXT), _twins(ordered, wanted, OLD)
    return Situation(
        stacks=tuple(sorted(stack.name for stack in stacks)),
        revisions={stack.name: stack.revision.id for stack in stacks},
        wanted=wanted,
        rivals=rivals,
        prepared=_grouped(_prepared(stacks)),
        actual=ordered,
        uses=uses,
        users=_grouped((used, user) for user, all_used in uses.items() for used in all_used),
        requirers=_grouped([*_required(wanted), *_bound_to_twins(coming, aside, actual)]),
        restarted_with=_grouped(_restarted(wanted)),
        coming=coming,
        aside=aside,
        still=_still(wanted, ordered, suspended),
        running=frozenset(key for key in wanted if (seen := ordered.get(key)) and seen.job and seen.job.is_running),
        ordered=frozenset(name for stack in stacks if stack.after for name in (stack.name, *stack.after)),
        traced=traced,
    )


def _still(
    wanted: Mapping[Key, Resource], actual: Mapping[Key, Observed], suspended: frozenset[tuple[str, str]]
) -> frozenset[Key]:
    """The objects of suspended services. What is prepared for one (an image, a file) names no service, and is none."""
    owned = [(key, (one.stack, one.service)) for key, one in wanted.items()]
    owned += [(key, (seen.stack, seen.service)) for key, seen in actual.items()]
    return frozenset(key for key, owner in owned if owner in suspended)


def _prepared(stacks: Sequence[Stack]) -> Iterable[tuple[str, Key]]:
    return sorted((stack.name, one.key) for stack in stacks for one in stack.resources if one.prepares)


def _required(wanted: Mapping[Key, Resource]) -> Iterable[tuple[Key, Key]]:
    for resource in wanted.values():
        for requirement in resource.requires:
            if not requirement.optional:
                yield requirement.key, resource.key


def _restarted(wanted: Mapping[Key, Resource]) -> Iterable[tuple[Key, Key]]:
    """A scheduled job begins each run with what is there then, and needs no restart."""
    for resource in wanted.values():
        for requirement in resource.requires:
            if requirement.restart and not resource.handling.schedule:
                yield requirement.key, resource.key


def _twins(actual: Mapping[Key, Observed], wanted: Mapping[Key, Resource], ending: str) -> dict[Key, Key]:
    """The leftovers of ours whose name has the ending, by the wanted key that they are twins of."""
    twins = {}
    for key, seen in actual.items():
        twin = Key(key.kind, key.name.removesuffix(ending))
        if seen.leftover and seen.owner is Owner.OURS and twin != key and twin in wanted and key not in wanted:
            twins[twin] = key
    return twins


def _bound_to_twins(
    coming: Mapping[Key, Key], aside: Mapping[Key, Key], actual: Mapping[Key, Observed]
) -> Iterable[tuple[Key, Key]]:
    """As requirements: while a twin cannot go its object cannot be changed, and a twin that was set aside cannot go
    before its object is there."""
    yield from ((twin, key) for key, twin in coming.items())
    for key, twin in aside.items():
        yield (twin, key) if key in actual else (key, twin)


def _uses(seen: Observed) -> tuple[Key, ...]:
    """What it is attached to, sorted; a leftover is never attached to its own twin, see `_bound_to_twins`."""
    none_of_these = {seen.key}
    if seen.leftover:
        none_of_these.add(Key(seen.key.kind, base_name(seen.key.name)))
    return tuple(sorted(seen.uses - none_of_these))


def _grouped(pairs: Iterable[tuple[_Group, _Member]]) -> dict[_Group, tuple[_Member, ...]]:
    grouped: dict[_Group, dict[_Member, None]] = {}
    for group, member in pairs:
        grouped.setdefault(group, {})[member] = None
    return {group: tuple(members) for group, members in grouped.items()}
