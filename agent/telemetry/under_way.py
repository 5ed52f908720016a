"""What turns are at, in words for the status: a turn that takes long is told of before it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.converge import Ended, Event, Resting, Started, Waiting
from agent.model import Cause, Change, Revision

LONG = 2.0  # seconds after which a turn is told of


@dataclass
class _Turn:
    stack: str
    revision: Revision | None
    began: float
    steps: dict[int, str] = field(default_factory=dict)  # those that have begun and not ended, by number

    def __str__(self) -> str:
        """As in "b4d938a under way: replace container/web-1, its health check has not passed yet (and 1 more)"."""
        more = f" (and {len(self.steps) - 1} more)" if len(self.steps) > 1 else ""
        at = f"{self.revision.short} " if self.revision else ""
        return f"{at}under way: {next(iter(self.steps.values()))}{more}"


class UnderWay:
    """Turns and what they are at, by their run. Any thread may call. `clock` counts seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        self._told: dict[str, str] = {}  # what was told last, by run

    def heard(self, run: str, revision: Revision | None, event: Event) -> None:
        """A turn gets on. What only runs a job makes nothing as it is wanted, and is not meant."""
        change = event.outcome.change if isinstance(event, Ended) else event.change
        if change.cause is Cause.SCHEDULE:
            return
        with self._lock:
            turn = self._turns.setdefault(run, _Turn(change.stack, revision, self._clock()))
            if isinstance(event, Ended):
                turn.steps.pop(change.number, None)
            else:
                turn.steps[change.number] = _in_words(change, event)

    def ended(self, run: str) -> None:
        with self._lock:
            self._turns.pop(run, None)
            self._told.pop(run, None)

    def news(self) -> dict[str, str]:
        """By stack, what turns that take long are at, as far as that is not what was told before."""
        with self._lock:
            now = self._clock()
            long = {run: turn for run, turn in self._turns.items() if turn.steps and now - turn.began >= LONG}
            words = {run: str(turn) for run, turn in long.items()}
            new = {run: text for run, text in words.items() if self._told.get(run) != text}
            self._told |= new
            return {long[run].stack: text for run, text in new.items()}


def _in_words(change: Change, event: Started | Waiting | Resting) -> str:
    step = f"{change.action} {change.key}"
    match event:
        case Started():
            return step
        case Waiting():
            wish = f"waits for {event.requirement.key} to be {event.requirement.condition}"
            return f"{step} {wish}{f': {event.detail}' if event.detail else ''}"
        case Resting():
            return f"{step}: {event.detail}"
