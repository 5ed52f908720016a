"""The replacement of one container, step by step, in the order that `agent.rollout` gives.

The new one is made as `NAME.next`. When the old one is stopped it becomes `NAME.old`, and the new one takes the name.
Until `finish` the old one is there, so that it can go on within the time of a start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agent.errors import Overtaken
from agent.kinds.base import NEXT, OLD
from agent.kinds.container_facts import is_job, is_scheduled
from agent.kinds.container_job import is_up
from agent.kinds.container_names import name_of
from agent.kinds.container_state import health_of
from agent.kinds.container_words import last_words
from agent.kinds.table import Spec, look
from agent.model import Gate, Resource
from agent.rollout import Proof

if TYPE_CHECKING:
    from agent.kinds.container import ContainerKind

CRASHED, UNHEALTHY, GONE = "CrashOnStart", "Unhealthy", "ContainerGone"
SECOND = 1_000_000_000  # nanoseconds
_USUAL = {"Interval": 30 * SECOND, "Timeout": 30 * SECOND, "Retries": 3, "StartPeriod": 0}  # the engine's own
SLACK = 10.0  # seconds that the engine may take beside the checks themselves

Report = Mapping[str, Any]


class Replacement:
    """Implements `agent.rollout.Steps`. `old` is the report of the one that runs."""

    def __init__(self, kind: ContainerKind, resource: Resource, revision: str, old: dict[str, Any]) -> None:
        self._kind, self._resource, self._revision, self._old = kind, resource, revision, old
        self._name = resource.key.name
        self._new = ""
        self._retired = False

    def prepare(self) -> None:
        if is_scheduled(self._resource.spec) and is_up(self._old):
            raise Overtaken(f"container {self._name} has begun a run since it was looked at")
        for leftover in (self._name + NEXT, self._name + OLD):
            self._kind.clear(leftover)
        self._new = self._kind.make(self._resource, self._revision, self._name + NEXT, self._old)

    def start(self) -> None:
        self._kind.begin(self._resource, self._new)

    def retire(self) -> None:
        self._retired = True
        self._kind.stop(self._old, self._resource)
        self._kind.engine.rename_container(self._old["Id"], self._name + OLD)
        self._kind.engine.rename_container(self._new, self._name)

    def prove(self) -> Proof:
        if is_scheduled(self._resource.spec):
            return Proof(Gate.PASSED, checked=True)  # it is there, and nothing of it runs before its time
        return proof_of(self._kind.engine.inspect_container(self._new), self._resource.spec, self._kind.engine.logs)

    def finish(self) -> None:
        self._kind.engine.remove_container(self._old["Id"], force=True)

    def take_back(self) -> None:
        self._kind.discard(self._new)
        now = self._kind.engine.inspect_container(self._old["Id"])
        if now is None or not self._retired:
            return
        if name_of(now) != name_of(self._old):
            self._kind.engine.rename_container(self._old["Id"], name_of(self._old))
        ends = is_job(self._resource.spec) or is_scheduled(self._resource.spec)
        if is_up(self._old) or not ends:  # an attempt that was cut may have stopped it
            self._kind.engine.start_container(self._old["Id"])


def proof_of(report: Report | None, spec: Spec, logs: Callable[[str], str]) -> Proof:
    """How a container that was just started fares. A failure holds the last lines that it wrote."""
    if report is None:
        return Proof(Gate.FAILED, "it is gone", reason=GONE)
    status = str(look(report, "State.Status") or "")
    if status in ("exited", "dead"):
        if is_job(spec) and not look(report, "State.ExitCode"):
            return Proof(Gate.PASSED, "completed", checked=True)
        return Proof(Gate.FAILED, f"did not stay up: {last_words(report, logs)}", reason=CRASHED)
    check = look(report, "State.Health.Status")
    restarted = status == "restarting" or int(look(report, "RestartCount") or 0)
    if restarted and check in (None, "none"):
        return Proof(Gate.FAILED, f"does not stay up: {last_words(report, logs)}", reason=CRASHED)
    match check:
        case "healthy":
            return Proof(Gate.PASSED, checked=True)
        case "unhealthy":
            return Proof(Gate.FAILED, f"{health_of(report, {})[1]}{_last_check(report)}", reason=UNHEALTHY)
        case "starting":
            return Proof(Gate.PENDING, "its health check has not passed yet", True, patience_of(report))
        case _:
            return Proof(Gate.PASSED if status == "running" else Gate.PENDING, "" if status == "running" else status)


def patience_of(report: Report) -> float:
    """Seconds within which the health check of the container, by its own settings, has passed or failed."""
    asked = look(report, "Config.Healthcheck") or {}
    said = {key: asked.get(key) or usual for key, usual in _USUAL.items()}
    seconds = (said["StartPeriod"] + (said["Interval"] + said["Timeout"]) * (said["Retries"] + 1)) / SECOND
    return math.ceil(seconds + SLACK)


def _last_check(report: Report) -> str:
    log = look(report, "State.Health.Log") or ()
    said = str(log[-1].get("Output") or "").strip()[:500] if log else ""
    return f": {said}" if said else ""
