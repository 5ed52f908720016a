"""What is prepared only where somebody needs it now: an image that nothing new is made from is not pulled, and one that
is to be pulled each time is pulled for whatever is made of it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from agent.model import Action, Cause, Key
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.decide import Verdict
from agent.planning.situation import Situation


def drop_unneeded(situation: Situation, steps: Sequence[Step]) -> list[Step]:
    """The steps without those that would make what is `on_demand` and absent for nobody."""
    made = frozenset(step.key for step in steps if step.action in {Action.CREATE, Action.REPLACE})
    kept = []
    for step in steps:
        if step.action is not Action.CREATE or not situation.wanted[step.key].on_demand:
            kept.append(step)
        elif needed_by := _first_of(situation, step.key, made):
            kept.append(step._replace(verdict=replace(step.verdict, reason=words.needed_by(needed_by))))
    return kept


def renew(situation: Situation, steps: Sequence[Step]) -> list[Step]:
    """The steps, with one for each thing that is made anew although it is there, since something is made of it. What is
    made because the image has just moved needs no newer one."""
    stepped = frozenset(step.key for step in steps)
    made = {step.key: step for step in steps if step.action in {Action.CREATE, Action.REPLACE}}
    moved = frozenset(key for key, step in made.items() if step.cause is Cause.IMAGE)
    more = []
    for key, resource in situation.wanted.items():
        if not resource.renewed or key in stepped or key not in situation.actual:
            continue
        if needed_by := _first_of(situation, key, made.keys() - moved):
            verdict = Verdict(Action.REPLACE, made[needed_by].cause, words.needed_by(needed_by))
            more.append(Step(Action.REPLACE, key, resource.stack, verdict))
    return [*steps, *more]


def _first_of(situation: Situation, key: Key, made: Set[Key]) -> Key | None:
    return next((requirer for requirer in situation.requirers.get(key, ()) if requirer in made), None)
