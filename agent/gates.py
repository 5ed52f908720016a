"""For which conditions of others a change waits before it begins, and whether they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.errors import Trouble
from agent.model import Action, Change, Condition, Requirement, Resource
from agent.probe import Gate, Probe


class _Answer(NamedTuple):
    """What was said of a requirement, and when."""

    probe: Probe
    at: float


class Gates:
    """Whether requirements hold, as `probe` says, and may raise `Trouble` instead. Many changes may wait for one thing,
    so an answer is used again where it was yes, or is of the last `recent` seconds by `clock`."""

    def __init__(self, probe: Callable[[Requirement], Probe], clock: Callable[[], float], recent: float) -> None:
        self._probe, self._clock, self._recent = probe, clock, recent
        self._answers: dict[Requirement, _Answer] = {}

    def ask(self, requirement: Requirement) -> Probe:
        now = self._clock()
        answer = self._answers.get(requirement)
        if answer is None or (answer.probe.gate is not Gate.PASSED and now - answer.at >= self._recent):
            try:
                found = self._probe(requirement)
            except Trouble as error:  # no answer says nothing of what is waited for: whoever asks goes on
                found = Probe(Gate.PENDING, error.message)
            answer = self._answers[requirement] = _Answer(found, now)
        return answer.probe


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
