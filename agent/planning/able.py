"""What an engine is too old for. Where something of a stack cannot be made, nothing of that stack is changed: that is
known before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from agent.held import ENGINE_TOO_OLD, WAITS
from agent.model import Action, Cause, Change, Key, Plan
from agent.planning import words
from agent.planning.meanwhile import as_it_was

_AS_BEFORE = frozenset({Cause.DRIFT, Cause.SCHEDULE})  # why something is done that is no change of what is wanted


def hold_whole(plan: Plan, unable: Mapping[Key, str], resting: Set[Key] = frozenset()) -> Plan:
    """The plan, with the steps held of each stack of which something cannot be made. `unable` says why not, by its key.
    What has drifted is mended all the same, but for what is `resting`; what was to be replaced goes on as it was."""
    missing = {change.stack: change.key for change in plan.changes if change.key in unable}
    if not missing:
        return plan
    left = [one for one in plan.changes if one.stack in missing and one.key not in resting]
    mended = [one for change in left if (one := as_it_was(change)) is not None]
    more = (replace(one, number=len(plan.changes) + place) for place, one in enumerate(mended))
    held = (_held(change, unable, missing.get(change.stack)) for change in plan.changes)
    return replace(plan, changes=(*held, *more))


def _held(change: Change, unable: Mapping[Key, str], missing: Key | None) -> Change:
    code, reason = WAITS, ""
    if change.key in unable:
        code, reason = ENGINE_TOO_OLD, words.too_old(unable[change.key])
    elif missing is not None and change.action is not Action.HOLD and change.cause not in _AS_BEFORE:
        reason = words.waits_for(missing, held=True)
    if not reason:
        return change
    none: frozenset[int] = frozenset()
    return replace(change, action=Action.HOLD, code=code, reason=reason, after=none, follows=none, interruption="")
