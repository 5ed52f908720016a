"""How long to wait after a failure, and after healing the same thing again and again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agent.model import Cause, Key, Report, Status


@dataclass
class Backoff:
    """1, 2, 4 … seconds up to `longest`, each ±20 %, back to nothing after a success."""

    chance: random.Random
    longest: float
    failures: int = 0

    def failed(self) -> float:
        """Note one more failure in a row. Returns the seconds to wait."""
        seconds = min(self.longest, 2.0 ** min(self.failures, 16))
        self.failures += 1
        return seconds * self.chance.uniform(0.8, 1.2)

    def succeeded(self) -> None:
        self.failures = 0


@dataclass
class Repeats:
    """Notices that the same object is healed over and over: a container that dies, or someone who fights git.

    The first healings are immediate; each further one within `quiet` seconds of the last waits twice as long.
    """

    free: int = 3
    quiet: float = 300.0
    longest: float = 300.0
    _seen: dict[Key, tuple[int, float]] = field(default_factory=dict)

    def pause(self, report: Report, now: float) -> float:
        """Seconds to leave the stack alone after this report."""
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen[1] < self.quiet}
        longest = 0.0
        for outcome in report.outcomes:
            if outcome.status is Status.DONE and outcome.change.cause is Cause.DRIFT:
                count = self._seen.get(outcome.change.key, (0, now))[0] + 1
                self._seen[outcome.change.key] = (count, now)
                if count > self.free:
                    longest = max(longest, min(self.longest, 2.0 ** (count - self.free)))
        return longest
