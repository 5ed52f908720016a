"""Whether a container that was just started is good, told from the engine's report alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.kinds.base import Report
from agent.kinds.container_facts import is_job, is_scheduled
from agent.kinds.container_report import exit_code, has_ended, runs_for, status_of
from agent.kinds.container_state import CRASHES, health_of, patience_of
from agent.kinds.container_words import last_words, redacted, said_by
from agent.kinds.table import Spec, look
from agent.model import Resource
from agent.probe import Gate
from agent.rollout import CRASHED, HEALTH_TIMEOUT, Proof

GONE = "ContainerGone"
REMOVED = "it was removed while it was to prove itself"


def proof_of(report: Report | None, spec: Spec, logs: Callable[[str], str]) -> Proof:
    """How a container that was just started fares. A failure holds the last lines that it wrote."""
    if report is None or status_of(report) == "removing":
        return Proof(Gate.FAILED, REMOVED, reason=GONE)
    if has_ended(report):
        if is_job(spec) and not exit_code(report):
            return Proof(Gate.PASSED, "completed", checked=True)
        return Proof(Gate.FAILED, f"did not stay up: {last_words(report, logs)}", reason=CRASHED)
    status = status_of(report)
    check = _check_of(report, status)
    restarts = max(int(look(report, "RestartCount") or 0), status == "restarting")
    if restarts and (check in (None, "none") or (restarts >= CRASHES and check != "healthy")):
        return Proof(Gate.FAILED, f"does not stay up: {last_words(report, logs)}", reason=CRASHED)
    match check:
        case "healthy":
            return Proof(Gate.PASSED, checked=True)
        case "unhealthy":
            why = f"{health_of(report, {})[1]}{_last_check(report)}"
            return Proof(Gate.FAILED, f"{why}{said_by(report, logs)}", reason=HEALTH_TIMEOUT)
        case "starting":
            return Proof(Gate.PENDING, "its health check has not passed yet", True, patience_of(report))
        case _:
            return Proof(Gate.PASSED if status == "running" else Gate.PENDING, "" if status == "running" else status)


def _check_of(report: Report, status: str) -> str | None:
    """What its health check says. Between two runs the engine calls one that has any unhealthy, though none has failed:
    that one begins anew."""
    said: str | None = look(report, "State.Health.Status")
    return "starting" if said == "unhealthy" and status == "restarting" else said


def is_proved(resource: Resource, report: Report, wall: Callable[[], float] = time.time) -> bool:
    """Whether it counts as good without anybody waiting for it: its check has passed, it has done its work, or it has
    run without a restart for as long as it has to."""
    if is_scheduled(resource.spec):
        return True  # it is there, and nothing of it runs before its time
    proof = proof_of(report, resource.spec, lambda _container: "")
    return proof.gate is Gate.PASSED and (
        proof.checked or runs_for(report, wall()) >= resource.handling.rollout.monitor
    )


def _last_check(report: Report) -> str:
    log = look(report, "State.Health.Log") or ()
    said = redacted(str(log[-1].get("Output") or "").strip(), report)[:500] if log else ""
    return f": {said}" if said else ""
