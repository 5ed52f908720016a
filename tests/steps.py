"""Plans of numbered steps, and a host made of functions that carries them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.converge import Event, Options, Perform, converge
from agent.model import Action, Cause, Change, FieldChange, Key, Outcome, Plan, Requirement, Resource, Status
from agent.probe import Gate, Probe
from agent.rollout import Pace
from tests.planning.scene import key, waits

DB = "container/db"
HEALTHY = waits(DB)
DONE = Probe(Gate.PASSED)
LATE = Probe(Gate.PENDING, "starting", patience=10.0)  # once those seconds are over


def change(
    number: int,
    action: Action = Action.CREATE,
    *,
    after: Iterable[int] = (),
    follows: Iterable[int] = (),
    requires: Iterable[Requirement] = (),
    fields: tuple[FieldChange, ...] = (),
) -> Change:
    of = Key("container", f"c{number}")
    return Change(
        number,
        action,
        of,
        "web",
        Cause.COMMIT,
        "is held for a reason" if action is Action.HOLD else "does not exist yet",
        fields,
        frozenset(after),
        frozenset(follows),
        wanted=Resource(of, "web", {}, tuple(requires)),
    )


@dataclass
class Host:
    """`trouble` is what a change, by its number, raises; `answers` are given to the probes, the last one for ever."""

    trouble: dict[int, BaseException] = field(default_factory=dict)
    answers: list[Probe] = field(default_factory=lambda: [Probe(Gate.PASSED)])
    performed: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    now: float = 0.0
    probes: int = 0
    stop_after: int | None = None  # so many performed changes

    def perform(self, change: Change, _pace: Pace) -> None:
        self.performed.append(change.number)
        if change.number in self.trouble:
            raise self.trouble[change.number]

    def probe(self, requirement: Requirement) -> Probe:
        assert requirement.key == key(DB)
        self.probes += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def clock(self) -> float:
        self.now += 0.25
        return self.now

    def stopping(self) -> bool:
        return self.stop_after is not None and len(self.performed) >= self.stop_after

    def converge(
        self,
        *changes: Change,
        perform: Perform | None = None,
        probe: Callable[[Requirement], Probe] | None = None,
        workers: int = 4,
    ) -> tuple[Outcome, ...]:
        return converge(
            Plan(changes),
            perform or self.perform,
            probe or self.probe,
            options=Options(workers, poll=0.002),
            stop=self.stopping,
            clock=self.clock,
            sleep=time.sleep,
            report=self.events.append,
        )


def statuses(outcomes: Iterable[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]
