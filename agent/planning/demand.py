"""What is prepared only where somebody needs it now: an image that nothing new is made from is not pulled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.model import Action, Key
from agent.planning import words
from agent.planning.cascade import Step
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


def _first_of(situation: Situation, key: Key, made: frozenset[Key]) -> Key | None:
    return next((requirer for requirer in situation.requirers.get(key, ()) if requirer in made), None)
