"""What has to make way for a replacement, and what the verdicts then are as steps.

What is replaced while others are attached to it is removed and made again, and its users with it: they let go first
and come back last. What goes for good is let go of by its users' own changes. That difference is what keeps the order
free of cycles: a step that lets go and takes hold at once is never in front of something that comes back, but for what
is kept until its successor is proved, see `kept`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agent.held import NAME_CONFLICT
from agent.model import Action, Cause, Change, Key
from agent.planning import words
from agent.planning.decide import Verdict, hold
from agent.planning.kept import attached_to, kept
from agent.planning.situation import Situation


class Step(NamedTuple):
    """One step before it has a number. For each key there is at most one that takes it away and one that makes it.
    `restarts`: the update also restarts it. `behind` are replacements that a removal waits for, although the removed is
    attached to what they replace: it has been stopped for them. `is_part`: the rest of the object's change is held."""

    action: Action
    key: Key
    stack: str
    verdict: Verdict
    restarts: bool = False
    behind: frozenset[Key] = frozenset()
    is_part: bool = False

    @property
    def cause(self) -> Cause:
        return self.verdict.cause


def stops_for_others(step: Step | Change) -> bool:
    """Whether it stops something so that others can have its ports, or while what it is attached to is replaced; and
    not a job whose run takes too long."""
    return step.action is Action.STOP and step.cause is not Cause.SCHEDULE


def take_along(situation: Situation, verdicts: Mapping[Key, Verdict]) -> tuple[list[Step], frozenset[Key]]:
    """The steps, and the keys of what goes so that something can come back: twins in the way, and users."""
    replaced, in_the_way = list(_replaced_in_use(situation, verdicts)), list(_in_the_way(situation, verdicts))
    taken = _users_of(situation, verdicts, replaced + in_the_way)
    verdicts = {**verdicts, **taken}
    stay, stopped = kept(situation, replaced, in_the_way)
    split = (taken.keys() | replaced) - stay
    steps = [step for key in sorted(verdicts) for step in _steps(situation, key, verdicts[key], key in split)]
    steps = [step for one in steps for step in _stopped_first(situation, one, stopped)]
    return steps + _held_rivals(situation), frozenset(taken.keys() | in_the_way)


def _replaced_in_use(situation: Situation, verdicts: Mapping[Key, Verdict]) -> Iterator[Key]:
    """What is replaced while others are attached to it. Images and files are made beside what is there, and do not
    count."""
    for key, verdict in verdicts.items():
        if verdict.action is Action.REPLACE and situation.users.get(key) and not situation.wanted[key].prepares:
            yield key


def _in_the_way(situation: Situation, verdicts: Mapping[Key, Verdict]) -> Iterator[Key]:
    """Leftovers that have to go before a change of their twin: the half-made one, and, where the twin is there and is
    about to be set aside itself, the one that was set aside before."""
    going = {key for key, verdict in verdicts.items() if verdict.action is Action.REMOVE}
    changing = {key: verdict.action for key, verdict in verdicts.items() if verdict.action is not Action.HOLD}
    yield from (twin for key, twin in situation.coming.items() if key in changing and twin in going)
    yield from (twin for key, twin in situation.aside.items() if changing.get(key) is Action.REPLACE and twin in going)


def _users_of(situation: Situation, verdicts: Mapping[Key, Verdict], roots: Sequence[Key]) -> dict[Key, Verdict]:
    """The verdict on everything that is attached to a root, or to something else that is taken along."""
    taken: dict[Key, Verdict] = {}
    for user, used in attached_to(situation, roots).items():
        cause = (taken.get(used) or verdicts[used]).cause
        taken[user] = _taken(verdicts.get(user), Verdict(Action.REPLACE, cause, words.uses(used)))
    return taken


def _taken(own: Verdict | None, along: Verdict) -> Verdict:
    """The verdict on a user: its own change and the replacement are one step, for both reasons."""
    if own is None:
        return along
    if own.action is Action.REMOVE:
        return own
    return Verdict(Action.REPLACE, own.cause, f"{own.reason}; {along.reason}", own.fields)


def _steps(situation: Situation, key: Key, verdict: Verdict, split: bool) -> Iterator[Step]:
    resource, seen = situation.wanted.get(key), situation.actual.get(key)
    stack = resource.stack if resource else seen.stack if seen else ""
    if split and verdict.action is Action.REPLACE:
        yield Step(Action.REMOVE, key, stack, verdict)
        yield Step(Action.CREATE, key, stack, verdict)
    else:
        yield Step(verdict.action, key, stack, verdict, verdict.restarts and verdict.action is Action.UPDATE)


def _stopped_first(situation: Situation, step: Step, stopped: Mapping[Key, frozenset[Key]]) -> Iterator[Step]:
    """The step; before the removal of what is attached to something that is kept (see `kept`), a step that stops it, so
    that it can go on if the successor is no good."""
    if step.action is not Action.REMOVE or step.key not in stopped:
        yield step
        return
    used = next(one for one in situation.uses[step.key] if one in stopped or one in stopped[step.key])
    yield Step(Action.STOP, step.key, step.stack, Verdict(Action.STOP, step.cause, words.uses(used)))
    yield step._replace(behind=stopped[step.key])


def _held_rivals(situation: Situation) -> list[Step]:
    held = []
    for claim, maker in situation.rivals:
        reason = words.claimed_twice(claim.key, maker)
        held.append(Step(Action.HOLD, claim.key, claim.stack, hold(NAME_CONFLICT, Cause.COMMIT, reason)))
    return held
