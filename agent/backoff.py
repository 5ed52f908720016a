"""How long to leave a stack alone: after a failure, and after healing the same thing again and again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT
from agent.model import Action, Cause, Key, Outcome, Report, Status

ENGINE_REASONS = frozenset({"EngineUnavailable", "EngineTimeout"})
UNTOUCHED = ENGINE_REASONS | {DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT}  # nobody refused it; it may not even have begun
BETWEEN_INTERRUPTIONS = 300.0
LONGEST_UNTOUCHED = 30.0


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


class Patience:
    """Seconds to leave each stack alone after a turn. `chance` spreads them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._backoffs: dict[str, Backoff] = {}
        self._repeats = Repeats()

    def after(self, report: Report, now: float) -> float:
        backoff = self._backoffs.setdefault(report.stack, Backoff(self._chance, longest=300.0))
        if report.failure is None or only_held(report):
            backoff.succeeded()
            return self._repeats.pause(report, now)
        wait = backoff.failed()
        if interrupted_in_vain(report):
            return max(wait, BETWEEN_INTERRUPTIONS * self._chance.uniform(1.0, 1.2))
        untouched = report.failure.reason in ENGINE_REASONS or only_unprepared(report)
        return min(wait, LONGEST_UNTOUCHED) if untouched else wait

    def forgive(self, stack: str) -> None:
        """Forget the failures so far: they say nothing of what is tried next."""
        self._backoffs.pop(stack, None)


def only_held(report: Report) -> bool:
    """Nothing was touched, so nothing can feed itself: the next event or the next full look is soon enough."""
    return bool(report.outcomes) and all(outcome.status is Status.HELD for outcome in report.outcomes)


def only_unprepared(report: Report) -> bool:
    """Whether all that failed was to be fetched or written beforehand, so that nothing has been touched for it. What
    drifts meanwhile is not to wait for a registry, and kinds have their own patience with those."""
    failed = [outcome.change.wanted for outcome in report.outcomes if outcome.status is Status.FAILED]
    return bool(failed) and all(wanted is not None and wanted.prepares for wanted in failed)


def interrupted_in_vain(report: Report) -> bool:
    """Whether something that ran was stopped for a replacement that did not come about, as it would be each time."""
    replaced = [outcome for outcome in report.outcomes if _interrupts(outcome)]
    did_not_take = report.failure is not None and report.failure.reason == "DidNotTake"
    return any(
        (outcome.status is Status.FAILED and outcome.reason not in UNTOUCHED)
        or (outcome.status is Status.DONE and did_not_take)
        for outcome in replaced
    )


def _interrupts(outcome: Outcome) -> bool:
    """What is prepared for a stack, its images and files, is fetched and written while all of it runs."""
    change = outcome.change
    return change.action is Action.REPLACE and not (change.wanted and change.wanted.prepares)
