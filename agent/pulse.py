"""Whether what is under way gets on. Each job says, again and again, for how long it may be silent from now on.

Everything that may wait has a deadline of its own, so a job that is silent for longer than all that it may be at hangs
on a mistake of ours, and nothing but a new process helps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pulse:
    """`clock` is monotonic seconds. May be told from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, job: str, seconds: float) -> None:
        with self._lock:
            self._until[job] = self._clock() + seconds

    def beat(self, job: str, seconds: float) -> None:
        """The job has got on. What it was allowed before is not cut short: a longer step beside may still go on."""
        with self._lock:
            if job in self._until:
                self._until[job] = max(self._until[job], self._clock() + seconds)

    def end(self, job: str) -> None:
        with self._lock:
            self._until.pop(job, None)

    def late(self) -> tuple[str, ...]:
        """The jobs that should have been heard of."""
        now = self._clock()
        with self._lock:
            return tuple(sorted(job for job, until in self._until.items() if now > until))
