"""Carries a plan out, side by side where its order allows. Decides nothing about the host.

The caller's thread decides what may begin and what is skipped, from outcomes alone; a bounded number of others perform
the changes. A change that waits for the health of something else waits here, before it begins. One that is made and
rests until it is healthy itself leaves its worker's place to another one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue

from agent.errors import Overtaken, Refused, Trouble
from agent.gates import Gates, gated_by
from agent.model import Action, Change, Condition, Key, Outcome, Plan, Requirement, Status
from agent.probe import Gate, Probe
from agent.rollout import Failures, Pace
from agent.stand_ins import ignore
from agent.threads import begin
from agent.timing import Timed

Perform = Callable[[Change, Pace], str | None]  # returns a remark on what was done, mostly none
Beside = Callable[[Set[Key], Set[Key], int], Sequence[Change]]  # see `agent.beside`

STOPPED = "Stopped"
DEPENDENCY_FAILED = "DependencyFailed"
DEPENDENCY_TIMEOUT = "DependencyTimeout"
HELD = "Held"
ROLLOUT_STOPPED = "RolloutStopped"
CIRCULAR = "StepsInACircle"

MOST_AT_ONCE = 128  # changes, those that rest among them
_TELL_EVERY = 1.0  # seconds between two reports that nothing has changed about a wait


@dataclass(frozen=True)
class Options:
    """`workers` changes at once. A required condition is asked for every `poll` seconds, for as long as it may take and
    for `gate_timeout` at most. Where nothing begins or ends for `quiet` seconds, what drifts beside is looked for."""

    workers: int = 8
    gate_timeout: float = math.inf
    poll: float = 0.1
    quiet: float = 2.0


@dataclass(frozen=True)
class Started:
    change: Change


@dataclass(frozen=True)
class Waiting:
    """The change waits for a requirement, in words as the object's kind puts it, for so many seconds by now."""

    change: Change
    requirement: Requirement
    detail: str
    seconds: float


@dataclass(frozen=True)
class Ended:
    outcome: Outcome


@dataclass(frozen=True)
class Resting:
    """The change is made and waits until what it made is good, in words why, for so many seconds by now."""

    change: Change
    detail: str
    seconds: float


Event = Started | Waiting | Resting | Ended


def converge(
    plan: Plan,
    perform: Perform,
    probe: Callable[[Requirement], Probe],
    *,
    options: Options,
    stop: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    report: Callable[[Event], None],
    timed: Timed = ignore,
    beside: Beside | None = None,
) -> tuple[Outcome, ...]:
    """Perform every change of the plan behind those that it comes after; the outcomes in the order of the plan, and
    behind them those of what came up `beside` it.

    `perform` runs in threads of a pool and says by raising `Trouble` that it failed; anything else that it raises is a
    bug, ends the run once what had begun has ended, and is raised again. When `stop` says so, nothing more begins.
    `clock` counts seconds, monotonic. `report` is called in the caller's thread, `timed` in those of the pool.
    """
    run = _Run(plan, perform, probe, options, stop, clock, sleep, report, timed, beside)
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="converge") as pool:
        run.to_the_end(pool)
    return run.outcomes()


@dataclass
class _Wait:
    """A change that could begin, were it not for conditions that it requires of others."""

    change: Change
    requirements: list[Requirement]
    since: float
    told: dict[Requirement, Waiting] = field(default_factory=dict)


@dataclass
class _Rest:
    """The first rest of a change, and when it was last told."""

    change: Change
    since: float
    told: float = float("-inf")


@dataclass
class _Run:
    """One run. Only the caller's thread touches it; what the pool does comes back through `_inbox`."""

    plan: Plan
    perform: Perform
    probe: Callable[[Requirement], Probe]
    options: Options
    stop: Callable[[], bool]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    report: Callable[[Event], None]
    timed: Timed
    beside: Beside | None

    def __post_init__(self) -> None:
        self._changes: dict[int, Change] = {}
        self._blocked_by: dict[int, int] = {}
        self._behind: dict[int, list[int]] = {}
        self._free: list[int] = []  # heap: nothing before it left
        self._waits: dict[int, _Wait] = {}
        self._ready: list[int] = []  # heap: may begin as soon as a worker is free
        self._running = 0
        self._resting: dict[int, _Rest] = {}
        self._numbers: dict[Future[Outcome], int] = {}
        self._inbox: SimpleQueue[Future[Outcome] | tuple[Change, str]] = SimpleQueue()
        self._outcomes: dict[int, Outcome] = {}
        self._gates = Gates(self.probe, self.clock, self.options.poll / 2)
        self._failures = Failures(self.plan.changes)
        self._bug: BaseException | None = None
        self._moved = 0.0  # when something has begun or ended, or was looked for beside
        self._take_on(self.plan.changes)

    def _take_on(self, changes: Iterable[Change]) -> None:
        for change in changes:
            earlier = change.after | change.follows
            self._changes[change.number], self._blocked_by[change.number] = change, len(earlier)
            for one in earlier:
                self._behind.setdefault(one, []).append(change.number)
            if not earlier:
                heapq.heappush(self._free, change.number)

    def to_the_end(self, pool: Executor) -> None:
        """Raises what `perform` raised if that was no `Trouble`."""
        self._sort_out()
        while self._running or self._resting or ((self._ready or self._waits) and not self._bug):
            if not self._bug:
                self._begin(pool)
            if self._running or self._resting or self._waits:  # else no thread was to be had, and nothing will be heard
                self._collect()
            self._ask()
            self._look_beside()
            self._sort_out()
        if self._bug:
            raise self._bug

    def outcomes(self) -> tuple[Outcome, ...]:
        """Of a change that could never begin too: what came of the others is told all the same."""
        return tuple(self._outcomes.get(change.number) or _never_begun(change) for change in self._changes.values())

    def _look_beside(self) -> None:
        """Take on what drifted meanwhile of what no step here is about, or waits for."""
        if self.beside is None or self._bug or self.stop() or self.clock() - self._moved < self.options.quiet:
            return
        self._moved, idle = self.clock(), self._idle()
        for change in self.beside(self._busy(), idle.keys(), max(self._changes) + 1):
            self._take_on([change])
            if change.key in idle:
                self._put_behind(idle[change.key], change.number)

    def _busy(self) -> set[Key]:
        """What a step is about, or waits for. What failed here is tried again by another turn."""
        well = {outcome.change.key for outcome in self._outcomes.values() if outcome.status in _WELL}
        own = {change.key for change in self.plan.changes} - well
        more = {change.key for number, change in self._changes.items() if number not in self._outcomes}
        return own | more | {one.key for wait in self._waits.values() for one in wait.requirements}

    def _idle(self) -> dict[Key, int]:
        """What is to be replaced and runs as it was until its step begins, with the number of that; not what was
        stopped for another one."""
        open_ = {number: change for number, change in self._changes.items() if number not in self._outcomes}
        others = {change.key for change in open_.values() if change.action is not Action.REPLACE}
        others |= {change.key for change in self.plan.changes if change.action is Action.STOP}
        waiting = (number for number in open_ if self._blocked_by[number] or number in self._waits)
        return {open_[number].key: number for number in waiting if open_[number].key not in others}

    def _put_behind(self, number: int, other: int) -> None:
        """A step that has not begun comes behind another one, however that ends."""
        self._waits.pop(number, None)
        self._blocked_by[number] += 1
        self._behind.setdefault(other, []).append(number)

    # --- deciding ---

    def _sort_out(self) -> None:
        """Send on everything that nothing is in front of any more, and give up what has not begun when told to."""
        if self.stop():
            for number in [*self._ready, *self._waits]:
                heapq.heappush(self._free, number)
            self._ready.clear()
            self._waits.clear()
        while self._free:
            change = self._changes[heapq.heappop(self._free)]
            if over := self._over_already(change):
                self._end(over)
            elif requirements := gated_by(change):
                self._waits[change.number] = _Wait(change, requirements, self.clock())
                self._look(self._waits[change.number])
            else:
                heapq.heappush(self._ready, change.number)

    def _over_already(self, change: Change) -> Outcome | None:
        """The outcome of a change that is not to begin at all, None where it may."""
        if change.action is Action.HOLD:
            return Outcome(change, Status.HELD, change.reason, change.code or HELD)
        for earlier in sorted(change.after):
            outcome = self._outcomes[earlier]
            if outcome.status is not Status.DONE:
                detail = f"needs {outcome.change.action} {outcome.change.key}, which {_FATE[outcome.status]}"
                return Outcome(change, Status.SKIPPED, detail, DEPENDENCY_FAILED)
        if self._failures.too_many(change):
            return Outcome(change, Status.SKIPPED, "too many others of its service failed before it", ROLLOUT_STOPPED)
        if self.stop():
            return Outcome(change, Status.SKIPPED, "not begun, for the agent ends or newer content is wanted", STOPPED)
        return None

    def _end(self, outcome: Outcome) -> None:
        number = outcome.change.number
        self._moved = self.clock()
        self._outcomes[number] = outcome
        self._failures.note(outcome)
        self.report(Ended(outcome))
        for later in self._behind.get(number, ()):
            self._blocked_by[later] -= 1
            if not self._blocked_by[later]:
                heapq.heappush(self._free, later)

    # --- performing ---

    def _begin(self, pool: Executor) -> None:
        while self._ready and self._running < self.options.workers:
            change = self._changes[heapq.heappop(self._ready)]
            self.report(Started(change))
            try:
                future = begin(pool, partial(self._attempt, change), f"{change.action} {change.key}")
            except Refused as refused:
                self._end(Outcome(change, Status.FAILED, refused.message, refused.reason))
                continue
            self._running, self._moved = self._running + 1, self.clock()
            self._numbers[future] = change.number
            future.add_done_callback(self._inbox.put)

    def _attempt(self, change: Change) -> Outcome:
        """In a thread of the pool."""
        began = self.clock()

        def rest(seconds: float, why: str) -> None:
            self._inbox.put((change, why))
            self.sleep(seconds)

        try:
            remark = self.perform(change, Pace(self.clock, rest, self.stop, self.timed))
        except Trouble as error:
            status = Status.OVERTAKEN if isinstance(error, Overtaken) else Status.FAILED
            seconds = self.clock() - began
            return Outcome(change, status, error.message, error.reason, seconds, attempted=error.attempted)
        return Outcome(change, Status.DONE, remark or "", seconds=self.clock() - began)

    def _collect(self) -> None:
        """Take in what has ended, waiting for the first of it for as long as nothing else is due."""
        try:
            self._take_in(self._inbox.get(timeout=self._until_next()))
            while True:
                self._take_in(self._inbox.get_nowait())
        except Empty:
            return

    def _until_next(self) -> float | None:
        """Seconds, None where nothing is due."""
        if self._waits:
            return self.options.poll
        return self.options.quiet if self.beside else None

    def _take_in(self, message: Future[Outcome] | tuple[Change, str]) -> None:
        if isinstance(message, tuple):
            self._note_rest(*message)
            return
        if self._resting.pop(self._numbers.pop(message), None) is None:
            self._running -= 1
        if bug := message.exception():
            self._bug = self._bug or bug
        else:
            self._end(message.result())

    def _note_rest(self, change: Change, why: str) -> None:
        """From its first rest on it counts as no running change: what it still has to do is little."""
        now = self.clock()
        if change.number not in self._resting:
            self._resting[change.number] = _Rest(change, now)
            self._running -= 1
        rest = self._resting[change.number]
        if now - rest.told >= _TELL_EVERY:
            rest.told = now
            self.report(Resting(change, why, now - rest.since))

    # --- waiting for others ---

    def _ask(self) -> None:
        for wait in list(self._waits.values()):
            self._look(wait)

    def _look(self, wait: _Wait) -> None:
        """Send the change on when all that it requires holds, or end it when something never will."""
        waited = self.clock() - wait.since
        for requirement in list(wait.requirements):
            found = self._gates.ask(requirement)
            limit = min(found.patience, self.options.gate_timeout)
            late = found.gate is Gate.PENDING and max(waited, found.taken) >= limit
            hopeless = late or found.gate is Gate.FAILED
            if found.gate is Gate.PASSED or (hopeless and requirement.optional):
                wait.requirements.remove(requirement)
            elif hopeless:
                self._give_up(wait, requirement, found.detail, limit if late else None)
                return
            else:
                self._tell(wait, Waiting(wait.change, requirement, found.detail, waited))
        if not wait.requirements:
            del self._waits[wait.change.number]
            heapq.heappush(self._ready, wait.change.number)

    def _tell(self, wait: _Wait, event: Waiting) -> None:
        told = wait.told.get(event.requirement)
        if told is None or told.detail != event.detail or event.seconds - told.seconds >= _TELL_EVERY:
            wait.told[event.requirement] = event
            self.report(event)

    def _give_up(self, wait: _Wait, requirement: Requirement, detail: str, limit: float | None) -> None:
        """End the change that waits: after `limit` seconds, or (None) since the condition can never hold."""
        del self._waits[wait.change.number]
        said = f"waits for {requirement.key} to be {_WISH[requirement.condition]}: {detail or 'no answer'}"
        if limit is not None:
            said += f" (gave up after {limit:g} s)"
        reason = DEPENDENCY_FAILED if limit is None else DEPENDENCY_TIMEOUT
        self._end(Outcome(wait.change, Status.FAILED, said, reason, awaited=requirement.key))


_WELL = frozenset({Status.DONE, Status.HELD})
_FATE = {
    Status.FAILED: "failed",
    Status.OVERTAKEN: "was overtaken",
    Status.SKIPPED: "was skipped",
    Status.HELD: "is held",
}
_WISH = {
    Condition.EXISTS: "there",
    Condition.STARTED: "started",
    Condition.HEALTHY: "healthy",
    Condition.COMPLETED: "completed",
    Condition.GOOD: "good",
}


def _never_begun(change: Change) -> Outcome:
    return Outcome(change, Status.SKIPPED, "not begun, for the steps before it wait for one another", CIRCULAR)
