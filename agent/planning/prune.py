"""What has to be done about objects of ours that nobody wants. Data is never removed, and nothing outside the scope.

A container that Compose made and nobody adopted is pruned only as a surplus replica of a wanted service, as
`docker compose up` would; any other is told and left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.held import (
    COMPOSE_ORPHAN,
    EMPTY_DESIRED_STATE,
    PROTECTED,
    PRUNE_GUARD,
    PRUNE_OFF,
    STATE_READ_FAILED,
)
from agent.model import Action, Cause, Key, Observed, Owner, Scope
from agent.planning import words
from agent.planning.decide import Verdict, hold
from agent.planning.situation import Situation
from agent.twins import base_name

_HASH_DIGITS = 12
_DEBRIS = Verdict(Action.REMOVE, Cause.DRIFT, words.LEFTOVER)  # in the way, so removed however pruning is set


@dataclass(frozen=True)
class Removal:
    """The services of the whole host that nobody wants any more, as STACK/SERVICE, and how many there are in all."""

    services: frozenset[str]
    managed: int

    @property
    def hash(self) -> str:
        """By which just this removal is approved."""
        return hashlib.sha256("\n".join(sorted(self.services)).encode()).hexdigest()[:_HASH_DIGITS]

    @property
    def is_large(self) -> bool:
        """More than one, and more than a quarter of all: rather a mistake than a wish."""
        return len(self.services) > 1 and 4 * len(self.services) > self.managed


@dataclass(frozen=True)
class Policy:
    """What a plan may do: whether it may remove what is not wanted, and what it has to leave as it is.

    `removal` is all that would go on this host, where that was counted; `acknowledged`: somebody has approved that.
    """

    prune: bool = True
    suspended: frozenset[tuple[str, str]] = frozenset()  # stack and service: nothing of these is changed
    resting: frozenset[Key] = frozenset()  # what was healed too often of late, and is not for now
    # what a rollout gave up, with the id of the image that was no good, if known: not replaced by it once more
    paused: Mapping[Key, str] = field(default_factory=dict)
    removal: Removal | None = None
    acknowledged: bool = False


def judge_unwanted(situation: Situation, scope: Scope, policy: Policy) -> dict[Key, Verdict]:
    """A stack that is given and wants nothing at all counts as a mistake until somebody says otherwise. One that is in
    the scope and not given has been removed from the repository."""
    suspicious = not policy.acknowledged and not situation.wanted and (scope.whole or bool(situation.stacks))
    services = {(one.stack, one.service) for one in situation.wanted.values() if one.service}
    verdicts = {}
    for key, seen in situation.actual.items():
        if key in situation.wanted or not scope.has(seen.stack, seen.origin):
            continue
        if seen.owner is Owner.OURS or (seen.owner is Owner.ADOPTABLE and (seen.stack, seen.service) in services):
            verdicts[key] = _judge(seen, policy, suspicious)
        elif seen.owner is Owner.ADOPTABLE:
            verdicts[key] = hold(COMPOSE_ORPHAN, Cause.PRUNE, words.composes_orphan(key))
    debris = {key: _DEBRIS for key in verdicts if _is_debris(situation, situation.actual[key], verdicts)}
    return {**verdicts, **debris}


def _is_debris(situation: Situation, seen: Observed, verdicts: Mapping[Key, Verdict]) -> bool:
    """Whether it is only left over from a replacement, since its object is wanted or goes as well. Otherwise it may be
    all that there is of an object, and is judged as that."""
    if not seen.leftover or seen.keeps_data:
        return False
    base = seen.key._replace(name=base_name(seen.key.name))
    if base in situation.wanted or base == seen.key:  # a name of no twin: its kind knows it as left over
        return True
    return base in verdicts and verdicts[base].action is Action.REMOVE


def _judge(seen: Observed, policy: Policy, suspicious: bool) -> Verdict:
    if seen.keeps_data:
        return hold("KeepsData", Cause.PRUNE, words.keeps_data(seen.key))
    if seen.protected:
        return hold(PROTECTED, Cause.PRUNE, words.protected(seen.key))
    if seen.unsure:
        return hold(STATE_READ_FAILED, Cause.PRUNE, words.unsure(seen.unsure))
    if suspicious:
        return _needs_approval(EMPTY_DESIRED_STATE, words.nothing_wanted(_how_to_approve(policy.removal)), policy)
    if not policy.prune:
        return hold(PRUNE_OFF, Cause.PRUNE, words.PRUNE_OFF)
    if policy.removal and _is_guarded(seen, policy.removal) and not policy.acknowledged:
        how = _how_to_approve(policy.removal)
        said = words.too_much(len(policy.removal.services), policy.removal.managed, how)
        return _needs_approval(PRUNE_GUARD, said, policy)
    return Verdict(Action.REMOVE, Cause.PRUNE, words.NOT_WANTED if seen.owner is Owner.OURS else words.SURPLUS)


def _is_guarded(seen: Observed, removal: Removal) -> bool:
    return removal.is_large and f"{seen.stack}/{seen.service}" in removal.services


def _needs_approval(code: str, reason: str, policy: Policy) -> Verdict:
    return hold(code, Cause.PRUNE, reason, policy.removal.hash if policy.removal else "")


def _how_to_approve(removal: Removal | None) -> str:
    return words.approve(removal.hash, len(removal.services)) if removal else words.BY_HAND
