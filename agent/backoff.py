"""How long to leave a stack alone: after a failure, and after healing the same thing again and again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.account import DID_NOT_TAKE, changed_something, left_to_do
from agent.blame import BLAMELESS, MAY_PASS, UNTOUCHED, interrupts
from agent.fight import Fight
from agent.held import PORT_IN_USE
from agent.model import Action, Cause, Change, Failure, Key, Outcome, Report, Status
from agent.paused import paused_by
from agent.planning.causes import HEALED
from agent.processes import SURVIVING_PROCESS

TRIES = 3
OVERTAKEN = "Overtaken"
BETWEEN_INTERRUPTIONS = 300.0
LONGEST_UNTOUCHED = 30.0
SOON = 1.0
_GONE = ""  # stands for the object itself where a field's path could stand


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
class _Healed:
    """How often an object of a stack was healed, since when, and how often in which field, or because it was gone."""

    stack: str
    since: float
    last: float = 0.0
    wait: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def times(self) -> int:
        """How often the same was healed: somebody who tries one thing after the other does not fight git."""
        return max(self.counts.values(), default=0)

    def again(self, paths: Iterable[str], now: float) -> int:
        """Take it in. Returns how often the most frequent of these was healed by now."""
        self.last = now
        self.counts.update(paths)
        return max((self.counts[path] for path in paths), default=0)


@dataclass
class Repeats:
    """Notices what is healed over and over: a container that dies, or a field that somebody changes against git.

    The first healings are immediate; each further one of the same field waits twice as long, until there was none for
    `quiet` seconds beyond the wait.
    """

    free: int = 3
    quiet: float = 300.0
    longest: float = 300.0
    _seen: dict[Key, _Healed] = field(default_factory=dict)

    def note(self, report: Report, now: float) -> None:
        """Take in what was healed."""
        self._forget(now)
        for key, paths in _healed(report).items():
            healed = self._seen.setdefault(key, _Healed(report.stack, since=now))
            beyond = healed.again(paths, now) - self.free
            healed.wait = min(self.longest, 2.0 ** min(beyond, 16)) if beyond > 0 else 0.0

    def resting(self, stack: str, now: float) -> dict[Key, float]:
        """What of the stack is to be left alone for now, and for how many seconds yet."""
        left = {key: healed.last + healed.wait - now for key, healed in self._seen.items() if healed.stack == stack}
        return {key: seconds for key, seconds in left.items() if seconds > 0.001}

    def relent(self, stack: str) -> None:
        """Have everything of the stack healed at once, this time."""
        for healed in self._seen.values():
            healed.wait = 0.0 if healed.stack == stack else healed.wait

    def fights(self, stack: str, now: float) -> tuple[Fight, ...]:
        """What of the stack is healed over and over by now."""
        self._forget(now)
        return tuple(
            Fight(*key, self._coming_back(healed), healed.times, healed.last - healed.since, healed.wait)
            for key, healed in sorted(self._seen.items())
            if healed.stack == stack and healed.times > self.free
        )

    def _coming_back(self, healed: _Healed) -> tuple[str, ...]:
        return tuple(path for path, times in healed.counts.items() if times > self.free and path != _GONE)

    def _forget(self, now: float) -> None:
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen.last < self.quiet + seen.wait}


def _healed(report: Report) -> dict[Key, set[str]]:
    """What was healed, and in which fields, or that it was gone; without what was only taken along with it."""
    done = [outcome.change for outcome in report.outcomes if outcome.status is Status.DONE]
    taken = {change.key for change in done if change.action is Action.REMOVE}
    return {
        change.key: {field.path for field in change.fields} or {_GONE}
        for change in done
        if change.cause in HEALED
        and not (change.wanted and change.wanted.prepares and change.cause is Cause.IMAGE)
        and (change.fields or (change.action is Action.CREATE and change.key not in taken))
    }


class Pause(NamedTuple):
    """The seconds for which a stack is left `alone` after a turn, and those after which it is looked at `again` by
    itself, 0 for never; in between it is looked at whenever there is a reason."""

    alone: float = 0.0
    again: float = 0.0


class Patience:
    """For how long each stack, and what in it, is left alone. `chance` spreads that."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._backoffs: dict[str, Backoff] = {}
        self._repeats = Repeats()
        self._overtaken = Counter[str]()  # by stack: its last turns that came to nothing, since the world had moved

    def after(self, report: Report, now: float) -> Pause:
        backoff = self._backoffs.setdefault(report.stack, Backoff(self._chance, longest=300.0))
        self._repeats.note(report, now)
        again = min(self._repeats.resting(report.stack, now).values(), default=0.0)
        overtaken_again = self._is_overtaken_again(report)
        if (report.failure is not None and not report.waits) or overtaken_again:
            return Pause(self._alone(backoff.failed(), backoff, report), again)
        if _waits_for_a_port(report):  # of a port that is let go of no event tells
            in_vain = min(backoff.failed(), LONGEST_UNTOUCHED)
            return Pause(again=min(again or in_vain, in_vain))
        backoff.succeeded()
        return Pause(again=min(again or SOON, SOON) if _has_more_to_do(report) else again)

    def _alone(self, wait: float, backoff: Backoff, report: Report) -> float:
        if report.failure is None or paused_by(report):
            return wait
        if interrupted_in_vain(report) and not (_only_stumbled(report) and backoff.failures < TRIES):
            return max(wait, BETWEEN_INTERRUPTIONS * self._chance.uniform(1.0, 1.2))
        untouched = report.failure.reason in BLAMELESS or only_unprepared(report)
        return min(wait, LONGEST_UNTOUCHED) if untouched else wait

    def _is_overtaken_again(self, report: Report) -> bool:
        """Whether two turns in a row were overtaken and did nothing: the first is a chance, the second may go on so."""
        if not overtaken_in_vain(report):
            del self._overtaken[report.stack]
            return False
        self._overtaken[report.stack] += 1
        return self._overtaken[report.stack] > 1

    def stuck(self, report: Report) -> Failure | None:
        """What the turn of the report met that the last ones did too: the world has not moved, and it may go on so."""
        if self._overtaken[report.stack] < TRIES:
            return None
        first = next(outcome for outcome in report.outcomes if outcome.status is Status.OVERTAKEN)
        change = first.change
        return Failure(first.reason or OVERTAKEN, f"{change.action} {change.key}, again and again: {first.detail}")

    def fights(self, stack: str, now: float) -> tuple[Fight, ...]:
        """What of the stack is healed over and over, since something else changes it back."""
        return self._repeats.fights(stack, now)

    def resting(self, stack: str, now: float) -> frozenset[Key]:
        """What of the stack was healed too often of late, and is left alone for a while."""
        return frozenset(self._repeats.resting(stack, now))

    def relent(self, stack: str) -> None:
        """Somebody asks: what is left alone is tried now, however often it was."""
        self._repeats.relent(stack)

    def forgive(self, stack: str) -> None:
        """Forget the failures so far: they say nothing of what is tried next."""
        self._repeats.relent(stack)
        self._backoffs.pop(stack, None)
        del self._overtaken[stack]


def _has_more_to_do(report: Report) -> bool:
    """Whether something came up while the turn was under way that no event may tell of any more."""
    return any(map(changed_something, report.outcomes)) and bool(left_to_do(report.left))


def _waits_for_a_port(report: Report) -> bool:
    return any(change.code == PORT_IN_USE for change in report.left.changes)


def overtaken_in_vain(report: Report) -> bool:
    """Whether the world had moved since it was looked at, and nothing at all came of it: what was stopped for something
    else and goes on is as it was."""
    is_overtaken = any(outcome.status is Status.OVERTAKEN for outcome in report.outcomes)
    done = {outcome.change.key for outcome in report.outcomes if outcome.status is Status.DONE}
    return is_overtaken and not done - {outcome.change.key for outcome in report.outcomes if _goes_on(outcome)}


def only_unprepared(report: Report) -> bool:
    """Whether all that failed was to be fetched or written beforehand, so that nothing has been touched for it. What
    drifts meanwhile is not to wait for a registry, and kinds have their own patience with those."""
    failed = [outcome.change.wanted for outcome in report.outcomes if outcome.status is Status.FAILED]
    return bool(failed) and all(wanted is not None and wanted.prepares for wanted in failed)


def interrupted_in_vain(report: Report) -> bool:
    """Whether something that ran was stopped for a replacement that did not come about, as it would be each time."""
    replaced = [outcome for outcome in report.outcomes if interrupts(outcome) and not _was_down(outcome.change)]
    did_not_take = report.failure is not None and report.failure.reason in {DID_NOT_TAKE, SURVIVING_PROCESS}
    did_not_take = did_not_take and not _is_mended_in_place(report)
    return any(map(_goes_on, report.outcomes)) or any(
        (outcome.status is Status.FAILED and outcome.reason not in UNTOUCHED)
        or (outcome.status is Status.DONE and did_not_take)
        for outcome in replaced
    )


def _was_down(change: Change) -> bool:
    return change.seen is not None and any(one.path == "state" for one in change.seen.differences)


def _is_mended_in_place(report: Report) -> bool:
    """Whether what is left to do interrupts nothing."""
    left = left_to_do(report.left)
    return bool(left) and all(change.action is Action.UPDATE and not change.restarts for change in left)


def _only_stumbled(report: Report) -> bool:
    """Whether nothing is to blame but what may pass, such as an engine that went wrong and does not say in what."""
    failed = {one.reason for one in report.outcomes if one.status is Status.FAILED} - UNTOUCHED
    return bool(failed) and failed <= MAY_PASS


def _goes_on(outcome: Outcome) -> bool:
    """Whether it is of what was stopped for something else that did not come about."""
    return outcome.change.action is Action.RUN and outcome.change.cause is not Cause.SCHEDULE
