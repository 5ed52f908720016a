"""What metrics and status tell alike from one report."""

from __future__ import annotations

from collections.abc import Mapping

from agent.account import changed_something
from agent.model import Action, Cause, Health, Outcome, Report, Revision, Status
from agent.occasions import Trigger


def was_looked_at(report: Report) -> bool:
    """Whether the pass got far enough to see the host."""
    return bool(report.services or report.outcomes) or report.health is not Health.UNKNOWN or report.synced


def brought_by(report: Report) -> Revision | None:
    """The commit that brought something new, and is not only to blame for what did not come about. What is gone back to
    is nothing new."""
    done = (outcome.change.commit for outcome in report.outcomes if changed_something(outcome))
    return None if report.trigger == Trigger.ROLLBACK else next(filter(None, done), None)


def pending_of(report: Report) -> list[Action]:
    """What the pass planned and did not get done, in the plan's order, without what is held."""
    ended: Mapping[int, Outcome] = {outcome.change.number: outcome for outcome in report.outcomes}
    return [
        change.action
        for change in report.plan.pending
        if change.cause is not Cause.SCHEDULE
        if change.number not in ended or ended[change.number].status is not Status.DONE
    ]
