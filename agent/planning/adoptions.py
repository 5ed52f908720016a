"""What `docker compose` made and is as wanted: it goes on as it is, and that it is taken over is said and noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.model import Action, Cause
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.decide import Verdict
from agent.planning.situation import Situation

_ADOPTED = Verdict(Action.ADOPT, Cause.COMMIT, words.ADOPTED)


def take_over(situation: Situation, steps: Sequence[Step]) -> list[Step]:
    """The steps, and one for each that is to be taken over. What is changed or held is not: not as it is."""
    return [*steps, *_adoptions(situation, frozenset(step.key for step in steps))]


def _adoptions(situation: Situation, touched: frozenset[object]) -> Iterator[Step]:
    for key, resource in situation.wanted.items():
        seen = situation.actual.get(key)
        if seen and seen.untaken and key not in touched and key not in situation.still:
            yield Step(Action.ADOPT, key, resource.stack, _ADOPTED)
