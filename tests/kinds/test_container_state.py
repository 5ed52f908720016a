"""How a container fares, from what the engine reports of it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.kinds.container_state import gate, health_of, rewritten
from agent.model import Condition, Health
from agent.probe import Gate

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp()


def reported(status: str, check: str = "", *, age: float = 3600, restarts: int = 0, code: int = 0) -> dict[str, Any]:
    """A report as the engine makes it; `age` is how many seconds ago the present or the last run began."""
    began = datetime.fromtimestamp(NOW - age, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f123Z")  # nanoseconds
    state: dict[str, Any] = {"Status": status, "StartedAt": began, "ExitCode": code}
    if check:
        state["Health"] = {"Status": check, "FailingStreak": 2}
    return {"State": state, "RestartCount": restarts}


RESTARTED = "restarted 5 times, runs since less than a minute"
HEALTHS = [
    pytest.param(reported("running"), Health.HEALTHY, "", id="runs"),
    pytest.param(reported("running", age=1, restarts=1), Health.HEALTHY, "", id="came up at the second attempt"),
    pytest.param(reported("running", age=1, restarts=5), Health.DEGRADED, RESTARTED, id="just restarted once more"),
    pytest.param(reported("running", age=45, restarts=5), Health.DEGRADED, RESTARTED, id="dies every minute or so"),
    pytest.param(reported("running", age=61, restarts=5), Health.HEALTHY, "", id="steady after restarts"),
    pytest.param(reported("running", age=-5, restarts=5), Health.DEGRADED, RESTARTED, id="a clock a little behind"),
    pytest.param(reported("running", age=-9999, restarts=5), Health.HEALTHY, "", id="a clock far behind"),
    pytest.param(
        reported("restarting", restarts=7, code=3), Health.DEGRADED, "restarted 7 times, exit code 3", id="crash loop"
    ),
    pytest.param(reported("running", "starting"), Health.PROGRESSING, "health check has not passed yet", id="starting"),
    pytest.param(
        reported("running", "starting", age=9, restarts=5), Health.DEGRADED, RESTARTED, id="never gets to its check"
    ),
    pytest.param(
        reported("restarting", "starting", restarts=2, code=3),
        Health.PROGRESSING,
        "restarted 2 times, exit code 3",
        id="waits for another one by crashing",
    ),
    pytest.param(
        reported("restarting", "unhealthy", restarts=2, code=3),
        Health.PROGRESSING,
        "restarted 2 times, exit code 3",
        id="as an engine calls that",
    ),
    pytest.param(
        reported("running", "starting", age=9, restarts=2),
        Health.PROGRESSING,
        RESTARTED.replace("5", "2"),
        id="came up at the third attempt",
    ),
    pytest.param(
        reported("restarting", "starting", restarts=3, code=3),
        Health.DEGRADED,
        "restarted 3 times, exit code 3",
        id="crashes too often",
    ),
    pytest.param(
        reported("restarting", restarts=1, code=3),
        Health.DEGRADED,
        "restarted 1 times, exit code 3",
        id="crashes, and nothing tells when it is well",
    ),
    pytest.param(reported("running", "healthy", age=9, restarts=5), Health.HEALTHY, "", id="its check has passed"),
    pytest.param(reported("running", "unhealthy"), Health.DEGRADED, "unhealthy, 2 checks failed", id="unhealthy"),
    pytest.param(reported("exited", code=137), Health.DEGRADED, "exit code 137", id="ended"),
    pytest.param(reported("created"), Health.DEGRADED, "created", id="never started"),
]


@pytest.mark.parametrize(("report", "health", "detail"), HEALTHS)
def test_health(report: dict[str, Any], health: Health, detail: str) -> None:
    assert health_of(report, {}, lambda: NOW) == (health, detail)


@pytest.mark.parametrize(
    ("report", "condition", "holds", "detail"),
    [
        (None, Condition.EXISTS, Gate.FAILED, "the container is gone"),
        (reported("created"), Condition.EXISTS, Gate.PASSED, ""),
        (reported("created"), Condition.STARTED, Gate.PENDING, "created"),
        (reported("running"), Condition.STARTED, Gate.PASSED, ""),
        (reported("running"), Condition.COMPLETED, Gate.PENDING, "still running"),
        (reported("running"), Condition.HEALTHY, Gate.FAILED, "it has no health check"),
        (reported("running", "starting"), Condition.HEALTHY, Gate.PENDING, "health check has not passed yet"),
        (reported("running", "healthy"), Condition.HEALTHY, Gate.PASSED, ""),
        (reported("running", "unhealthy"), Condition.HEALTHY, Gate.FAILED, "unhealthy, 2 checks failed"),
        (reported("exited"), Condition.COMPLETED, Gate.PASSED, ""),
        (reported("exited"), Condition.STARTED, Gate.PASSED, ""),
        (reported("exited"), Condition.HEALTHY, Gate.FAILED, "exit code 0\noh dear"),
        (reported("exited", code=3), Condition.COMPLETED, Gate.FAILED, "exit code 3\noh dear"),
        (reported("exited", code=3), Condition.STARTED, Gate.FAILED, "exit code 3\noh dear"),
    ],
)
def test_whether_a_condition_holds_and_why_not(
    report: dict[str, Any] | None, condition: Condition, holds: Gate, detail: str
) -> None:
    found = gate({**report, "Id": "web"} if report else None, condition, lambda _: "oh dear\n", lambda: NOW)
    assert (found.gate, found.detail) == (holds, detail)


def test_why_a_start_failed_is_told_without_secrets() -> None:
    report = reported("exited", code=127)
    report["State"]["Error"] = 'exec: "serve --token=hunter2 hunter2-of-the-container": not found'
    report["Config"] = {"Env": ["DB_PWD=hunter2-of-the-container"]}
    told = 'exit code 127: exec: "serve --token=*** ***": not found'
    assert health_of(report, {}, lambda: NOW) == (Health.DEGRADED, told)


@pytest.mark.parametrize("began", [None, "", "yesterday", "0001-01-01T00:00:00Z"])
def test_a_run_of_which_the_beginning_is_not_known_is_trusted(began: str | None) -> None:
    report = reported("running", restarts=5)
    report["State"]["StartedAt"] = began
    assert health_of(report, {}, lambda: NOW)[0] is Health.HEALTHY


def mounting(path: Path, started: float, *, running: bool = True) -> dict[str, Any]:
    """A report of a container that mounts the path, and that began then, in seconds since the epoch."""
    began = datetime.fromtimestamp(started, UTC).isoformat()
    mounts = [{"Type": "bind", "Source": str(path), "Destination": "/etc/app.conf"}]
    return {"State": {"Running": running, "StartedAt": began}, "Mounts": mounts}


@pytest.mark.parametrize(
    ("written", "running", "found"),
    [
        (50.0, True, set()),
        (150.0, True, {"/etc/app.conf"}),
        (150.0, False, set()),
        (time.time() + 3600, True, set()),
    ],
    ids=["before it began", "since it began", "it does not run", "with a clock that was ahead"],
)
def test_a_container_may_have_other_files_than_are_there(
    tmp_path: Path, written: float, running: bool, found: set[str]
) -> None:
    file = tmp_path / "app.conf"
    file.write_text("port = 80")
    os.utime(file, (written, written))
    assert rewritten(mounting(file, 100.0, running=running), [str(file)]) == found


def test_only_what_it_mounts_and_what_is_there_can_be_other(tmp_path: Path) -> None:
    report = mounting(tmp_path / "gone", 100.0)
    assert rewritten(report, [str(tmp_path / "gone"), str(tmp_path)]) == frozenset()
    report["State"]["StartedAt"] = "yesterday"
    assert rewritten(report, [str(tmp_path / "gone")]) == frozenset()
