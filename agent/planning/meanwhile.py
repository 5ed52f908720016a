"""What goes on as it is while its change is held: a hold keeps the new from coming, and not what runs from running.

What drifted of such a container is mended in place beside the hold, and the rest of it is left. One that is gone
altogether cannot be brought back: how it was made is known no more, so it is made as it is wanted now, or is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.held import PORT_IN_USE
from agent.model import Action, Cause, Difference, Key, Observed, Owner, Remedy
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.decide import Verdict
from agent.planning.masking import field_change
from agent.planning.prune import Policy
from agent.planning.situation import Situation

_IN_PLACE = frozenset({Remedy.IN_PLACE, Remedy.RESTART})


def mend_meanwhile(situation: Situation, policy: Policy, steps: Sequence[Step]) -> list[Step]:
    """The steps, with one in front of each hold that mends what drifted of what is held."""
    found: list[Step] = []
    for step in steps:
        is_held = step.action is Action.HOLD and _goes_on(situation, policy, step)
        drifted = _drifted(situation.actual[step.key]) if is_held else ()
        found += _split(situation, step, drifted) if drifted else [step]
    return found


def _goes_on(situation: Situation, policy: Policy, held: Step) -> bool:
    """Whether it is a container that is there and is to go on. Where a port is what is missing, it may be the one that
    it had itself."""
    resource, key = situation.wanted.get(held.key), held.key
    if resource is None or resource.stack != held.stack or key not in situation.actual:
        return False
    runs = bool(resource.service) and not resource.prepares and resource.handling.hook is None
    return runs and not _rests(situation, policy, key) and held.verdict.code != PORT_IN_USE


def _rests(situation: Situation, policy: Policy, key: Key) -> bool:
    return key in situation.still or key in policy.resting


def _drifted(seen: Observed) -> Sequence[Difference]:
    """What can be put back without the change that is held; none where nothing else differs, for then it is this that
    is held."""
    found = [one for one in seen.differences if not one.declared and one.remedy in _IN_PLACE]
    return found if seen.owner is not Owner.FOREIGN and len(found) < len(seen.differences) else ()


def _split(situation: Situation, held: Step, drifted: Sequence[Difference]) -> list[Step]:
    """The step that mends what drifted, and the hold of all else."""
    fields = tuple(field_change(one, situation.wanted[held.key].hidden) for one in drifted)
    restarts = any(one.remedy is Remedy.RESTART for one in drifted)
    mended = Verdict(Action.UPDATE, Cause.DRIFT, words.goes_on(drifted), fields, restarts=restarts)
    rest = replace(held.verdict, fields=tuple(one for one in held.verdict.fields if one not in fields))
    return [Step(Action.UPDATE, held.key, held.stack, mended, restarts, is_part=True), held._replace(verdict=rest)]
