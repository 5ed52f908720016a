"""Which jobs are due, and what has become of their runs. For the loop's own thread only.

What ran when is known by the jobs' containers, so nothing has to be kept for the next process. A time that nobody was
there for is made up for within `LATE`, once; after that it is missed, which is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agent.converge import STOPPED
from agent.cron import last_until, next_after
from agent.jobs import JobEnd, JobResult, JobSeen, JobState
from agent.kind_names import CONTAINER
from agent.model import Action, Cause, Change, Health, Key, Outcome, Report, Status
from agent.occasions import Trigger
from agent.planning import Errand
from agent.work import Work

LATE = 300.0  # seconds after its time in which a run still begins
AGAIN = 30.0  # seconds between two attempts to stop a run
SUSPENDED = "its stack is suspended"


@dataclass
class _Job:
    """One job as the last look saw it. Nothing until `since` is due any more. `told` is the run that was last told to
    be over, by its container and its beginning."""

    state: JobState
    since: float
    next_at: float | None = None
    told: tuple[str, float] = ("", 0.0)
    stopped_at: float = 0.0

    def begin_anew(self, now: float) -> None:
        """From this moment on, whatever was before."""
        self.since = now
        self.next_at = next_after(self.state.schedule.cron, self.state.schedule.zone, now)

    def due(self, now: float) -> float | None:
        """The latest time that has come since it was last asked, if one has."""
        if now < self.since - 60.0:  # the clock was set back
            self.begin_anew(now)
        if self.next_at is None or now < self.next_at:
            return None
        came, since = last_until(self.state.schedule.cron, self.state.schedule.zone, now), self.since
        self.begin_anew(now)
        return came if came is not None and came > since else None

    def overruns(self, now: float) -> bool:
        """Whether its run takes longer than it may, and was not stopped a moment ago."""
        seen = self.state.seen
        is_late = seen is not None and seen.is_running and now - seen.began >= self.state.schedule.timeout
        return is_late and now - self.stopped_at >= AGAIN


@dataclass
class Scheduling:
    """`mark` makes a turn of a stack due, `tell` is told of each run that is over or never was; `wall` gives seconds
    since the epoch."""

    stacks: Mapping[str, Work]
    mark: Callable[[Work, str], None]
    tell: Callable[[JobEnd], None]
    wall: Callable[[], float]
    _jobs: dict[str, dict[str, _Job]] = field(default_factory=dict, init=False)  # by stack and container
    _asked: dict[str, dict[Key, Errand]] = field(default_factory=dict, init=False)
    _under_way: dict[str, Mapping[Key, Errand]] = field(default_factory=dict, init=False)

    def ask(self) -> None:
        """Make a turn due of each stack of which a job's time has come, or has run out."""
        now = self.wall()
        for stack, jobs in self._jobs.items():
            work = self.stacks.get(stack)
            if work is not None and work.desired is not None:
                for job in jobs.values():
                    self._ask(work, job, now)

    def take(self, stack: str) -> Mapping[Key, Errand]:
        """What the jobs of the stack are to do in the turn that begins. Tells of the runs that are too late by now."""
        now, asked = self.wall(), self._asked.pop(stack, {})
        late = {key for key, one in asked.items() if one.action is Action.RUN and now - one.since > LATE}
        for key in sorted(late):
            if state := self._state_of(stack, key):
                why = "its stack was busy with something else, or backed off"
                self._tell_none(stack, state, asked[key].since, JobResult.MISSED, why)
        self._under_way[stack] = taken = {key: one for key, one in asked.items() if key not in late}
        return taken

    def heed(self, work: Work, report: Report) -> Report:
        """Take in what a turn has seen and done of the jobs. Returns the report with when each is due next."""
        now, jobs = self.wall(), dict(self._jobs.get(work.name, {}))
        self._answered(work, report, now)
        for name, seen in _seen_before(report):
            if name in jobs:
                self._note(work, jobs[name], replace(jobs[name].state, seen=seen))
        for state in report.jobs:
            job = jobs.setdefault(state.name, _first_seen(state, now, is_new=work.name in self._jobs))
            if state.schedule != job.state.schedule:
                job.state = replace(job.state, schedule=state.schedule)
                job.begin_anew(now)
            self._note(work, job, state)
        if report.health is not Health.UNKNOWN:  # else the host was not looked at
            self._jobs[work.name] = {state.name: jobs[state.name] for state in report.jobs}
        return replace(report, jobs=tuple(replace(one, next_at=jobs[one.name].next_at) for one in report.jobs))

    def forget(self, stack: str) -> None:
        for by_stack in (self._jobs, self._asked, self._under_way):
            by_stack.pop(stack, None)

    # --- what is due ---

    def _ask(self, work: Work, job: _Job, now: float) -> None:
        at, key = job.due(now), Key(CONTAINER, job.state.name)
        if at is not None:
            if now - at > LATE:
                self._tell_none(work.name, job.state, at, JobResult.MISSED, "the agent was not there at its time")
            elif work.suspended.whole:
                self._tell_none(work.name, job.state, at, JobResult.SKIPPED, SUSPENDED)
            else:
                self._send(work, key, Errand(Action.RUN, at, f"its time has come ({job.state.schedule.cron})"))
        if job.overruns(now) and not work.suspended.whole and key not in self._asked.get(work.name, {}):
            job.stopped_at = now
            why = f"its run takes longer than it may ({job.state.schedule.timeout:g} s)"
            self._send(work, key, Errand(Action.STOP, now, why))

    def _send(self, work: Work, key: Key, errand: Errand) -> None:
        self._asked.setdefault(work.name, {})[key] = errand
        self.mark(work, Trigger.SCHEDULE)

    # --- what came of it ---

    def _answered(self, work: Work, report: Report, now: float) -> None:
        """Tell of the runs that did not begin. What was not come to is asked for again, unless it is too late."""
        changes = {change.key: change for change in report.plan.changes if change.cause is Cause.SCHEDULE}
        ends = {outcome.change.number: outcome for outcome in report.outcomes}
        for key, errand in self._under_way.pop(work.name, {}).items():
            state = self._state_of(work.name, key)
            if errand.action is not Action.RUN or state is None:
                continue
            change = changes.get(key)
            outcome = ends.get(change.number) if change else None
            if change is None or _was_not_come_to(change, outcome):
                self._ask_again(work, key, errand, report, now)
            elif change.action is Action.HOLD:
                self._tell_none(work.name, state, errand.since, JobResult.SKIPPED, change.reason)
            elif outcome is not None and outcome.status is not Status.DONE:
                result = JobResult.FAILED if outcome.status is Status.FAILED else JobResult.SKIPPED
                self._tell_none(work.name, state, errand.since, result, outcome.detail)

    def _ask_again(self, work: Work, key: Key, errand: Errand, report: Report, now: float) -> None:
        state = self._state_of(work.name, key)
        if work.desired is None or key not in work.goal.keys or state is None:
            return  # nobody wants it any more
        if work.suspended.whole:
            self._tell_none(work.name, state, errand.since, JobResult.SKIPPED, SUSPENDED)
        elif now - errand.since <= LATE:
            self._asked.setdefault(work.name, {}).setdefault(key, errand)
            self.mark(work, Trigger.SCHEDULE)
        else:
            why = report.failure.message if report.failure else "it could not be started in time"
            self._tell_none(work.name, state, errand.since, JobResult.MISSED, why)

    def _note(self, work: Work, job: _Job, state: JobState) -> None:
        """Take in a newer state of the job, and tell of a run that is over by it."""
        before, seen = job.state.seen, state.seen
        job.state = state
        if before is not None and before.is_running and (seen is None or _run(seen) != _run(before)):
            self._tell_unseen(work.name, state, before, seen)
        if seen is not None and (result := state.result) and _run(seen) != job.told:
            job.told = _run(seen)
            named, seconds = (_id_of(seen), *_named(work.name, state)), seen.ended - seen.began
            self.tell(JobEnd(*named, result, seen.began, seconds, seen.exit_code, seen.words))

    def _tell_unseen(self, stack: str, state: JobState, before: JobSeen, seen: JobSeen | None) -> None:
        """Of a run whose end nobody has seen: the next one has begun, or its container is gone."""
        if seen is not None and seen.id == before.id:
            result, until, why = JobResult.REPLACED, seen.began, "it was stopped for the next run"
        else:
            result, until, why = JobResult.FAILED, self.wall(), "its container was removed while it ran"
        seconds = max(0.0, until - before.began)
        self.tell(JobEnd(_id_of(before), *_named(stack, state), result, before.began, seconds, message=why))

    def _tell_none(self, stack: str, state: JobState, at: float, result: JobResult, why: str) -> None:
        """Of a time at which nothing ran."""
        self.tell(JobEnd(_digest(stack, state.name, at), *_named(stack, state), result, at, message=why))

    def _state_of(self, stack: str, key: Key) -> JobState | None:
        job = self._jobs.get(stack, {}).get(key.name)
        return job.state if job is not None else None


def _first_seen(state: JobState, now: float, *, is_new: bool) -> _Job:
    """A job of a stack that is looked at for the first time may be older than this process: then what came up since its
    container was made or ran last has not been run. One `is_new` where the stack was there without it."""
    seen = state.seen
    job = _Job(replace(state, seen=None), now)
    job.begin_anew(min(now, max(seen.made, seen.began)) if seen and not is_new else now)
    return job


def _seen_before(report: Report) -> Iterator[tuple[str, JobSeen]]:
    """What was seen of jobs before a change of theirs."""
    for outcome in report.outcomes:
        seen = outcome.change.seen
        if seen is not None and seen.job is not None:
            yield seen.key.name, seen.job


def _was_not_come_to(change: Change, outcome: Outcome | None) -> bool:
    """Whether a run may begin yet: something else was in the way of the turn."""
    if change.action is Action.HOLD:
        return False
    if outcome is None:
        return True
    return outcome.status is Status.OVERTAKEN or (outcome.status is Status.SKIPPED and outcome.reason == STOPPED)


def _run(seen: JobSeen) -> tuple[str, float]:
    return seen.id, seen.began


def _named(stack: str, state: JobState) -> tuple[str, str, str, str]:
    return stack, state.service, state.name, state.schedule.cron


def _id_of(seen: JobSeen) -> str:
    return _digest(*_run(seen))


def _digest(*facts: object) -> str:
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:12]
