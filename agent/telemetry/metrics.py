"""The agent's metrics, in a registry of their own.

`record` takes what a pass has come to; the other methods are told single facts by the rooms they concern. All may be
called from any thread, and none of them raises over a value that it is given.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from agent.account import is_pull
from agent.jobs import JobEnd, JobResult
from agent.kind_names import KINDS
from agent.model import Cause, Failure, Key, Outcome, Report, Result, Revision, Status
from agent.occasions import Trigger
from agent.telemetry import catalogue
from agent.telemetry.catalogue import Spec
from agent.telemetry.labels import OTHER, Labels, registry_label, repository_label
from agent.telemetry.states import SourceState, StackState, StateCollector
from agent.timing import Measured

_MOST_STACKS = 200
_MOST_VALUES = 100
_OPENMETRICS = "application/openmetrics-text"
_METHODS = ("GET", "HEAD", "POST")
_LEVELS = ("debug", "info", "warning", "error", "critical")
_RESULTS = {
    Status.DONE: "success",
    Status.FAILED: "error",
    Status.OVERTAKEN: "overtaken",
    Status.SKIPPED: "skipped",
}


class Metrics:
    """Counts and serves. `clock` gives seconds since the epoch; `revision` is the agent's own build."""

    def __init__(self, version: str, revision: str = "unknown", *, clock: Callable[[], float] = time.time) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._clock = clock
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._states: dict[str, StackState] = {}
        self._remembered: dict[str, dict[str, float]] = {}
        self._collector = StateCollector()
        self._source_reason = ""
        self._registry.register(self._collector)
        self._stacks = Labels(_MOST_STACKS)
        self._reasons, self._endpoints, self._verbs = (Labels(_MOST_VALUES) for _ in range(3))
        self._registries, self._repositories, self._events, self._codes = (Labels(_MOST_VALUES) for _ in range(4))
        self._services = Labels(_MOST_VALUES)
        self._triggers = Labels(len(catalogue.TRIGGERS), catalogue.TRIGGERS)
        self._make_instruments()
        self._start_at_zero()
        self._build.labels(version, revision, platform.python_version()).set(1)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def _make_instruments(self) -> None:
        self._build, self._docker_info = self._gauge(catalogue.BUILD_INFO), self._gauge(catalogue.DOCKER_INFO)
        self._reconciles = self._counter(catalogue.RECONCILES)
        self._failures = self._counter(catalogue.FAILURES)
        self._triggered = self._counter(catalogue.TRIGGERED)
        self._duration = self._histogram(catalogue.DURATION)
        self._phase_duration = self._histogram(catalogue.PHASE_DURATION)
        self._health_wait, self._downtime = self._histogram(catalogue.HEALTH_WAIT), self._histogram(catalogue.DOWNTIME)
        self._interval, self._in_progress = self._gauge(catalogue.INTERVAL), self._gauge(catalogue.IN_PROGRESS)
        self._last, self._progress = self._gauge(catalogue.LAST_RECONCILE), self._gauge(catalogue.LAST_PROGRESS)
        self._stacks_elsewhere = self._gauge(catalogue.STACKS_ELSEWHERE)
        self._source_failure = self._gauge(catalogue.SOURCE_FAILURE)
        self._fetches, self._fetch_duration = self._pair(catalogue.GIT_FETCHES, catalogue.GIT_FETCH_DURATION)
        self._git_calls, self._git_duration = self._pair(catalogue.GIT_CALLS, catalogue.GIT_CALL_DURATION)
        self._actions, self._action_duration = self._pair(catalogue.ACTIONS, catalogue.ACTION_DURATION)
        self._rollbacks = self._counter(catalogue.ROLLBACKS)
        self._drift_detected = self._counter(catalogue.DRIFT_DETECTED)
        self._drift_corrected = self._counter(catalogue.DRIFT_CORRECTED)
        self._pulls = self._counter(catalogue.IMAGE_PULLS)
        self._pull_bytes, self._pull_duration = self._pair(catalogue.IMAGE_PULL_BYTES, catalogue.IMAGE_PULL_DURATION)
        self._job_runs = self._counter(catalogue.JOB_RUNS)
        self._requests, self._request_duration = self._pair(catalogue.DOCKER_REQUESTS, catalogue.DOCKER_DURATION)
        self._docker_up, self._stream_up = self._gauge(catalogue.DOCKER_UP), self._gauge(catalogue.DOCKER_STREAM_UP)
        self._docker_events = self._counter(catalogue.DOCKER_EVENTS)
        self._http, self._http_duration = self._pair(catalogue.HTTP_REQUESTS, catalogue.HTTP_DURATION)
        self._db_size = self._gauge(catalogue.STATE_DB_SIZE)
        self._state_unreadable = self._gauge(catalogue.STATE_UNREADABLE)
        self._log_messages = self._counter(catalogue.LOG_MESSAGES)

    def _start_at_zero(self) -> None:
        """A counter that appears with its first event hides that event from `rate`: what is known is there at once."""
        for trigger in (*catalogue.TRIGGERS, OTHER):
            self._triggered.labels(trigger)
        for result in catalogue.RESULTS:
            self._last.labels(result)
        for phase in catalogue.PHASES:
            self._phase_duration.labels(phase)
        for level in _LEVELS:
            self._log_messages.labels(level)

    # --- passes ---

    def expect(self, stacks: Iterable[str]) -> None:
        """These stacks are wanted: their counters are there, at 0, before the first event that they count."""
        for stack in stacks:
            with self._lock:
                label = self._stacks.of(stack)
            self._start_stack_at_zero(label)

    def record(self, report: Report) -> frozenset[Key]:
        """Count one pass over one stack, and take over how the stack stands now. Returns the objects whose drift it met
        first."""
        with self._lock:
            before = self._states.get(report.stack)
            state = (before or StackState(remembered=self._remembered.get(report.stack, {}))).after(report)
            self._states[report.stack] = state
            label = self._stacks.of(report.stack)
            self._publish()
        if before is None:
            self._start_stack_at_zero(label)
        if before is not None:
            self._end_jobs(label, before.jobs.keys() - state.jobs.keys())
        for service in state.jobs.keys() - (before.jobs.keys() if before else ()):
            for result in catalogue.JOB_RESULTS:
                self._job_runs.labels(label, self._services.of(service), result)
        self._count_pass(report, label)
        found = state.found(before, report)
        for key in sorted(found):
            self._drift_detected.labels(label, key.kind).inc()
        for outcome in report.outcomes:
            self._count_outcome(outcome, label)
        return found

    def _start_stack_at_zero(self, stack: str) -> None:
        for result in catalogue.RESULTS:
            self._reconciles.labels(stack, result)
            self._rollbacks.labels(stack, result)
        for kind in KINDS:
            self._drift_detected.labels(stack, kind)
            self._drift_corrected.labels(stack, kind)

    def _count_pass(self, report: Report, label: str) -> None:
        exemplar = {"revision": report.revision.short} if report.revision else None
        self._reconciles.labels(label, report.result).inc()
        if report.trigger == Trigger.ROLLBACK:
            self._rollbacks.labels(label, report.result).inc()
        self._duration.labels(label).observe(report.seconds, exemplar)
        self._last.labels(report.result).set(self._clock())
        if report.failure and report.result is Result.ERROR:  # a mistake that goes on beside a good pass failed nothing
            self._failures.labels(label, self._reasons.of(report.failure.reason)).inc()

    def _count_outcome(self, outcome: Outcome, label: str) -> None:
        change, result = outcome.change, _RESULTS.get(outcome.status)
        if result is None:
            return
        self._actions.labels(change.key.kind, change.action, result).inc()
        if outcome.status not in {Status.DONE, Status.FAILED}:
            return
        self._action_duration.labels(change.key.kind, change.action).observe(outcome.seconds)
        if is_pull(change) and outcome.attempted:
            self._pulls.labels(self._registries.of(registry_label(change.key.name)), result).inc()
        if change.cause is Cause.DRIFT and outcome.status is Status.DONE:
            self._drift_corrected.labels(label, change.key.kind).inc()

    def pulled(self, reference: str, size: int, seconds: float) -> None:
        """So many bytes came of an image, in that time, whatever came of the pull."""
        registry = self._registries.of(registry_label(reference))
        self._pull_bytes.labels(registry).inc(size)
        self._pull_duration.labels(registry).observe(seconds)

    def remember_jobs(self, successes: Mapping[tuple[str, str], float]) -> None:
        """When the last good runs ended of which an earlier process knew, by stack and container. To be called before
        the first report."""
        for (stack, container), ended in successes.items():
            self._remembered.setdefault(stack, {})[container] = ended

    def job_ended(self, end: JobEnd) -> None:
        """Count a run of a job, or a time at which none began. One that could not even begin leaves no trace on its
        container, and has failed all the same."""
        with self._lock:
            label, state = self._stacks.of(end.stack), self._states.get(end.stack)
            if state is not None and end.result is JobResult.FAILED:
                self._states[end.stack] = state.with_failed(end.service)
                self._publish()
        self._job_runs.labels(label, self._services.of(end.service), end.result).inc()

    def forget(self, stack: str) -> None:
        """Let go of a stack that is gone: its series end."""
        with self._lock:
            state = self._states.pop(stack, StackState())
            label = self._stacks.of(stack)
            self._stacks.forget(stack)
            self._publish()
        self._end_jobs(label, state.jobs)
        if label == OTHER:
            return
        counted = (self._reconciles, self._failures, self._rollbacks, self._drift_detected, self._drift_corrected)
        for metric in (*counted, self._job_runs, self._duration):
            metric.remove_by_labels({"stack": label})

    def _end_jobs(self, stack: str, services: Iterable[str]) -> None:
        """These jobs of a stack are wanted no more: their series end, and others have room for theirs."""
        with self._lock:
            wanted = {service for state in self._states.values() for service in state.jobs}
        for service in services:
            label = self._services.of(service)
            if OTHER not in {stack, label}:
                self._job_runs.remove_by_labels({"stack": stack, "service": label})
            if service not in wanted:
                self._services.forget(service)

    def _publish(self) -> None:
        """Show the collector a new snapshot, in which the stacks beyond the limit are one."""
        shown: dict[str, StackState] = {}
        for stack, state in self._states.items():
            label = self._stacks.of(stack)
            shown[label] = shown[label].joined(state) if label in shown else state
        self._collector.states = shown

    def reconciling(self) -> AbstractContextManager[None]:
        """Counts a pass as under way while the block runs."""
        return self._in_progress.track_inprogress()

    def progressed(self) -> None:
        """A pass that is under way got on."""
        self._progress.set(self._clock())

    def timed(self, what: Measured, seconds: float) -> None:
        """A part of a pass took so many seconds."""
        if what is Measured.WAIT:
            self._health_wait.observe(seconds)
        elif what is Measured.AWAY:
            self._downtime.observe(seconds)
        else:
            self._phase_duration.labels(what).observe(seconds)

    def elsewhere(self, stacks: int) -> None:
        """So many stacks were made from another source, and nobody wants them in this one."""
        self._stacks_elsewhere.set(stacks)

    def trigger(self, name: str) -> None:
        """Something asked for a look; `name` is an `agent.occasions.Trigger`."""
        self._triggered.labels(self._triggers.of(name)).inc()

    def interval(self, seconds: float) -> None:
        """The seconds between two questions to the source."""
        self._interval.set(seconds)

    # --- the source ---

    def source(self, url: str, ref: str, revision: Revision) -> None:
        """The newest revision of the repository; `url` is shown without its credentials."""
        self._collector.source = SourceState(self._repositories.of(repository_label(url)), ref, revision)

    def source_failure(self, failure: Failure | None) -> None:
        """Why nothing new can be taken from the source; None once it can."""
        reason = self._reasons.of(failure.reason) if failure else ""
        if self._source_reason not in {"", reason}:
            self._source_failure.labels(self._source_reason).set(0)
        if reason:
            self._source_failure.labels(reason).set(1)
        self._source_reason = reason
        self._collector.source_problems = len(failure.problems) if failure else 0

    def fetch(self, url: str, result: str, seconds: float) -> None:
        """The repository was asked for its newest revision: `success` or `error`."""
        repository = self._repositories.of(repository_label(url))
        self._fetches.labels(repository, result).inc()
        self._fetch_duration.labels(repository).observe(seconds)

    def git_call(self, verb: str, seconds: float, result: str) -> None:
        """One call of git: its verb, such as `fetch`, and `success` or the reason for which it failed."""
        verb = self._verbs.of(verb)
        self._git_calls.labels(verb, result).inc()
        self._git_duration.labels(verb).observe(seconds)

    # --- the engine ---

    def engine_call(self, endpoint: str, seconds: float, code: int | str) -> None:
        """One call to the engine: `ok`, the HTTP status of a refusal, or the reason why nothing was answered."""
        endpoint = self._endpoints.of(endpoint)
        self._requests.labels(endpoint, self._codes.of(str(code))).inc()
        self._request_duration.labels(endpoint).observe(seconds)

    def engine_up(self, version: str, api: str) -> None:
        """The engine answers, and says that it is this."""
        self._docker_info.clear()
        self._docker_info.labels(version, api).set(1)
        self._docker_up.set(1)

    def engine_down(self) -> None:
        """The engine does not answer."""
        self._docker_up.set(0)

    def event_stream(self, *, up: bool) -> None:
        """Whether the engine's events are followed and heard."""
        self._stream_up.set(up)

    def engine_event(self, type_: str) -> None:
        """An event of the engine was heard; `type_` is the kind of object, as the engine calls it."""
        self._docker_events.labels(self._events.of(type_)).inc()

    # --- the agent itself ---

    def http_request(self, route: str, method: str, code: int, seconds: float) -> None:
        """One request answered; `route` is a route's pattern, never the path that was asked for."""
        method = method if method in _METHODS else OTHER
        self._http.labels(route, method, str(code)).inc()
        self._http_duration.labels(route, method).observe(seconds)

    def log_message(self, level: str) -> None:
        """A line of that level was written."""
        self._log_messages.labels(level if level in _LEVELS else OTHER).inc()

    def state_unreadable(self, file: str, *, unreadable: bool) -> None:
        """Whether a file of the state directory cannot be read; there are a few, by their names."""
        self._state_unreadable.labels(file).set(unreadable)

    def watch_state_db(self, size: Callable[[], float]) -> None:
        """Ask `size` for the bytes of the history at each scrape; it must not raise."""
        self._db_size.set_function(size)

    def render(self, accept: str) -> tuple[str, bytes]:
        """What `/metrics` answers to an Accept header: content type and body."""
        offered = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
        # Only the type is taken from the client: the library would trust versions that are none.
        encode, content_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in offered else "")
        return content_type, encode(self._registry)

    # --- instruments ---

    def _counter(self, spec: Spec) -> Counter:
        return Counter(spec.name.removesuffix("_total"), spec.meaning, spec.labels, registry=self._registry)

    def _gauge(self, spec: Spec) -> Gauge:
        return Gauge(spec.name, spec.meaning, spec.labels, registry=self._registry)

    def _histogram(self, spec: Spec) -> Histogram:
        return Histogram(spec.name, spec.meaning, spec.labels, registry=self._registry, buckets=spec.buckets)

    def _pair(self, count: Spec, duration: Spec) -> tuple[Counter, Histogram]:
        return self._counter(count), self._histogram(duration)
