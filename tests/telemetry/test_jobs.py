"""What is told of jobs: in the metrics, the history, the status, and in what a turn comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import pytest

from agent.account import Taken, report_of
from agent.cli.history import run_lines
from agent.cli.status import status_lines
from agent.handling import Schedule
from agent.jobs import JobEnd, JobResult, JobSeen, JobState
from agent.model import Action, Cause, Change, Key, Plan, Report, Result, Status
from agent.store import Store
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from tests.telemetry.made import REVISION, UNREACHABLE, change, did, done, failed, report, samples

SCHEDULE = Schedule("0 3 * * *", "UTC", timeout=60.0)
GOOD = JobSeen("c1", 10.0, 1000.0, 1030.0)
BAD = JobSeen("c1", 10.0, 2000.0, 2010.0, 3, "exit code 3\ndisk full")
LATE = JobSeen("c1", 10.0, 3000.0, 3061.0, 0)
RUNS = JobSeen("c1", 10.0, 4000.0)
END = JobEnd(
    "e1", "web", "backup", "web-backup-1", "0 3 * * *", JobResult.FAILED, 2000.0, 10.0, 3, "exit code 3\ndisk full"
)
RUN = Change(0, Action.RUN, Key("container", "web-backup-1"), "web", Cause.SCHEDULE, "its time has come")


def state(seen: JobSeen | None, next_at: float | None = None) -> JobState:
    return JobState("backup", "web-backup-1", SCHEDULE, seen, next_at)


def saw(*seen: JobSeen) -> list[Report]:
    return [report(jobs=(state(one),)) for one in seen]


# --- metrics ----------------------------------------------------------------------------------------------------

LAST_SUCCESS = 'windlass_job_last_success_timestamp_seconds{service="backup",stack="web"}'
LAST_GOOD = 'windlass_job_last_run_succeeded{service="backup",stack="web"}'


@pytest.mark.parametrize(
    ("reports", "success", "good"),
    [
        (saw(JobSeen("c1", 10.0)), None, None),
        (saw(GOOD), 1030.0, 1.0),
        (saw(GOOD, BAD), 1030.0, 0.0),
        (saw(BAD), None, 0.0),
        (saw(BAD, GOOD), 1030.0, 1.0),
        (saw(LATE), None, 0.0),
        (saw(GOOD, RUNS), 1030.0, 1.0),
        ([*saw(GOOD), failed(UNREACHABLE)], 1030.0, 1.0),
        ([*saw(GOOD), report()], None, None),
    ],
    ids=["never ran", "good", "failed", "only failed", "mended", "too long", "runs", "unseen", "not wanted any more"],
)
def test_the_gauges_of_a_job(reports: list[Report], success: float | None, good: float | None) -> None:
    metrics = Metrics("0.1.0")
    for each in reports:
        metrics.record(each)
    found = samples(metrics)
    assert (found.get(LAST_SUCCESS), found.get(LAST_GOOD)) == (success, good)


def test_runs_are_counted_by_their_result_from_zero_and_end_with_their_stack() -> None:
    metrics = Metrics("0.1.0")
    metrics.record(report(jobs=(state(None),)))
    series = 'windlass_job_runs_total{{result="{}",service="backup",stack="web"}}'
    assert {samples(metrics)[series.format(result)] for result in JobResult} == {0.0}
    metrics.job_ended(END)
    assert (samples(metrics)[series.format("failed")], samples(metrics)[series.format("succeeded")]) == (1.0, 0.0)
    assert samples(metrics)[LAST_GOOD] == 0.0, "also where its container does not tell of it"
    metrics.forget("web")
    assert series.format("failed") not in samples(metrics)


@pytest.mark.parametrize("leaves", ["the job", "the stack"])
def test_jobs_that_are_wanted_no_more_leave_no_series_and_room_for_others(leaves: str) -> None:
    """An agent runs for months, and jobs come and go."""
    metrics = Metrics("0.1.0")
    for number in range(250):
        one = replace(state(GOOD), service=f"job-{number}", name=f"web-job-{number}-1")
        metrics.record(report(jobs=(one,)))
        metrics.job_ended(replace(END, service=one.service))
        if leaves == "the stack":
            metrics.forget("web")
    series = [name for name in samples(metrics) if name.startswith("windlass_job_runs_total{")]
    last = {'service="job-249"' in name for name in series}
    assert (len(series), last) == ((len(JobResult), {True}) if leaves == "the job" else (0, set()))
    metrics.record(report(jobs=(state(GOOD),)))
    metrics.job_ended(END)
    assert samples(metrics)['windlass_job_runs_total{result="failed",service="backup",stack="web"}'] == 1.0


def test_a_turn_that_only_runs_a_job_is_no_change_of_the_stack() -> None:
    metrics = Metrics("0.1.0")
    ran = did(done(RUN), result=Result.NOOP)
    metrics.record(ran)
    assert samples(metrics)['windlass_stack_last_change_timestamp_seconds{stack="web"}'] == 0.0
    status = Overview().with_report(ran).stack("web")
    assert status is not None
    assert (status.changed_at, status.message) == (None, "")
    planned = replace(ran, outcomes=(), plan=Plan((RUN, replace(RUN, action=Action.HOLD))))
    assert Overview().with_report(planned).stack("web") == status, "nothing to do, nothing held"


# --- the history ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "windlass.db", clock=lambda: 7000.0)


@pytest.mark.parametrize(
    ("end", "result", "reason", "message", "status"),
    [
        (END, "error", "JobFailed", "job backup: exit code 3\ndisk full", "failed"),
        (replace(END, message=""), "error", "JobFailed", "job backup: exit code 3", "failed"),
        (
            replace(END, result=JobResult.TIMEOUT, seconds=61.0, exit_code=0, message=""),
            *("error", "JobTimeout", "job backup: timeout: it was stopped after 61 s", "failed"),
        ),
        (
            replace(END, result=JobResult.SKIPPED, exit_code=None, message="its last run has not ended yet"),
            *("skipped", "JobSkipped", "job backup: skipped, its last run has not ended yet", "skipped"),
        ),
        (
            replace(END, result=JobResult.MISSED, exit_code=None, message="the agent was not there at its time"),
            *("missed", "JobMissed", "job backup: missed, the agent was not there at its time", "skipped"),
        ),
        (
            replace(END, result=JobResult.REPLACED, exit_code=None, message=""),
            *("replaced", "JobReplaced", "job backup: replaced", "skipped"),
        ),
    ],
)
def test_a_run_is_kept_once(store: Store, end: JobEnd, result: str, reason: str, message: str, status: str) -> None:
    store.job_ended(end)
    store.job_ended(end)
    (run,) = store.history("web")
    assert (run.run_id, run.trigger, run.result) == ("e1", "schedule", result)
    assert (run.started, run.ended, run.seconds) == (2000.0, 2000.0 + end.seconds, end.seconds)
    assert run.failure is not None
    assert (run.failure.reason, run.failure.message) == (reason, message)
    (step,) = run.changes
    assert (step.action, step.name, step.cause, step.reason) == ("run", "web-backup-1", "schedule", "0 3 * * *")
    assert step.status == status
    shown = "\n".join(map(click.unstyle, run_lines(run)))
    assert f"run container web-backup-1: schedule: 0 3 * * * ({status}" in shown
    assert reason in shown


def test_a_good_run_has_no_failure(store: Store) -> None:
    store.job_ended(replace(END, result=JobResult.SUCCEEDED, exit_code=0, message=""))
    (run,) = store.history()
    assert (run.result, run.failure) == ("success", None)
    assert (run.changes[0].status, run.changes[0].detail) == ("done", "exit code 0")


def test_the_last_good_run_is_known_from_the_history(store: Store) -> None:
    good = replace(END, result=JobResult.SUCCEEDED, exit_code=0, message="")
    store.job_ended(replace(good, id="e0", began=1000.0))
    store.job_ended(replace(good, began=1500.0))
    store.job_ended(replace(END, id="e2"))
    assert store.job_successes() == {("web", "web-backup-1"): 1510.0}
    metrics = Metrics("0.1.0")
    metrics.remember_jobs(store.job_successes())
    metrics.record(saw(BAD)[0])
    assert (samples(metrics)[LAST_SUCCESS], samples(metrics)[LAST_GOOD]) == (1510.0, 0.0)


def test_the_turn_that_begins_a_run_leaves_no_trace_beside_it(store: Store) -> None:
    store.begin("r1", "web", "schedule", REVISION)
    store.record(did(done(RUN), result=Result.NOOP))
    assert store.history() == []


# --- the status -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, ["-", "○ never ran", "-", "in 1 min"]),
        (GOOD, ["50 min ago", "✔ succeeded", "30 s", "in 1 min"]),
        (BAD, ["33 min ago", "✗ failed, exit code 3", "10 s", "in 1 min"]),
        (LATE, ["16 min ago", "✗ timeout", "1 min 1 s", "in 1 min"]),
        (replace(RUNS, began=3990.0), ["10 s ago", "… running", "-", "in 1 min"]),
    ],
)
def test_the_status_has_a_line_for_each_job(seen: JobSeen | None, said: list[str]) -> None:
    overview = Overview().with_report(report(jobs=(state(seen, next_at=4060.0),)))
    assert Overview.from_document(overview.document()) == overview
    head, row = (click.unstyle(line) for line in status_lines(overview, 4000.0)[-2:])
    assert head.split() == ["JOB", "SCHEDULE", "LAST", "RESULT", "TOOK", "NEXT"]
    assert [cell.strip() for cell in row.split("  ") if cell] == ["web/backup", "0 3 * * * UTC", *said]


def test_a_look_that_did_not_happen_changes_no_job() -> None:
    overview = Overview().with_report(report(jobs=(state(GOOD),)))
    after = overview.with_report(failed(UNREACHABLE))
    assert after.stacks[0].jobs == overview.stacks[0].jobs


def test_without_jobs_the_status_has_no_line_for_them() -> None:
    assert not any("SCHEDULE" in line for line in status_lines(Overview().with_report(report()), 4000.0))


# --- what a turn comes to ---------------------------------------------------------------------------------------


def test_a_run_that_could_not_begin_is_no_failure_of_the_stack() -> None:
    broken = done(RUN, Status.FAILED, detail="no such program", reason="StartFailed")
    made = report_of(Taken("r1", (), "schedule", 5000.0, outcomes=(broken,)), "web")
    assert (made.result, made.failure) == (Result.NOOP, None)
    both = report_of(Taken("r1", (), "schedule", 5000.0, outcomes=(done(RUN), done(change(1)))), "web")
    assert both.result is Result.SUCCESS
