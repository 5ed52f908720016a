"""A run as history keeps it: one pass over one stack that did something, or failed to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.images import NO_IMAGE, Image
from agent.jobs import JobEnd, JobResult
from agent.kind_names import CONTAINER
from agent.model import Action, Cause, Change, Failure, FieldChange, Outcome, Report, Result, Revision, Status
from agent.printable import capped

RUNNING = "running"
INTERRUPTED = "interrupted"

_MOST_CHANGES = 1000
_MOST_FIELDS = 100
_MOST_PROBLEMS = 100


class RunField(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """A field that changed, as text; secrets are masked already. Named in JSON as a plan names it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class RunChange:
    """One step. `status` is that of its outcome, or "planned" where the run did not get to it. `image` is what the
    container was made from, by its digest, or by its id where no digest is known."""

    action: str
    kind: str
    name: str
    cause: str
    reason: str
    status: str
    detail: str = ""
    seconds: float = 0.0
    fields: tuple[RunField, ...] = ()
    image: str = ""


@dataclass(frozen=True)
class RunFailure:
    """`problems` are lines of the form FILE:LINE:COLUMN: what is wrong."""

    reason: str
    message: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunCommit:
    """The commit that brought what the run was about, which may be at a later one."""

    id: str
    subject: str = ""
    author: str = ""

    def __str__(self) -> str:
        return str(Revision(self.id, self.subject, self.author))


@dataclass(frozen=True)
class Details:
    """What is kept of a run as JSON, beside the columns."""

    changes: tuple[RunChange, ...] = ()
    failure: RunFailure | None = None
    commit: RunCommit | None = None
    skipped: tuple[RunCommit, ...] = ()


@dataclass(frozen=True)
class Run:
    """`sequence` is our own count and the only order; clocks and commits may lie.

    `result` is success, noop (all that was to do is held, as `failure` says), error, running, or interrupted (begun,
    and the agent ended before it did); a job's run may also be replaced, skipped or missed. What failed or was held
    again just as before is the same run with `repeats` more; `ended` is then the last time. `commit` is None where
    nothing is known of a commit: if one was the cause, it is that of the `revision`. `skipped` are commits before that,
    newest first, that came too quickly for a run of their own.
    """

    sequence: int
    run_id: str
    stack: str
    trigger: str
    revision: str
    subject: str
    author: str
    result: str
    started: float
    ended: float
    seconds: float
    repeats: int = 0
    changes: tuple[RunChange, ...] = ()
    failure: RunFailure | None = None
    commit: RunCommit | None = None
    skipped: tuple[RunCommit, ...] = ()

    @property
    def short(self) -> str:
        return Revision(self.revision).short

    def document(self) -> dict[str, Any]:
        """The JSON form, as plain values."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def details_of(report: Report) -> Details:
    """The steps of a report with what came of them, and its failure, each within bounds."""
    ends = {outcome.change.number: outcome for outcome in report.outcomes}
    changes = tuple(
        _change(change, ends.get(change.number), report.images) for change in report.plan.changes[:_MOST_CHANGES]
    )
    return Details(
        changes,
        _failure(report.failure) if report.failure else None,
        _commit(report.commit) if report.commit else None,
        tuple(map(_commit, report.skipped)),
    )


def _failure(failure: Failure) -> RunFailure:
    problems = tuple(capped(str(problem)) for problem in failure.problems[:_MOST_PROBLEMS])
    return RunFailure(capped(failure.reason), capped(failure.message), problems)


def _commit(commit: Revision) -> RunCommit:
    return RunCommit(commit.id, capped(commit.subject), capped(commit.author))


def job_result(end: JobEnd) -> str:
    """The result of a job's run as history has it."""
    match end.result:
        case JobResult.SUCCEEDED:
            return Result.SUCCESS
        case JobResult.FAILED | JobResult.TIMEOUT:
            return Result.ERROR
        case _:
            return end.result


def job_details(end: JobEnd) -> Details:
    """A job's run as the one step that it is."""
    said = capped("\n".join(filter(None, (_job_words(end), end.message))))
    succeeded, ran = end.result is JobResult.SUCCEEDED, job_result(end) in {Result.SUCCESS, Result.ERROR}
    status = Status.DONE if succeeded else Status.FAILED if ran else Status.SKIPPED
    name = capped(end.name)
    step = RunChange("run", CONTAINER, name, Cause.SCHEDULE, end.cron, status, said, end.seconds)
    if succeeded:
        return Details((step,))
    why = said if ran else ", ".join(filter(None, (end.result, said)))
    return Details((step,), RunFailure(f"Job{end.result.title()}", capped(f"job {end.service}: {why}")))


def _job_words(end: JobEnd) -> str:
    """What is to be said before its own words: those of a failed run begin with its exit code."""
    if end.result is JobResult.TIMEOUT:
        return f"timeout: it was stopped after {end.seconds:.0f} s"
    return "" if end.message or end.exit_code is None else f"exit code {end.exit_code}"


def _change(change: Change, outcome: Outcome | None, images: Mapping[str, Image]) -> RunChange:
    made = outcome and outcome.status is Status.DONE and change.action in {Action.CREATE, Action.REPLACE}
    image = images.get(change.key.name, NO_IMAGE) if made and change.key.kind == CONTAINER else NO_IMAGE
    return RunChange(
        action=change.action,
        kind=change.key.kind,
        name=capped(change.key.name),
        cause=change.cause,
        reason=capped(change.reason),
        status=outcome.status if outcome else "planned",
        detail=capped(outcome.detail) if outcome else "",
        seconds=outcome.seconds if outcome else 0.0,
        fields=tuple(map(_field, change.fields[:_MOST_FIELDS])),
        image=capped(image.digest or image.id),
    )


def _field(field: FieldChange) -> RunField:
    return RunField(capped(field.path), capped(field.before), capped(field.after))


def encode(details: Details) -> bytes:
    """The JSON form, which `decode` reads back."""
    return msgspec.json.encode(details)


def decode(data: bytes) -> Details:
    """Read details back. Those that another release wrote in a way of its own are left out, not the run."""
    try:
        return msgspec.json.decode(data, type=Details)
    except msgspec.MsgspecError:
        return Details()


def sameness(report: Report) -> str:
    """A mark that a pass that failed, or held, shares with one that did just the same and changed nothing; "" for
    others."""
    did_something = any(outcome.status is Status.DONE for outcome in report.outcomes)
    failed = report.result is Result.ERROR or report.waits
    if not failed or did_something or report.failure is None:
        return ""
    revision = report.revision.id if report.revision else ""
    facts = [report.stack, revision, report.failure.reason, report.failure.message, *map(str, report.failure.problems)]
    return hashlib.sha256(msgspec.json.encode([capped(fact) for fact in facts])).hexdigest()
