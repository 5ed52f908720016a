"""What has to be done about objects of ours that nobody wants. Data is never removed, and nothing outside the scope."""

from __future__ import annotations

from dataclasses import dataclass

from agent.model import Action, Cause, Key, Observed, Owner, Scope
from agent.planning import words
from agent.planning.decide import Verdict, hold
from agent.planning.situation import Situation

EMPTY_DESIRED_STATE = "EmptyDesiredState"


@dataclass(frozen=True)
class Policy:
    """What the operator lets a plan do: remove what is not wanted, and even everything when nothing is wanted; and what
    he wants to be left as it is."""

    prune: bool = True
    empty_ok: bool = False
    suspended: frozenset[tuple[str, str]] = frozenset()  # stack and service: nothing of these is changed


def judge_unwanted(situation: Situation, scope: Scope, policy: Policy) -> dict[Key, Verdict]:
    """A stack that is given and wants nothing is a mistake until `empty_ok` says otherwise; one that is in the scope
    and not given has been removed from the repository."""
    suspicious = not policy.empty_ok and not situation.wanted and (scope.whole or bool(situation.stacks))
    return {
        key: _judge(seen, policy, suspicious)
        for key, seen in situation.actual.items()
        if key not in situation.wanted and seen.owner is Owner.OURS and _inside(scope, seen)
    }


def _inside(scope: Scope, seen: Observed) -> bool:
    return seen.stack in scope.stacks or (scope.whole and seen.origin == scope.origin)


def _judge(seen: Observed, policy: Policy, suspicious: bool) -> Verdict:
    if seen.keeps_data:
        return hold("KeepsData", Cause.PRUNE, words.keeps_data(seen.key))
    if suspicious:
        return hold(EMPTY_DESIRED_STATE, Cause.PRUNE, words.nothing_wanted(EMPTY_DESIRED_STATE))
    if seen.leftover:  # debris of our own, in the way of the next replacement: removed however pruning is set
        return Verdict(Action.REMOVE, Cause.DRIFT, words.LEFTOVER)
    if not policy.prune:
        return hold("PruneOff", Cause.PRUNE, words.PRUNE_OFF)
    return Verdict(Action.REMOVE, Cause.PRUNE, words.NOT_WANTED)
