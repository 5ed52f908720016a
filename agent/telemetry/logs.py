"""Log lines: one event each, whether they come from the agent or from a library through `logging`.

JSON for machines: one object a line, ASCII only. Console for people, and under systemd the same with the priority
that the journal reads. Whatever text comes from outside is capped and cannot end its line or move the cursor.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from agent.converge import Ended, Event, Resting, Started, Waiting
from agent.fight import Fight
from agent.jobs import JobEnd, JobResult
from agent.model import Action, Change, Failure, Outcome, Report, Result, Revision, Status
from agent.printable import printable, without_attempt
from agent.telemetry.overview import first_line
from agent.telemetry.reports import pending_of

Format = Literal["console", "json", "journal"]

_LONGEST_VALUE = 4096
_LONGEST_TRACEBACK = 16384
_MOST_ITEMS = 50
_SAY_EVERY = 15  # seconds, of a wait that goes on
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_JOB_LEVELS = {
    JobResult.SUCCEEDED: logging.INFO,
    JobResult.FAILED: logging.ERROR,
    JobResult.TIMEOUT: logging.ERROR,
}
_COLOURS = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}
_NOISY = ("urllib3", "docker", "git", "watchfiles", "asyncio", "uvicorn.access")


def configure(format: Format, level: str, stream: TextIO, *, count: Callable[[str], None] | None = None) -> None:
    """Send every line at or above `level` to the stream. To be called once, before the first line.

    `count` hears the level of each line that is written.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *([_Counted(count)] if count else []),
            _Renderer(format, colour=format == "console" and stream.isatty()),
        ],
    )
    handler = _Lines(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def to_journal(stream: TextIO, journal_stream: str) -> bool:
    """Whether the stream is the one that systemd connected to the journal; its name is in JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return journal_stream == f"{status.st_dev}:{status.st_ino}"


# --- what is said of a pass -------------------------------------------------------------------------------------


def record(logger: FilteringBoundLogger, report: Report, before: Failure | None = None) -> None:
    """Say what a pass has come to: a line a step, a line a failure or for what is held, a line a mistake in the files,
    and the sum.

    `before` is how the pass before this one over the stack failed, or what it held. What is told is what is new: a pass
    that changed nothing, and a failure that goes on as it was, are told at debug level.
    """
    revision = report.revision.short if report.revision else ""
    logger = logger.bind(run=report.run_id, revision=revision, stack=report.stack, trigger=report.trigger)
    again = report.failure is not None and before is not None and is_same(report.failure, before)
    quiet = again or report.result is Result.NOOP
    for outcome in report.outcomes:
        _tell_outcome(logger, outcome, quiet=quiet and outcome.status is not Status.DONE)
    for fight in report.fights:
        if any(outcome.change.key == (fight.kind, fight.name) for outcome in report.outcomes):
            logger.warning("drift returns", **_fight(fight))
    if report.failure:
        _tell_failure(logger, report, report.failure, again=again)
    elif before is not None:
        logger.info("recovered", ended=before.reason)
    logger.log(logging.DEBUG if quiet else logging.INFO, _summary(report), **_sums(report))


def _fight(fight: Fight) -> dict[str, Any]:
    facts = {"kind": fight.kind, "name": fight.name, "fields": list(fight.fields), "times": fight.times}
    return {**facts, "message": str(fight), "left_alone_for": fight.wait}


def is_same(failure: Failure, before: Failure) -> bool:
    """Whether a failure is the one before going on. The objects and ports of an attempt make no other of it."""
    return (failure.reason, failure.problems, without_attempt(failure.message)) == (
        before.reason,
        before.problems,
        without_attempt(before.message),
    )


def job_ended(logger: FilteringBoundLogger, end: JobEnd) -> None:
    """A line for each run of a job that is over, and for each that did not begin."""
    facts: dict[str, Any] = {"stack": end.stack, "service": end.service, "result": end.result, "cron": end.cron}
    facts |= {"began": datetime.fromtimestamp(end.began, UTC).isoformat(timespec="seconds")}
    facts |= {"seconds": round(end.seconds, 3), "exit_code": end.exit_code, "message": end.message}
    logger.log(_JOB_LEVELS.get(end.result, logging.WARNING), "job", **facts)


def progress(logger: FilteringBoundLogger, event: Event) -> None:
    """Say what is under way, for who watches: long waits from time to time, the rest at debug level."""
    match event:
        case Started():
            logger.debug("begins", **_step(event.change))
        case Waiting():
            seconds = int(event.seconds)
            now_and_then = seconds > 0 and seconds % _SAY_EVERY == 0
            level = logging.INFO if now_and_then else logging.DEBUG
            condition = f"{event.requirement.key} {event.requirement.condition}"
            facts = {"for": condition, "detail": event.detail, "seconds": seconds}
            logger.log(level, "waits", **_step(event.change), **facts)
        case Resting():
            seconds = int(event.seconds)
            level = logging.INFO if seconds > 0 and seconds % _SAY_EVERY == 0 else logging.DEBUG
            logger.log(level, "proves itself", **_step(event.change), detail=event.detail, seconds=seconds)
        case Ended():
            logger.debug("ended", **_step(event.outcome.change), result=event.outcome.status)


def _step(change: Change) -> dict[str, str]:
    return {"stack": change.stack, "action": change.action, "key": str(change.key)}


def _tell_outcome(logger: FilteringBoundLogger, outcome: Outcome, *, quiet: bool) -> None:
    change = outcome.change
    facts: dict[str, Any] = {
        "action": change.action,
        "key": str(change.key),
        "cause": change.cause,
        "why": change.reason,
        "result": outcome.status,
        "seconds": round(outcome.seconds, 3),
    }
    facts |= _commit_facts(change.commit)
    if outcome.detail:
        facts["detail"] = outcome.detail
    if outcome.reason:
        facts["reason"] = outcome.reason
    is_remarkable = outcome.status is Status.DONE and bool(outcome.detail)
    logger.log(logging.WARNING if is_remarkable else _level(outcome.status, quiet=quiet), "step", **facts)


def _commit_facts(commit: Revision | None) -> dict[str, str]:
    return {"commit": commit.short, "subject": commit.subject, "author": commit.author} if commit else {}


def _tell_failure(logger: FilteringBoundLogger, report: Report, failure: Failure, *, again: bool) -> None:
    """What is only held asks for somebody's attention, and nothing failed."""
    held = report.waits and report.result is not Result.ERROR
    event, level = ("held", logging.WARNING) if held else ("failed", logging.ERROR)
    level = logging.DEBUG if again else level
    facts = _commit_facts(report.commit)
    logger.log(level, event, reason=failure.reason, message=first_line(failure.message), **facts)
    for problem in failure.problems:
        place = str(problem.place)
        logger.log(level, "mistake", place=place, path=problem.path, message=problem.message, hint=problem.hint)


def _level(status: Status, *, quiet: bool) -> int:
    if quiet:
        return logging.DEBUG
    match status:
        case Status.FAILED:
            return logging.ERROR
        case Status.OVERTAKEN | Status.SKIPPED:
            return logging.WARNING
        case Status.DONE | Status.HELD:
            return logging.INFO


def _summary(report: Report) -> str:
    match report.result:
        case Result.SUCCESS:
            return "converged" if report.synced else "changed, and not done yet"
        case Result.NOOP:
            return "nothing to do" if report.synced else "nothing done"
        case Result.ERROR:
            return "not converged"


def _sums(report: Report) -> dict[str, Any]:
    ends = [outcome.status for outcome in report.outcomes]
    counts = {status.value: ends.count(status) for status in Status if status in ends}
    held = sum(change.action is Action.HOLD for change in report.plan.changes)
    return counts | {
        "held": held,
        "pending": len(pending_of(report)),
        "synced": report.synced,
        "health": report.health,
        "seconds": round(report.seconds, 3),
    }


# --- how a line looks -------------------------------------------------------------------------------------------


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines. A reader that went away or a full disk costs lines, not a page of complaints for each."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _Counted:
    """Tells the level of each line on its way to the renderer."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        self._count(str(event.get("level", "info")))
        return event


class _Renderer:
    """The last step: an event becomes the text of its line."""

    def __init__(self, format: Format, *, colour: bool) -> None:
        self._format, self._colour = format, colour

    def __call__(self, _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> str:
        facts = {str(key)[:64]: _tidy(value, _LONGEST_VALUE) for key, value in event.items() if key != "exception"}
        head = {name: facts.pop(name, "") for name in ("timestamp", "level", "event")}
        traceback = str(event.get("exception", ""))[-_LONGEST_TRACEBACK:]
        if self._format == "json":
            told = facts | ({"exception": traceback} if traceback else {})
            return json.dumps(head | dict(sorted(told.items())))
        said = [f"{printable(name)}={_quoted(value)}" for name, value in facts.items() if value not in ("", None)]
        line = " ".join([printable(str(head["event"])), *said])
        start = self._start(head)
        return "\n".join(start + text for text in (line, *("  " + printable(row) for row in traceback.splitlines())))

    def _start(self, head: Mapping[str, Any]) -> str:
        level = str(head["level"])
        if self._format == "journal":
            return f"<{_PRIORITIES.get(level, 6)}>"
        shown = f"{level:<8}"
        if self._colour and level in _COLOURS:
            shown = f"\x1b[{_COLOURS[level]}m{shown}\x1b[0m"
        return f"{str(head['timestamp'])[11:19]}Z {shown} "


def _quoted(value: Any) -> str:
    text = printable(value if isinstance(value, str) else json.dumps(value))
    return '"' + text.replace('"', '\\"') + '"' if set(text) & set(' "=') else text


def _tidy(value: Any, longest: int) -> Any:
    """The value as JSON can hold it: text capped, collections cut, anything else as its text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Enum():
            return _tidy(value.value, longest)
        case Mapping():
            return {str(key)[:64]: _tidy(value[key], longest // 4) for key in list(value)[:_MOST_ITEMS]}
        case list() | tuple():
            return [_tidy(item, longest // 4) for item in value[:_MOST_ITEMS]]
        case _:
            text = str(value)
            return text if len(text) <= longest else text[:longest] + "…"
