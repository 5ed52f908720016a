"""How a container that was just started fares, from the engine's report alone."""

from __future__ import annotations

from typing import Any

import pytest

from agent.kinds.container_proof import proof_of
from agent.kinds.container_state import patience_of
from agent.probe import Gate

SECOND = 1_000_000_000


def report(status: str, *, health: str = "", restarts: int = 0, code: int = 0, **check: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"Status": status, "ExitCode": code}
    if health:
        state["Health"] = {"Status": health, "FailingStreak": 3, "Log": [{"Output": "first"}, {"Output": "refused\n"}]}
    return {"Id": "abc", "State": state, "RestartCount": restarts, "Config": {"Healthcheck": check}}


def logs(_container: str) -> str:
    return "no such host\n"


@pytest.mark.parametrize(
    ("seen", "gate", "checked", "reason"),
    [
        (None, Gate.FAILED, False, "ContainerGone"),
        (report("running"), Gate.PASSED, False, ""),
        (report("created"), Gate.PENDING, False, ""),
        (report("exited", code=1), Gate.FAILED, False, "CrashOnStart"),
        (report("exited", code=0), Gate.FAILED, False, "CrashOnStart"),
        (report("restarting", restarts=1, code=1), Gate.FAILED, False, "CrashOnStart"),
        (report("running", restarts=1), Gate.FAILED, False, "CrashOnStart"),
        (report("running", health="starting"), Gate.PENDING, True, ""),
        (report("running", health="starting", restarts=2), Gate.PENDING, True, ""),
        (report("running", health="starting", restarts=3), Gate.FAILED, False, "CrashOnStart"),
        (report("restarting", health="starting", restarts=1, code=1), Gate.PENDING, True, ""),
        (report("restarting", health="unhealthy", restarts=1, code=1), Gate.PENDING, True, ""),
        (report("restarting", health="unhealthy", restarts=4, code=1), Gate.FAILED, False, "CrashOnStart"),
        (report("running", health="healthy", restarts=2), Gate.PASSED, True, ""),
        (report("running", health="unhealthy"), Gate.FAILED, False, "HealthTimeout"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_new_container(seen: dict[str, Any] | None, gate: Gate, checked: bool, reason: str) -> None:
    proof = proof_of(seen, {}, logs)
    assert (proof.gate, proof.checked, proof.reason) == (gate, checked, reason)


@pytest.mark.parametrize("spec", [{"state": "completed"}, {"job": True}], ids=["awaited", "restart: no"])
def test_a_job_proves_itself_by_ending_well(spec: dict[str, Any]) -> None:
    assert proof_of(report("exited"), spec, logs).gate is Gate.PASSED
    failed = proof_of(report("exited", code=2), spec, logs)
    assert failed.gate is Gate.FAILED
    assert failed.detail == "did not stay up: exit code 2\nno such host"


def test_the_exit_code_is_told_only_where_the_engine_still_has_it() -> None:
    waits = proof_of(report("restarting", restarts=1, code=4), {}, logs).detail
    assert waits == "does not stay up: exit code 4\nno such host"
    runs_again = proof_of(report("running", restarts=1), {}, logs).detail
    assert runs_again == "does not stay up: it ended, and its restart policy started it again\nno such host"


def test_the_last_check_is_told() -> None:
    found = proof_of(report("running", health="unhealthy"), {}, logs).detail
    assert found == "unhealthy, 3 checks failed: refused\nno such host", "and the last lines that it wrote"


def test_the_last_check_is_told_without_what_the_container_was_given_as_secrets() -> None:
    seen = report("running", health="unhealthy")
    seen["Config"]["Env"] = ["MYSQL_PWD=hunter2", "MODE=verbose"]
    seen["State"]["Health"]["Log"] = [{"Output": "mysqladmin: access denied for hunter2, verbose\n"}]
    said = proof_of(seen, {}, logs).detail
    assert said == "unhealthy, 3 checks failed: mysqladmin: access denied for ***, verbose\nno such host"


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        ({"Interval": SECOND, "Timeout": SECOND, "Retries": 2, "StartPeriod": 5 * SECOND}, 21),
        ({"Interval": SECOND // 2}, 132),
        ({}, 250),
    ],
    ids=["all given", "the engine's own for the rest", "nothing given"],
)
def test_a_check_has_the_time_that_its_own_settings_give_it(check: dict[str, Any], seconds: float) -> None:
    assert patience_of(report("running", **check)) == seconds
