"""How a container fares: its health, whether a condition holds of it, and what it is attached to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from agent.kinds.base import UNCHECKED, Report
from agent.kinds.container_facts import is_done, is_scheduled
from agent.kinds.container_mounts import ANONYMOUS_NAME
from agent.kinds.container_networks import endpoints
from agent.kinds.container_report import exit_code, has_ended, linked, runs_for, sharers, started_at, status_of
from agent.kinds.container_words import exit_text, last_words
from agent.kinds.table import Spec, look
from agent.model import Condition, Health, Key
from agent.probe import Gate, Probe

SECOND = 1_000_000_000  # nanoseconds
_USUAL = {"Interval": 30 * SECOND, "Timeout": 30 * SECOND, "Retries": 3, "StartPeriod": 0}  # the engine's own
SLACK = 10.0  # seconds that the engine may take beside the checks themselves
CRASHES = 3  # restarts after which one with a check, that may need another one first, counts as one that does not run
STEADY = 60.0  # seconds that a container has to run after restarts before it is trusted again
BUILT_IN = ("bridge", "host", "none")  # networks that every engine has


def health_of(report: Report, spec: Spec, wall: Callable[[], float] = time.time) -> tuple[Health, str]:
    """The health of a container that is there, and in words what is wrong with it.

    A container that dies and is restarted over and over is degraded at whichever moment it is looked at, or an alert
    would never see it ill for long enough: while the engine waits to start it, and while it runs again but has not yet
    run for a minute. One restart is bad luck and no illness, and a health check that passes has the last word. One with
    a check that has restarted a few times only is on its way: it may need another one first.
    """
    status = status_of(report)
    match status:
        case "running" | "created" | "exited" if is_scheduled(spec):
            return Health.HEALTHY, ""  # what its runs come to is told of them, and makes the service no worse
        case "running":
            return _health_running(report, wall())
        case "restarting":
            return _while_restarting(report), f"restarted {_restarts(report)} times, {exit_text(report)}"
        case "exited" if is_done(spec, report):
            return Health.HEALTHY, "completed"
        case "exited":
            return Health.DEGRADED, exit_text(report)
        case _:
            return Health.DEGRADED, status or "in an unknown state"


def _health_running(report: Report, now: float) -> tuple[Health, str]:
    check = str(look(report, "State.Health.Status") or "")
    if check == "unhealthy":
        return Health.DEGRADED, f"unhealthy, {look(report, 'State.Health.FailingStreak') or 0} checks failed"
    if check != "healthy" and _restarts(report) > 1 and _is_young(report, now):
        return _while_restarting(report), f"restarted {_restarts(report)} times, runs since less than a minute"
    if check == "starting":
        return Health.PROGRESSING, "health check has not passed yet"
    return Health.HEALTHY, ""


def _while_restarting(report: Report) -> Health:
    has_check = look(report, "State.Health.Status") not in (None, "", "none")
    return Health.PROGRESSING if has_check and _restarts(report) < CRASHES else Health.DEGRADED


def _restarts(report: Report) -> int:
    """How often the engine has restarted it by its policy since it was last started by hand."""
    return int(look(report, "RestartCount") or 0)


def _is_young(report: Report, now: float) -> bool:
    """Whether its present run began a short while ago. A clock that is far off says nothing about that."""
    began = started_at(report)
    return began is not None and abs(now - began) < STEADY


def patience_of(report: Report) -> float:
    """Seconds within which the health check of the container, by its own settings, has passed or failed."""
    asked = look(report, "Config.Healthcheck") or {}
    said = {key: asked.get(key) or usual for key, usual in _USUAL.items()}
    seconds = (said["StartPeriod"] + (said["Interval"] + said["Timeout"]) * (said["Retries"] + 1)) / SECOND
    return math.ceil(seconds + SLACK)


def gate(
    report: Report | None, condition: Condition, logs: Callable[[str], str], wall: Callable[[], float] = time.time
) -> Probe:
    """Whether the condition holds of the container, which is None where there is none."""
    if report is None:
        return Probe(Gate.FAILED, "the container is gone")
    if condition is Condition.EXISTS:
        return Probe(Gate.PASSED)
    if has_ended(report):
        if condition is not Condition.HEALTHY and not exit_code(report):
            return Probe(Gate.PASSED)
        return Probe(Gate.FAILED, last_words(report, logs))
    if status_of(report) != "running":
        return Probe(Gate.PENDING, status_of(report), patience=patience_of(report))
    return _while_running(report, condition, wall)


def uses_of(report: Report, names: Mapping[str, str]) -> frozenset[Key]:
    """What the container is attached to: networks, named volumes, host paths, its image, containers it shares with or
    has links to."""
    mounted = report.get("Mounts") or ()
    volumes = (str(mount.get("Name") or "") for mount in mounted if mount.get("Type") == "volume")
    return frozenset(
        (
            Key("image", str(look(report, "Config.Image") or "")),
            *(Key("network", name) for name in endpoints(report) if name not in BUILT_IN),
            *(Key("volume", name) for name in volumes if name and not ANONYMOUS_NAME.fullmatch(name)),
            *(Key("file", str(mount.get("Source"))) for mount in mounted if mount.get("Type") == "bind"),
            *(Key("container", names.get(owner, owner)) for owner in sharers(report)),
            *(Key("container", target) for target in linked(report)),
        )
    )


def unmoved(report: Report, paths: Iterable[str]) -> frozenset[str]:
    """Those files of this host that have not changed since the container was started, and so are what it sees; all of
    them where it does not run, since a start looks anew."""
    there = frozenset(paths)
    if not look(report, "State.Running"):
        return there
    started = started_at(report)
    return frozenset() if started is None else frozenset(path for path in there if _changed_at(path) < started)


def rewritten(report: Report, paths: Iterable[str]) -> frozenset[str]:
    """The targets of the mounts whose files, of these paths, were written since the container was started: it may still
    have the old ones, or began with others. None where it does not run, since a start looks anew. A time in the future
    says nothing, for then the clock was set back."""
    targets = {str(mount.get("Source")): str(mount.get("Destination")) for mount in report.get("Mounts") or ()}
    mounted = [path for path in paths if path in targets]
    started = started_at(report)
    if not mounted or not look(report, "State.Running") or started is None:
        return frozenset()
    return frozenset(targets[path] for path in mounted if started < _written_at(path) < time.time())


def _written_at(path: str) -> float:
    """Seconds since the epoch, 0 where that cannot be told. Of the content alone: backups change the other times."""
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def _changed_at(path: str) -> float:
    """Seconds since the epoch, of writing or of being moved there: an older file may have taken the place."""
    try:
        return Path(path).stat().st_ctime
    except OSError:
        return math.inf


def _while_running(report: Report, condition: Condition, wall: Callable[[], float]) -> Probe:
    if condition is Condition.COMPLETED:
        return Probe(Gate.PENDING, "still running")  # work takes as long as it takes
    if condition is Condition.STARTED:
        return Probe(Gate.PASSED)
    match look(report, "State.Health.Status"):
        case "healthy":
            return Probe(Gate.PASSED)
        case "unhealthy":
            return Probe(Gate.FAILED, health_of(report, {})[1])
        case "starting":
            taken = max(0.0, runs_for(report, wall()))
            return Probe(Gate.PENDING, "health check has not passed yet", taken, patience_of(report))
        case _:
            return Probe(Gate.FAILED, UNCHECKED)
