"""What is left as it is for now: somebody at the host wants it so (a service under a lease), it was healed too often of
late, or its replacement was no good.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.held import BACKS_OFF, PAUSED
from agent.model import Action, Key, Observed
from agent.planning import words
from agent.planning.causes import HEALED
from agent.planning.decide import Verdict
from agent.planning.prune import Policy
from agent.planning.situation import Situation
from agent.suspension import SUSPENDED

_ID = "sha256:"


def hold_still(situation: Situation, verdicts: Mapping[Key, Verdict]) -> dict[Key, Verdict]:
    """The verdicts, with those on what is suspended held. What is held for another reason stays so for that."""
    return {
        key: verdict.held(SUSPENDED, words.SUSPENDED)
        if key in situation.still and verdict.action is not Action.HOLD
        else verdict
        for key, verdict in verdicts.items()
    }


def let_rest(situation: Situation, policy: Policy, verdicts: Mapping[Key, Verdict]) -> dict[Key, Verdict]:
    """The verdicts, with those held that would heal what rests, and those that would replace what is paused."""
    return {key: _at_rest(situation, policy, key, verdict) for key, verdict in verdicts.items()}


def _at_rest(situation: Situation, policy: Policy, key: Key, verdict: Verdict) -> Verdict:
    if key in policy.resting and verdict.cause in HEALED and verdict.action is not Action.HOLD:
        return verdict.held(BACKS_OFF, words.rests(verdict.reason))
    if verdict.action is Action.REPLACE and _is_paused(situation, policy, key):
        return verdict.held(PAUSED, words.paused(verdict.reason))
    return verdict


def _is_paused(situation: Situation, policy: Policy, key: Key) -> bool:
    if key not in policy.paused or not _runs(situation, key):
        return False
    return not _is_other(policy.paused[key], image_wanted(situation.actual[key]))


def image_wanted(seen: Observed) -> str:
    """The id of the image that a container is to have; "" where it was made from another reference, for then it cannot
    be told."""
    wanted = next((str(one.wanted) for one in seen.differences if one.path == "image"), seen.image.id)
    return wanted if wanted.startswith(_ID) else ""


def _is_other(no_good: str, image: str) -> bool:
    """Whether the image is known to be another one than the one that was no good: then it is new content."""
    return bool(no_good and image) and image != no_good


def _runs(situation: Situation, key: Key) -> bool:
    """Whether a replacement would interrupt something. What is down anyway is worth another try."""
    seen = situation.actual.get(key)
    return seen is not None and not any(one.path in {"state", "health"} for one in seen.differences)
