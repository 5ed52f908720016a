"""Plans and what came of them as the JSON objects that scripts rely on. Pure.

Keys are only ever added; `format` changes with anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.cli.needs import Applied, Planned
from agent.cli.plans import cause_text, summary
from agent.model import Cause, Change, Outcome, Report, Revision, Stack

if TYPE_CHECKING:
    from agent.going_back import TakenBack


def plan_document(planned: Planned) -> dict[str, Any]:
    """What `plan -o json` prints."""
    stacks = {stack.name: stack for stack in planned.stacks}
    changes = [
        change_document(change, stacks[change.stack].revision if change.stack in stacks else planned.revision)
        for change in planned.plan.changes
    ]
    return {
        "format": "1",
        "hash": planned.hash,
        "revision": planned.revision.id,
        "host": planned.host,
        "source": {"url": planned.url, "ref": planned.ref, "revision": _revision_document(planned.revision)},
        "engine": {"version": planned.engine.version, "api": planned.engine.api},
        "stacks": [_stack_document(stack) for stack in planned.stacks],
        "changes": changes,
        "summary": summary(planned.plan) | {"unchanged": planned.plan.unchanged},
    }


def applied_document(planned: Planned, applied: Applied) -> dict[str, Any]:
    """The plan's object with what came of it."""
    return plan_document(planned) | {
        "outcomes": [_outcome_document(outcome) for outcome in applied.outcomes],
        "result": applied.result.value,
        "synced": applied.synced,
        "healthy": applied.healthy,
        "seconds": round(applied.seconds, 3),
        "reports": [_report_document(report) for report in applied.reports],
        "taken_back": [_taken_back_document(one) for one in applied.taken_back],
    }


def _revision_document(revision: Revision) -> dict[str, Any]:
    return {
        "id": revision.id,
        "short": revision.short,
        "subject": revision.subject,
        "author": revision.author,
        "timestamp": revision.timestamp,
    }


def _stack_document(stack: Stack) -> dict[str, Any]:
    return {
        "name": stack.name,
        "revision": stack.revision.id,
        "file": stack.place.file if stack.place else "",
        "services": list(stack.services),
        "resources": len(stack.resources),
    }


def change_document(change: Change, revision: Revision) -> dict[str, Any]:
    """One step, with secrets masked; `revision` is that of its stack."""
    return {
        **_step(change),
        "cause": change.cause.value,
        "cause_text": cause_text(change, revision),
        "commit": _commit_document(change, revision),
        "reason": change.reason,
        "approval": change.approval,
        "interruption": change.interruption,
        "fields": [{"path": field.path, "from": field.before, "to": field.after} for field in change.fields],
        "after": sorted(change.after),
        "follows": sorted(change.follows),
    }


def _commit_document(change: Change, revision: Revision) -> dict[str, Any] | None:
    """The commit that is the cause; None where something else is, or where the files are in no commit."""
    commit = change.commit or revision
    return _revision_document(commit) if change.cause is Cause.COMMIT and commit.is_commit else None


def _step(change: Change) -> dict[str, Any]:
    """Which step of the plan is meant."""
    return {
        "number": change.number,
        "stack": change.stack,
        "action": change.action.value,
        "kind": change.key.kind,
        "name": change.key.name,
    }


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        **_step(outcome.change),
        "status": outcome.status.value,
        "detail": outcome.detail,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
    }


def _taken_back_document(one: TakenBack) -> dict[str, Any]:
    return {
        "stack": one.stack,
        "failure": {"reason": one.failure.reason, "message": one.failure.message},
        "revision": _revision_document(one.revision) if one.revision else None,
        "report": _report_document(one.report) if one.report else None,
        "why_not": one.why_not,
    }


def _report_document(report: Report) -> dict[str, Any]:
    failure = report.failure
    return {
        "stack": report.stack,
        "run": report.run_id,
        "result": report.result.value,
        "synced": report.synced,
        "health": report.health.value,
        "services": [
            {
                "name": state.name,
                "ready": state.ready,
                "desired": state.desired,
                "health": state.health.value,
                "images": [{"id": image.id, "digest": image.digest} for image in state.images],
            }
            for state in report.services
        ],
        "failure": {"reason": failure.reason, "message": failure.message} if failure else None,
    }
