"""Containers that are there to run at times: what they tell of their last run, and how one begins and is cut short."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.errors import Overtaken
from agent.handling import Overlap
from agent.jobs import JobSeen
from agent.kinds.base import Report, seen_of
from agent.kinds.container_report import exit_code, is_up
from agent.kinds.container_words import last_words
from agent.kinds.table import moment
from agent.model import Change, Observed

if TYPE_CHECKING:
    from agent.kinds.container import ContainerKind


def job_of(report: Report, logs: Callable[[str], str]) -> JobSeen:
    """The last run, by the engine's own account, which outlives the agent. One that failed is asked for its words."""
    began, code = _moment(report, "State.StartedAt"), exit_code(report)
    is_over = began > 0 and not is_up(report)
    return JobSeen(
        str(report.get("Id") or ""),
        _moment(report, "Created"),
        began,
        max(began, _moment(report, "State.FinishedAt")) if is_over else 0.0,
        code if is_over else 0,
        last_words(report, logs) if is_over and code else "",
    )


def run(kind: ContainerKind, change: Change) -> None:
    """Start the container. One that runs is stopped first where its schedule says so. Where nothing is wanted, the one
    that was seen goes on."""
    if change.wanted is None:
        _go_on(kind, seen_of(change))
        return
    resource = change.wanted
    report = kind.engine.inspect_container(resource.key.name)
    if report is None:
        raise Overtaken(f"container {resource.key.name} is gone since it was looked at")
    if is_up(report):
        schedule = resource.handling.schedule
        if schedule is None or schedule.overlap is not Overlap.REPLACE:
            raise Overtaken(f"container {resource.key.name} runs already")
        kind.stop(report, resource)
    kind.start(resource, report)


def _go_on(kind: ContainerKind, seen: Observed) -> None:
    """What was down when it was seen, and may be, stays so: its run is over, or waits for its time."""
    report = kind.engine.inspect_container(seen.id)
    if report is None:
        raise Overtaken(f"container {seen.key.name} is gone since it was looked at")
    was_up = is_up(seen.raw) or any(one.path == "state" for one in seen.differences)
    if was_up and not is_up(report):
        kind.hooks.start_again(report)


def cut_short(kind: ContainerKind, change: Change) -> None:
    """Stop what was seen, with the time that the container is given for that."""
    report = kind.engine.inspect_container(seen_of(change).id)
    if report is not None:
        kind.stop(report, change.wanted)


def _moment(report: Report, path: str) -> float:
    """Seconds since the epoch; 0 where there is none."""
    return max(0.0, moment(report, path) or 0.0)
