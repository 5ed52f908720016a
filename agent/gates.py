"""For which conditions of others a change waits before it begins."""

from __future__ import annotations

from agent.model import Action, Change, Condition, Requirement, Resource


def gated_by(change: Change) -> list[Requirement]:
    """The conditions that must hold before the change begins. A change that starts nothing waits for nobody's health,
    and a restart waits only for its turn (`Condition.GOOD`)."""
    if change.wanted is None or change.action is Action.REMOVE:
        return []
    conditions = [
        requirement for requirement in change.wanted.requires if requirement.condition is not Condition.EXISTS
    ]
    if _starts(change, change.wanted):
        return conditions
    return [one for one in conditions if one.condition is Condition.GOOD] if change.restarts else []


def _starts(change: Change, wanted: Resource) -> bool:
    if change.action is Action.RUN or wanted.handling.schedule:
        return change.action is Action.RUN  # what runs at times is not started by being made
    return change.action in {Action.CREATE, Action.REPLACE} or any(moved.path == "state" for moved in change.fields)
