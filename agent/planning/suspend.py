"""What is left as it is because somebody at the host wants it so: a service under a lease."""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import Action, Key
from agent.planning import words
from agent.planning.decide import Verdict
from agent.planning.situation import Situation
from agent.suspension import SUSPENDED


def hold_still(situation: Situation, verdicts: Mapping[Key, Verdict]) -> dict[Key, Verdict]:
    """The verdicts, with those on what is suspended held. What is held for another reason stays so for that."""
    return {
        key: verdict.held(SUSPENDED, words.SUSPENDED)
        if key in situation.still and verdict.action is not Action.HOLD
        else verdict
        for key, verdict in verdicts.items()
    }
