"""Whether new content of a stack proves good. Pure: it is told what was seen, and when.

What is replaced proves itself on the spot, while the old one is still there (`agent.rollout`). What is only made, or
changed in place, is watched afterwards: until its health check has passed, or it has run for a while. Until then
content is on trial; only what has passed is what one goes back to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from agent.backoff import BLAMELESS
from agent.handling import OnFailure
from agent.model import Action, Cause, Failure, Health, Outcome, Report, Stack, Status
from agent.processes import ORPHAN_PROCESS

HEALTH = "health"  # the field of a container whose health check fails
LONGEST = 900.0  # seconds; a health check that has not said anything by then never will
_MADE = frozenset({Action.CREATE, Action.UPDATE})


class State(StrEnum):
    """How content stands."""

    UNDER_WAY = "under way"  # not as it is wanted yet
    ON_TRIAL = "on trial"
    GOOD = "good"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """`services` are those of which something was made for the content, `began` is monotonic seconds."""

    services: frozenset[str]
    began: float
    monitor: float


@dataclass(frozen=True)
class Judgement:
    """`again_in` are the seconds after which to look again, where it is on trial."""

    state: State
    trial: Trial | None = None
    failure: Failure | None = None
    again_in: float = 0.0


def judge(stack: Stack, report: Report, trial: Trial | None, now: float) -> Judgement:
    """How the stack's content stands after a turn, given the trial so far."""
    if failure := _content_failed(report):
        return Judgement(State.FAILED, failure=failure)
    trial = _gone_on(trial, stack, report, now)
    if trial is not None and (failure := _started_anew_for_its_health(trial, report)):
        return Judgement(State.FAILED, failure=failure)
    if report.failure or not report.synced or _is_disturbed(report):
        return Judgement(State.UNDER_WAY, trial)
    if trial is None:
        return Judgement(State.GOOD)
    return _judge_health(trial, report, now)


def _is_disturbed(report: Report) -> bool:
    """Whether something runs beside what is wanted and may be why that is ill: then its health says nothing yet."""
    return report.stays is not None and report.stays.reason == ORPHAN_PROCESS


def _started_anew_for_its_health(trial: Trial, report: Report) -> Failure | None:
    """What is on trial and was ill, although by now it begins again and may look well."""
    for outcome in report.outcomes:
        wanted = outcome.change.wanted
        ill = any(field.path == HEALTH for field in outcome.change.fields)
        if ill and wanted is not None and wanted.service in trial.services:
            return Failure("Unhealthy", f"service {wanted.service} does not stay healthy")
    return None


def _judge_health(trial: Trial, report: Report, now: float) -> Judgement:
    states = [state for state in report.services if state.name in trial.services]
    for state in states:
        if state.health in {Health.DEGRADED, Health.MISSING}:
            what = f"service {state.name} is {state.health}{f': {state.detail}' if state.detail else ''}"
            return Judgement(State.FAILED, failure=Failure("Unhealthy", what))
    left = trial.began + trial.monitor - now
    if any(state.health is Health.PROGRESSING for state in states):
        if now - trial.began > LONGEST:
            waiting = next(state.name for state in states if state.health is Health.PROGRESSING)
            return Judgement(State.FAILED, failure=Failure("HealthTimeout", f"service {waiting} does not get healthy"))
        return Judgement(State.ON_TRIAL, trial, again_in=max(left, 1.0))
    return Judgement(State.ON_TRIAL, trial, again_in=left) if left > 0 else Judgement(State.GOOD)


def _gone_on(trial: Trial | None, stack: Stack, report: Report, now: float) -> Trial | None:
    """The trial with what this turn made."""
    made = frozenset(
        outcome.change.wanted.service for outcome in report.outcomes if _is_made(outcome) and outcome.change.wanted
    )
    if trial is not None:
        return replace(trial, services=trial.services | made)
    if not made:
        return None
    monitors = [one.handling.rollout.monitor for one in stack.resources if one.service in made]
    return Trial(made, now, max(monitors, default=0.0))


def _is_made(outcome: Outcome) -> bool:
    change = outcome.change
    wanted = change.wanted
    return (
        outcome.status is Status.DONE
        and change.action in _MADE
        and change.cause is not Cause.DRIFT
        and wanted is not None
        and bool(wanted.service)
        and not wanted.prepares
        and wanted.handling.hook is None  # which has proved itself
    )


def _content_failed(report: Report) -> Failure | None:
    """What went wrong because of what is wanted. What only had to be fetched or written has stopped nothing; an engine
    that does not answer, a process that it left behind and a job that cannot run say nothing of the content; and who
    wants no rollback gets none."""
    for outcome in report.outcomes:
        change = outcome.change
        no_fault = change.cause in {Cause.DRIFT, Cause.SCHEDULE} or outcome.reason in BLAMELESS
        if outcome.status is not Status.FAILED or no_fault:
            continue
        wanted = change.wanted
        if wanted is not None and not wanted.prepares and wanted.handling.rollout.on_failure is OnFailure.ROLLBACK:
            return Failure(outcome.reason or "Failed", f"{change.action} {change.key}: {outcome.detail}")
    return None
