"""The gauges that tell how each stack stands now.

They are read off one snapshot at the moment of a scrape: no scrape sees half an update, and the series of a stack
that is gone are gone with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agent.account import changed_something, is_held_back, worst
from agent.jobs import JobResult, JobState
from agent.model import Cause, Health, Key, Report, Result, Revision, Status
from agent.telemetry import catalogue
from agent.telemetry.catalogue import Spec
from agent.telemetry.reports import brought_by, pending_of, was_looked_at

_MOST_JOBS = 100  # of one stack


@dataclass(frozen=True)
class JobGauge:
    """What the gauges say of one job: when its last good run ended, and whether its last run was good; None where that
    is not known."""

    succeeded_at: float | None = None
    is_good: bool | None = None

    def after(self, state: JobState) -> JobGauge:
        if state.seen is None or state.result is None:
            return self
        if state.result is JobResult.SUCCEEDED:
            return JobGauge(state.seen.ended, True)
        return JobGauge(self.succeeded_at, False)


@dataclass(frozen=True)
class StackState:
    """What the gauges say of one stack. `drifted` are the objects whose drift was found and is not put right."""

    synced: bool = False
    health: Health = Health.UNKNOWN
    desired: int = 0
    ready: int = 0
    revision: Revision | None = None
    commit: Revision | None = None
    changed_at: float = 0.0
    failures: int = 0
    pending: Mapping[str, int] = field(default_factory=dict)
    prune_held: int = 0
    problems: int = 0
    drifted: frozenset[Key] = frozenset()
    repeating: int = 0
    suspended: bool = False
    jobs: Mapping[str, JobGauge] = field(default_factory=dict)  # by service
    remembered: Mapping[str, float] = field(default_factory=dict)  # by container, from before: its last good run's end

    def after(self, report: Report) -> StackState:
        """The state once the report's pass is over."""
        looked = was_looked_at(report)
        done = {outcome.change.key for outcome in report.outcomes if outcome.status is Status.DONE}
        drifted = {change.key for change in report.plan.changes if change.cause is Cause.DRIFT}
        return replace(
            self,
            synced=report.synced,
            health=report.health,
            desired=sum(state.desired for state in report.services) if looked else self.desired,
            ready=sum(state.ready for state in report.services) if looked else self.ready,
            revision=report.revision if report.synced else self.revision,
            commit=brought_by(report) or self.commit,
            changed_at=report.started + report.seconds
            if any(map(changed_something, report.outcomes))
            else self.changed_at,
            failures=self.failures + 1 if report.result is Result.ERROR else 0,
            pending=Counter(action.value for action in pending_of(report)),
            prune_held=_prune_held(report),
            problems=len(report.failure.problems) if report.failure else 0,
            drifted=frozenset(drifted - done),
            repeating=len(report.fights),
            suspended=bool(report.suspended),
            jobs=self._jobs_after(report) if looked else self.jobs,
        )

    def _jobs_after(self, report: Report) -> dict[str, JobGauge]:
        """Those of the report, and no others: what is wanted no more has no series."""
        return {
            one.service: (self.jobs.get(one.service) or JobGauge(self.remembered.get(one.name))).after(one)
            for one in report.jobs[:_MOST_JOBS]
        }

    def with_failed(self, service: str) -> StackState:
        """After a run of a job failed."""
        job = self.jobs.get(service)
        return self if job is None else replace(self, jobs={**self.jobs, service: replace(job, is_good=False)})

    def found(self, before: StackState | None, report: Report) -> frozenset[Key]:
        """The objects whose drift this pass met first: one that stays as it is counts once."""
        drifted = {change.key for change in report.plan.changes if change.cause is Cause.DRIFT}
        return frozenset(drifted - before.drifted if before else drifted)

    def joined(self, other: StackState) -> StackState:
        """Both as one, the worse of them showing: for the stacks that share the label `other`."""
        return StackState(
            synced=self.synced and other.synced,
            health=worst((self.health, other.health)),
            desired=self.desired + other.desired,
            ready=self.ready + other.ready,
            changed_at=max(self.changed_at, other.changed_at),
            failures=max(self.failures, other.failures),
            pending=Counter(self.pending) + Counter(other.pending),
            prune_held=self.prune_held + other.prune_held,
            problems=self.problems + other.problems,
            repeating=self.repeating + other.repeating,
            suspended=self.suspended or other.suspended,
        )


@dataclass(frozen=True)
class SourceState:
    """The repository as metrics name it, and its newest revision."""

    repository: str
    branch: str
    revision: Revision


class StateCollector(Collector):
    """Serves `states`, by stack label, and `source`. Both are set whole, never changed in place.

    `source_problems` are the mistakes for which no stack of the source can be read.
    """

    def __init__(self) -> None:
        self.states: Mapping[str, StackState] = {}
        self.source: SourceState | None = None
        self.source_problems = 0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        states, source = self.states, self.source
        yield from _source_families(source, _oldest(states.values()))
        for spec, values in _stack_values(dict(sorted(states.items()))):
            yield _family(spec, values)
        problems = [((label,), float(state.problems)) for label, state in sorted(states.items())]
        yield _family(catalogue.VALIDATION_ERRORS, [(("",), float(self.source_problems)), *problems])


_Values = list[tuple[tuple[str, ...], float]]


def _stack_values(states: Mapping[str, StackState]) -> Iterator[tuple[Spec, _Values]]:
    each = states.items()
    yield catalogue.STACK_SYNCED, [((label,), float(state.synced)) for label, state in each]
    yield (
        catalogue.STACK_HEALTH,
        [((label, health), float(state.health == health)) for label, state in each for health in catalogue.HEALTHS],
    )
    yield catalogue.STACK_DESIRED, [((label,), float(state.desired)) for label, state in each]
    yield catalogue.STACK_READY, [((label,), float(state.ready)) for label, state in each]
    yield (
        catalogue.STACK_REVISION,
        [((label, state.revision.short), 1.0) for label, state in each if state.revision is not None],
    )
    yield (
        catalogue.STACK_COMMIT,
        [((label, state.commit.short), 1.0) for label, state in each if state.commit is not None],
    )
    yield catalogue.STACK_CHANGED, [((label,), state.changed_at) for label, state in each]
    yield catalogue.STACK_FAILURES, [((label,), float(state.failures)) for label, state in each]
    yield catalogue.STACK_SUSPENDED, [((label,), float(state.suspended)) for label, state in each]
    yield (
        catalogue.PLAN_CHANGES,
        [
            ((label, action), float(state.pending.get(action, 0)))
            for label, state in each
            for action in catalogue.PENDING_ACTIONS
        ],
    )
    yield catalogue.DRIFT_REPEATING, [((label,), float(state.repeating)) for label, state in each]
    yield catalogue.PRUNE_HELD, [((label,), float(state.prune_held)) for label, state in each]
    jobs = [((label, service), job) for label, state in each for service, job in sorted(state.jobs.items())]
    yield catalogue.JOB_SUCCEEDED, [(labels, job.succeeded_at) for labels, job in jobs if job.succeeded_at is not None]
    yield catalogue.JOB_GOOD, [(labels, float(job.is_good)) for labels, job in jobs if job.is_good is not None]


def _source_families(source: SourceState | None, applied: Revision | None) -> Iterator[GaugeMetricFamily]:
    of = (source.repository,) if source else ()
    revision = [((*of, source.branch, source.revision.short), 1.0)] if source else []
    yield _family(catalogue.GIT_REVISION, revision)
    yield _family(catalogue.GIT_HEAD, [(of, source.revision.timestamp)] if source else [])
    yield _family(catalogue.GIT_APPLIED, [(of, applied.timestamp)] if source and applied else [])


def _family(spec: Spec, values: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _oldest(states: Iterable[StackState]) -> Revision | None:
    revisions = [state.revision for state in states if state.revision is not None]
    return min(revisions, key=lambda revision: revision.timestamp, default=None)


def _prune_held(report: Report) -> int:
    return sum(change.cause is Cause.PRUNE and is_held_back(change) for change in report.plan.changes)
