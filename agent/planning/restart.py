"""What is restarted because something that it depends on is restarted or made anew (`restart: true`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from agent.model import Action, Cause, Key, Resource
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.decide import Verdict
from agent.planning.situation import Situation

_MENDS = frozenset({Action.CREATE, Action.UPDATE})


def start_anew(situation: Situation, steps: Sequence[Step]) -> list[Step]:
    """The steps, with a restart for each object that runs on and wants to be restarted with another one. What is made
    anew itself needs none, and what is held or removed is left alone."""
    own: dict[Key, Step] = {}
    for step in steps:
        if step.key not in situation.wanted or situation.wanted[step.key].stack == step.stack:
            own.setdefault(step.key, step)
    restarted: dict[Key, Step] = {}
    queue = deque(sorted(_anew(situation, steps)))
    while queue:
        renewed = queue.popleft()
        cause = (restarted.get(renewed) or own[renewed]).cause
        for user in situation.restarted_with.get(renewed, ()):
            may = user not in restarted and user not in situation.still and _may_restart(own.get(user))
            if may and _goes_on(situation, user, renewed):
                restarted[user] = _restart(situation.wanted[user], own.get(user), renewed, cause)
                queue.append(user)
    kept = [step for step in steps if step.key not in restarted or step is not own.get(step.key)]
    return kept + [restarted[key] for key in sorted(restarted)]


def _anew(situation: Situation, steps: Sequence[Step]) -> set[Key]:
    """What is made in the place of a former one, what is started or restarted, and files that are written again."""
    made = {step.key for step in steps if step.action in {Action.CREATE, Action.REPLACE}}
    taken = {step.key for step in steps if step.action in {Action.REMOVE, Action.REPLACE}}
    mended = {step.key for step in steps if step.action in _MENDS and _is_prepared(situation, step.key)}
    return made & taken | mended | {step.key for step in steps if step.restarts or _starts(situation, step)}


def _goes_on(situation: Situation, user: Key, renewed: Key) -> bool:
    """Whether the user runs on and has to do with the new one: with a file that was written again, only if it mounts
    that very file. A hook runs once and does not go on."""
    if situation.wanted[user].handling.hook is not None:
        return False
    return not _is_prepared(situation, renewed) or renewed in situation.uses.get(user, ())


def _is_prepared(situation: Situation, key: Key) -> bool:
    return key in situation.wanted and situation.wanted[key].prepares


def _starts(situation: Situation, step: Step) -> bool:
    """Whether an update in place starts what had stopped."""
    seen = situation.actual.get(step.key)
    differences = seen.differences if seen is not None else ()
    return step.action is Action.UPDATE and any(one.path == "state" for one in differences)


def _may_restart(step: Step | None) -> bool:
    return step is None or step.action is Action.UPDATE


def _restart(user: Resource, own: Step | None, renewed: Key, cause: Cause) -> Step:
    reason = words.starts_with(renewed)
    if own is None:
        return Step(Action.UPDATE, user.key, user.stack, Verdict(Action.UPDATE, cause, reason), restarts=True)
    verdict = replace(own.verdict, reason=f"{own.verdict.reason}; {reason}")
    return own._replace(verdict=verdict, restarts=True)
