"""What goes on as it is while its change waits: that keeps the new from coming, and not what runs from running.

What drifted of such a container is mended in place, beside the hold or once its change could not be made, and the rest
of it is left. One whose port another has by now, or is to have, is left too. One that is gone altogether cannot be
brought back: how it was made is known no more, so it is made as it is wanted now, or is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.held import PORT_IN_USE
from agent.model import Action, Cause, Change, Difference, Key, Observed, Owner, Remedy, Resource
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.claims import is_lost
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
        drifted = _drifted(situation.actual[step.key]) if is_held and not is_lost(situation, step.key) else ()
        found += _split(situation.wanted[step.key], step, drifted) if drifted else [step]
    return found


def as_it_was(change: Change) -> Change | None:
    """What mends a container that was to be replaced and cannot be for now; None where nothing drifted of it."""
    wanted, drifted = change.wanted, _drifted(change.seen) if change.seen is not None else ()
    if change.action is not Action.REPLACE or wanted is None or not _runs(wanted) or not drifted:
        return None
    mending = _mending(wanted, drifted)
    return replace(
        change,
        action=mending.action,
        cause=mending.cause,
        reason=mending.reason,
        fields=mending.fields,
        restarts=mending.restarts,
        after=frozenset(),
        follows=frozenset(),
        delay=0.0,
        interruption="",
        commit=None,
        wanted=replace(wanted, requires=()),
    )


def _goes_on(situation: Situation, policy: Policy, held: Step) -> bool:
    """Whether it is a container that is there and is to go on. Where a port is what is missing, it may be the one that
    it had itself."""
    resource, key = situation.wanted.get(held.key), held.key
    if resource is None or resource.stack != held.stack or key not in situation.actual:
        return False
    return _runs(resource) and not _rests(situation, policy, key) and held.verdict.code != PORT_IN_USE


def _runs(resource: Resource) -> bool:
    return bool(resource.service) and not resource.prepares and resource.handling.hook is None


def _rests(situation: Situation, policy: Policy, key: Key) -> bool:
    return key in situation.still or key in policy.resting


def _drifted(seen: Observed) -> Sequence[Difference]:
    """What can be put back without the change that waits; none where nothing else differs, for then it is this that
    waits."""
    found = [one for one in seen.differences if not one.declared and one.remedy in _IN_PLACE]
    return found if seen.owner is not Owner.FOREIGN and len(found) < len(seen.differences) else ()


def _split(resource: Resource, held: Step, drifted: Sequence[Difference]) -> list[Step]:
    """The step that mends what drifted, and the hold of all else."""
    mending = _mending(resource, drifted)
    rest = replace(held.verdict, fields=tuple(one for one in held.verdict.fields if one not in mending.fields))
    part = Step(mending.action, held.key, held.stack, mending, mending.restarts, is_part=True)
    return [part, held._replace(verdict=rest)]


def _mending(resource: Resource, drifted: Sequence[Difference]) -> Verdict:
    fields = tuple(field_change(one, resource.hidden) for one in drifted)
    restarts = any(one.remedy is Remedy.RESTART for one in drifted)
    return Verdict(Action.UPDATE, Cause.DRIFT, words.goes_on(drifted), fields, restarts=restarts)
