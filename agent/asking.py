"""When to ask the source for what is newest: at each poll, at once when somebody says so, and less often while it
fails. Times are monotonic seconds from `clock`."""

from __future__ import annotations

import random
from collections.abc import Callable

from agent.backoff import Backoff
from agent.model import Failure

LOCKS_OUT = frozenset({"GitAuthFailed"})  # asking often with a refused credential gets the address locked out


class Asking:
    """Touched by the loop's own thread only; `failure` may be read by any. `chance` spreads the polls by `jitter`."""

    def __init__(self, clock: Callable[[], float], chance: random.Random, poll: float, jitter: float) -> None:
        self._clock, self._chance, self._poll, self._jitter = clock, chance, poll, jitter
        self._failures = Backoff(chance, longest=300.0)
        self._again = False  # somebody asked while it was busy
        self._outdated = False  # what is being read is of no use any more
        self.busy = False
        self.due = 0.0
        self.failure: Failure | None = None

    def at_once(self) -> None:
        self.due, self._again = 0.0, self.busy

    def outdate(self) -> None:
        """What is being read now, if anything is, does not know what has just been noted: it is read again instead."""
        if self.busy:
            self._outdated = True
            self.at_once()

    @property
    def is_outdated(self) -> bool:
        """Whether what comes of the reading under way is not to be followed."""
        return self._outdated

    @property
    def is_due(self) -> bool:
        return not self.busy and self._clock() >= self.due

    def answered(self, failure: Failure | None) -> float:
        """Note that it was asked, and what came of it. Returns the seconds until it is asked again."""
        wait = self._wait(failure)
        self.busy, self._outdated, self.failure = False, False, failure
        self.due, self._again = self._clock() + wait, False
        return wait

    def _wait(self, failure: Failure | None) -> float:
        if self._again:
            return 0.0
        if failure is None:
            self._failures.succeeded()
            return self._jittered(self._poll)
        if failure.reason in LOCKS_OUT:
            return max(self._poll, 60.0) * self._chance.uniform(1.0, 1 + self._jitter)
        return min(self._jittered(self._poll), self._failures.failed())

    def _jittered(self, seconds: float) -> float:
        return seconds * self._chance.uniform(1 - self._jitter, 1 + self._jitter)
