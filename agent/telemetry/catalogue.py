"""Every metric of the agent: name, type, labels and meaning, each stated once.

The instruments in `metrics` and `states` are made from these, and so is the table in `docs/metrics.md`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from agent.jobs import JobResult
from agent.model import Action, Health, Result
from agent.occasions import Trigger
from agent.timing import Measured

RESULTS = tuple(result.value for result in Result)
JOB_RESULTS = tuple(result.value for result in JobResult)
HEALTHS = tuple(health.value for health in Health)
PENDING_ACTIONS = tuple(action.value for action in Action if action is not Action.HOLD)
PHASES = (Measured.FETCH, Measured.RENDER, Measured.OBSERVE, Measured.PLAN, Measured.APPLY)  # one after the other
TRIGGERS = tuple(trigger.value for trigger in Trigger)

_QUICK = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Spec(NamedTuple):
    """One metric. `buckets` are the upper bounds of a histogram, in seconds."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


BUILD_INFO = Spec(
    "windlass_build_info",
    "gauge",
    ("version", "revision", "python"),
    "Always 1; what is running. The revision is unknown unless it was installed from a repository.",
)
DOCKER_INFO = Spec("windlass_docker_info", "gauge", ("engine", "api"), "Always 1; the engine's version and API.")

RECONCILES = Spec("windlass_reconciles_total", "counter", ("stack", "result"), f"Passes: {', '.join(RESULTS)}.")
FAILURES = Spec(
    "windlass_reconcile_failures_total",
    "counter",
    ("stack", "reason"),
    "Failed passes by reason code. One that holds something has not failed, unless somebody else is in the way.",
)
TRIGGERED = Spec(
    "windlass_reconcile_triggers_total", "counter", ("trigger",), f"Reasons to look: {', '.join(TRIGGERS)}, other."
)
DURATION = Spec(
    "windlass_reconcile_duration_seconds",
    "histogram",
    ("stack",),
    "Time that a pass took; in OpenMetrics with the short revision as exemplar.",
    _SLOW,
)
PHASE_DURATION = Spec(
    "windlass_reconcile_phase_duration_seconds",
    "histogram",
    ("phase",),
    f"Time that each part of the work took: {', '.join(PHASES)}. Steps go side by side, with their pulls and waits.",
    _SLOW,
)
INTERVAL = Spec("windlass_reconcile_interval_seconds", "gauge", (), "Time between two polls, as set.")
IN_PROGRESS = Spec("windlass_reconcile_in_progress", "gauge", (), "Passes under way.")
LAST_RECONCILE = Spec(
    "windlass_last_reconcile_timestamp_seconds",
    "gauge",
    ("result",),
    "When the last pass with this result ended; 0 before the first.",
)
LAST_PROGRESS = Spec(
    "windlass_last_progress_timestamp_seconds",
    "gauge",
    (),
    "When a pass last got on (a step, a wait that is told, a word on a pull); 0 before the first.",
)

GIT_FETCHES = Spec(
    "windlass_git_fetches_total", "counter", ("repository", "result"), "Times the repository was asked: success, error."
)
GIT_FETCH_DURATION = Spec(
    "windlass_git_fetch_duration_seconds", "histogram", ("repository",), "Time that asking took.", _SLOW
)
SOURCE_FAILURE = Spec(
    "windlass_source_failure",
    "gauge",
    ("reason",),
    "1 for the reason why nothing new can be taken from the source, 0 for those that are over.",
)
GIT_CALLS = Spec("windlass_git_calls_total", "counter", ("verb", "result"), "Runs of the git binary.")
GIT_CALL_DURATION = Spec("windlass_git_call_duration_seconds", "histogram", ("verb",), "Time that they took.", _SLOW)
GIT_REVISION = Spec(
    "windlass_git_revision_info", "gauge", ("repository", "branch", "revision"), "Always 1; the newest revision."
)
GIT_HEAD = Spec(
    "windlass_git_head_commit_timestamp_seconds", "gauge", ("repository",), "Commit time of the newest revision."
)
GIT_APPLIED = Spec(
    "windlass_git_applied_commit_timestamp_seconds",
    "gauge",
    ("repository",),
    "Commit time of the oldest revision that a stack is synced to; head minus applied is the deploy lag.",
)

STACK_SYNCED = Spec("windlass_stack_synced", "gauge", ("stack",), "1 when the last look found nothing left to do.")
STACK_HEALTH = Spec(
    "windlass_stack_health", "gauge", ("stack", "health"), f"1 for the health that holds: {', '.join(HEALTHS)}."
)
STACK_DESIRED = Spec("windlass_stack_services_desired", "gauge", ("stack",), "Containers that the services want.")
STACK_READY = Spec("windlass_stack_services_ready", "gauge", ("stack",), "Containers of them that are ready.")
STACK_REVISION = Spec(
    "windlass_stack_revision_info", "gauge", ("stack", "revision"), "Always 1; what the stack was last synced to."
)
STACK_COMMIT = Spec(
    "windlass_stack_commit_info",
    "gauge",
    ("stack", "commit"),
    "Always 1; the commit that last brought the stack something since the agent began.",
)
STACK_CHANGED = Spec(
    "windlass_stack_last_change_timestamp_seconds", "gauge", ("stack",), "When a pass last changed something."
)
STACK_FAILURES = Spec("windlass_stack_consecutive_failures", "gauge", ("stack",), "Failed passes since the last good.")
STACK_SUSPENDED = Spec(
    "windlass_stack_suspended",
    "gauge",
    ("stack",),
    "1 while the stack or one of its services is suspended, or new content of it waits for a freeze to end.",
)
PLAN_CHANGES = Spec(
    "windlass_plan_changes",
    "gauge",
    ("stack", "action"),
    "Steps planned and not done by the last pass, or those of new content in a freeze window: "
    f"{', '.join(PENDING_ACTIONS)}. Jobs by the clock are not counted.",
)
PRUNE_HELD = Spec(
    "windlass_prune_held",
    "gauge",
    ("stack",),
    "Objects that are wanted no more and whose removal is held until somebody says more. Data, which is never removed,"
    " and what is kept since pruning is off are not counted.",
)
VALIDATION_ERRORS = Spec(
    "windlass_validation_errors",
    "gauge",
    ("stack",),
    "Mistakes in the stack's files; without a stack, those that keep the whole source from being read.",
)

ACTIONS = Spec(
    "windlass_actions_total",
    "counter",
    ("kind", "action", "result"),
    "Steps carried out: success, error, overtaken, skipped.",
)
ACTION_DURATION = Spec("windlass_action_duration_seconds", "histogram", ("kind", "action"), "Time they took.", _SLOW)
HEALTH_WAIT = Spec(
    "windlass_health_wait_duration_seconds",
    "histogram",
    (),
    "Time until the new container of a replacement had proved good, or was given up.",
    _SLOW,
)
DOWNTIME = Spec(
    "windlass_downtime_seconds",
    "histogram",
    (),
    "From the stop of the old container until the new one was ready (healthy, or started where it has no check), of"
    " each replacement that stops first and came about. What is started anew, or replaced start-first, is not in it.",
    _SLOW,
)
ROLLBACKS = Spec(
    "windlass_rollbacks_total",
    "counter",
    ("stack", "result"),
    "Passes that went back to the last good content of a stack: success, noop, error.",
)
DRIFT_DETECTED = Spec(
    "windlass_drift_detected_total", "counter", ("stack", "kind"), "Objects found changed behind git's back."
)
DRIFT_CORRECTED = Spec("windlass_drift_corrected_total", "counter", ("stack", "kind"), "Of those, put right.")
DRIFT_REPEATING = Spec(
    "windlass_drift_repeating",
    "gauge",
    ("stack",),
    "Objects that are healed over and over, since something else changes them back.",
)
IMAGE_PULLS = Spec(
    "windlass_image_pulls_total",
    "counter",
    ("registry", "result"),
    "Images that a registry was asked for: success, error.",
)
IMAGE_PULL_BYTES = Spec(
    "windlass_image_pull_bytes_total",
    "counter",
    ("registry",),
    "Bytes of layers that came, as compressed as they are sent; those of a pull are counted when it is over.",
)
IMAGE_PULL_DURATION = Spec(
    "windlass_image_pull_duration_seconds",
    "histogram",
    ("registry",),
    "Time from the engine's first word on a pull to its end, whatever came of it.",
    _SLOW,
)

JOB_RUNS = Spec(
    "windlass_job_runs_total",
    "counter",
    ("stack", "service", "result"),
    f"Runs of jobs, and times at which none began: {', '.join(JOB_RESULTS)}.",
)
JOB_SUCCEEDED = Spec(
    "windlass_job_last_success_timestamp_seconds",
    "gauge",
    ("stack", "service"),
    "When the last good run of a job ended, as far as that is known.",
)
JOB_GOOD = Spec(
    "windlass_job_last_run_succeeded",
    "gauge",
    ("stack", "service"),
    "1 when the last run of a job that has ended was good, 0 when it failed or took too long.",
)

DOCKER_REQUESTS = Spec(
    "windlass_docker_requests_total",
    "counter",
    ("endpoint", "code"),
    "Calls to the engine: `ok`, an HTTP status, or why none.",
)
DOCKER_DURATION = Spec(
    "windlass_docker_request_duration_seconds", "histogram", ("endpoint",), "Time that they took.", _QUICK
)
DOCKER_UP = Spec("windlass_docker_up", "gauge", (), "1 when the engine answered the last time it was asked.")
DOCKER_STREAM_UP = Spec(
    "windlass_docker_event_stream_up",
    "gauge",
    (),
    "1 while the engine's events are heard. It is 0 as well once two full looks found drift that no event had told of,"
    " with none heard in between: until one is.",
)
DOCKER_EVENTS = Spec("windlass_docker_events_total", "counter", ("type",), "Events heard.")

HTTP_REQUESTS = Spec("windlass_http_requests_total", "counter", ("route", "method", "code"), "Requests answered.")
HTTP_DURATION = Spec(
    "windlass_http_request_duration_seconds", "histogram", ("route", "method"), "Time that they took.", _QUICK
)
STATE_DB_SIZE = Spec("windlass_state_db_size_bytes", "gauge", (), "Size of the history on disk.")
STACKS_ELSEWHERE = Spec(
    "windlass_stacks_of_another_source",
    "gauge",
    (),
    "Stacks on the host that this instance made from another source and that this one does not want: they are neither"
    " healed nor removed.",
)
STATE_UNREADABLE = Spec(
    "windlass_state_unreadable",
    "gauge",
    ("file",),
    "1 while a file of the state directory is there and cannot be read, 0 once it can: until then the agent heeds what"
    " it read before, and takes the safe side where it never did.",
)
LOG_MESSAGES = Spec("windlass_log_messages_total", "counter", ("level",), "Lines logged.")

ALL: tuple[Spec, ...] = (
    *(BUILD_INFO, DOCKER_INFO),
    *(RECONCILES, FAILURES, TRIGGERED, DURATION, PHASE_DURATION, INTERVAL, IN_PROGRESS, LAST_RECONCILE, LAST_PROGRESS),
    *(
        SOURCE_FAILURE,
        GIT_FETCHES,
        GIT_FETCH_DURATION,
        GIT_CALLS,
        GIT_CALL_DURATION,
        GIT_REVISION,
        GIT_HEAD,
        GIT_APPLIED,
    ),
    *(
        STACK_SYNCED,
        STACK_HEALTH,
        STACK_DESIRED,
        STACK_READY,
        STACK_REVISION,
        STACK_COMMIT,
        STACK_CHANGED,
        STACK_FAILURES,
    ),
    STACK_SUSPENDED,
    *(PLAN_CHANGES, PRUNE_HELD, STACKS_ELSEWHERE, VALIDATION_ERRORS),
    *(ACTIONS, ACTION_DURATION, HEALTH_WAIT, DOWNTIME),
    *(ROLLBACKS, DRIFT_DETECTED, DRIFT_CORRECTED, DRIFT_REPEATING),
    *(IMAGE_PULLS, IMAGE_PULL_BYTES, IMAGE_PULL_DURATION),
    *(JOB_RUNS, JOB_SUCCEEDED, JOB_GOOD),
    *(DOCKER_REQUESTS, DOCKER_DURATION, DOCKER_UP, DOCKER_STREAM_UP, DOCKER_EVENTS),
    *(HTTP_REQUESTS, HTTP_DURATION, STATE_DB_SIZE, STATE_UNREADABLE, LOG_MESSAGES),
)


def table() -> str:
    """`docs/metrics.md`: one row a metric."""
    rows = (
        f"| `{spec.name}` | {spec.type} | {', '.join(f'`{label}`' for label in spec.labels) or '–'} | {spec.meaning} |"
        for spec in ALL
    )
    return "\n".join((_HEAD, "| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |", *rows, "", _FOOT))


_HEAD = """\
# Metrics

What `/metrics` serves, as Prometheus text or, when asked for, as OpenMetrics. This table is made from
`agent/telemetry/catalogue.py`; `python -m agent.telemetry.catalogue > docs/metrics.md` writes it anew.
"""
_FOOT = """\
The usual `process_*`, `python_info` and `python_gc_*` are there too. Series of a stack end with the stack. A label
takes a bounded number of values; those beyond it share the value `other`.
"""

if __name__ == "__main__":
    print(table(), end="")  # noqa: T201 - it is what the command is for
