"""Whether new content of a stack proves good. Pure: it is told what was seen, and when.

What is replaced proves itself on the spot, while the old one is still there (`agent.rollout`). What is only made, or
changed in place, is watched afterwards: until its health check has passed, or it has run for a while. Until then
content is on trial; only what has passed is what one goes back to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.backoff import TRIES
from agent.blame import BLAMELESS, MAY_PASS
from agent.handling import OnFailure
from agent.held import BACKS_OFF
from agent.model import Action, Cause, Failure, Health, Outcome, Report, Resource, ServiceState, Stack, Status
from agent.printable import without_attempt
from agent.processes import ORPHAN_PROCESS
from agent.rejections import content_of
from agent.rollout import HEALTH_TIMEOUT, Failures

HEALTH = "health"  # the field of a container whose health check fails
LONGEST = 900.0  # seconds; a health check that has not said anything by then never will
_MADE = frozenset({Action.CREATE, Action.UPDATE})
_WELL = frozenset({Health.HEALTHY, Health.SUSPENDED})


class State(StrEnum):
    """How content stands."""

    UNDER_WAY = "under way"  # not as it is wanted yet
    ON_TRIAL = "on trial"
    GOOD = "good"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """`services` are those of which something was made for the content, `began` is monotonic seconds. `fault` are the
    words of a fault that may pass, which has come so many `times` in a row by now."""

    services: frozenset[str]
    began: float
    monitor: float
    fault: str = ""
    times: int = 0


@dataclass(frozen=True)
class Judgement:
    """`again_in` are the seconds after which to look again, where it is on trial; `ill` is the service that failed by
    its health."""

    state: State
    trial: Trial | None = None
    failure: Failure | None = None
    again_in: float = 0.0
    ill: str = ""

    def with_words(self, said_by: Callable[[str], str]) -> Judgement:
        """With the last lines of the service that is ill, as `said_by` gives them: they go with its container."""
        if not self.ill or self.failure is None:
            return self
        return replace(self, failure=replace(self.failure, message=f"{self.failure.message}{said_by(self.ill)}"))


def other_than(stack: Stack, good: Stack | None) -> Stack | None:
    """What the stack would go back to: what was good, unless that wants just the same."""
    return good if good is not None and content_of(good) != content_of(stack) else None


def counts_as_good(judgement: Judgement, good: Stack | None) -> bool:
    """Whether the content is what one goes back to from now on. What has not proved good yet is, where nothing is known
    that was `good`: the first one that there is is better than nothing."""
    return judgement.state is State.GOOD or (judgement.state is State.ON_TRIAL and good is None)


def judge(stack: Stack, report: Report, trial: Trial | None, now: float, earlier: Stack | None = None) -> Judgement:
    """How the stack's content stands after a turn, given the trial so far and what it would go back to.

    A trial may have been forgotten: its process has ended, or its turn was cut short. So what is not well of what the
    content has other than the `earlier` one is on trial too.
    """
    failed = list(_content_failed(report))
    if explained := [failure for failure in failed if failure.reason not in MAY_PASS]:
        return Judgement(State.FAILED, failure=explained[0])
    trial = _counted(_with(trial, _made(report), stack, now), failed, now)
    if trial is not None and trial.times >= TRIES:
        return Judgement(State.FAILED, failure=failed[0])
    if trial is not None and (ill := _started_anew_for_its_health(trial, report)):
        return Judgement(State.FAILED, failure=Failure("Unhealthy", f"service {ill} does not stay healthy"), ill=ill)
    if trial is not None and _is_left_alone(report):
        found = _judge_health(stack, trial, report, now)
        return found if found.state is State.FAILED else Judgement(State.UNDER_WAY, trial)
    if not report.can_be_judged or _is_disturbed(report):
        return Judgement(State.UNDER_WAY, trial)
    trial = _with(trial, _not_well(stack, report, earlier), stack, now)
    if trial is None:
        return Judgement(State.GOOD)
    return _judge_health(stack, trial, report, now)


def _is_disturbed(report: Report) -> bool:
    """Whether something runs beside what is wanted and may be why that is ill: then its health says nothing yet."""
    is_ill = report.health in {Health.DEGRADED, Health.MISSING}
    return is_ill and report.stays is not None and report.stays.reason == ORPHAN_PROCESS


def _is_left_alone(report: Report) -> bool:
    """Whether something is not healed for now, since that did not help for long: then its health tells."""
    return any(change.code == BACKS_OFF for change in report.left.changes)


def _started_anew_for_its_health(trial: Trial, report: Report) -> str:
    """The service that is on trial and was ill, although by now it begins again and may look well; "" for none."""
    for outcome in report.outcomes:
        wanted = outcome.change.wanted
        ill = any(field.path == HEALTH for field in outcome.change.fields)
        if ill and wanted is not None and wanted.service in trial.services and _may_go_back(wanted):
            return wanted.service
    return ""


def _judge_health(stack: Stack, trial: Trial, report: Report, now: float) -> Judgement:
    states = [state for state in report.services if state.name in trial.services]
    failing = {state.name: failure for state in states if (failure := _failing(state, now - trial.began))}
    for one in stack.resources:
        if one.service in failing and _may_go_back(one):
            return Judgement(State.FAILED, failure=failing[one.service], ill=one.service)
    if failing:
        return Judgement(State.UNDER_WAY, trial)  # to be left as it is, and nothing to go back to
    left = trial.began + trial.monitor - now
    if any(state.health is Health.PROGRESSING for state in states):
        return Judgement(State.ON_TRIAL, trial, again_in=max(left, 1.0))
    return Judgement(State.ON_TRIAL, trial, again_in=left) if left > 0 else Judgement(State.GOOD)


def _failing(state: ServiceState, seconds: float) -> Failure | None:
    """Why a service that is on trial for so many seconds is no good, or None."""
    if state.health in {Health.DEGRADED, Health.MISSING}:
        said = f": {state.detail}" if state.detail else ""
        return Failure("Unhealthy", f"service {state.name} is {state.health}{said}")
    if state.health is Health.PROGRESSING and seconds > LONGEST:
        return Failure(HEALTH_TIMEOUT, f"service {state.name} does not get healthy")
    return None


def _with(trial: Trial | None, services: frozenset[str], stack: Stack, now: float) -> Trial | None:
    """The trial with these services on trial too."""
    if not services or (trial is not None and trial.services):
        return replace(trial, services=trial.services | services) if trial else None
    monitors = [one.handling.rollout.monitor for one in stack.resources if one.service in services]
    fault, times = (trial.fault, trial.times) if trial else ("", 0)
    return Trial(services, now, max(monitors, default=0.0), fault, times)


def _counted(trial: Trial | None, failed: list[Failure], now: float) -> Trial | None:
    """The trial with one more fault that may pass, or with none in a row any more."""
    fault = without_attempt(failed[0].message) if failed else ""
    before = trial or Trial(frozenset(), now, 0.0)
    times = 0 if not fault else before.times + 1 if fault == before.fault else 1
    return replace(before, fault=fault, times=times) if fault or before.services else None


def _made(report: Report) -> frozenset[str]:
    """The services of which the turn made something for the content."""
    made = (outcome.change.wanted for outcome in report.outcomes if _is_made(outcome))
    return frozenset(wanted.service for wanted in made if wanted)


def _not_well(stack: Stack, report: Report, earlier: Stack | None) -> frozenset[str]:
    """The services that are not well, of those that are other than they were: the illness of another one is not the
    content's."""
    if earlier is None:
        return frozenset()
    before = {one.key: one.spec for one in earlier.resources}
    other = {one.service for one in stack.resources if _is_judged(one) and before.get(one.key) != one.spec}
    return frozenset(state.name for state in report.services if state.name in other and state.health not in _WELL)


def _is_judged(wanted: Resource) -> bool:
    """Whether it is part of a service that is to be well. A hook has proved itself."""
    return bool(wanted.service) and not wanted.prepares and wanted.handling.hook is None


def _may_go_back(wanted: Resource) -> bool:
    """Who wants no rollback gets none, and what only has to be fetched or written stops nothing."""
    return not wanted.prepares and wanted.handling.rollout.on_failure is OnFailure.ROLLBACK


def _is_made(outcome: Outcome) -> bool:
    change = outcome.change
    wanted = change.wanted
    return (
        outcome.status is Status.DONE
        and change.action in _MADE
        and change.cause is not Cause.DRIFT
        and wanted is not None
        and _is_judged(wanted)
    )


def _content_failed(report: Report) -> Iterator[Failure]:
    """What went wrong because of what is wanted, or may have. An engine that does not answer, a process that it left
    behind, a port that somebody else holds and a job that cannot run say nothing of the content; nor does what its
    rollout bears."""
    failures = Failures.of(report.outcomes)
    for outcome in report.outcomes:
        change = outcome.change
        no_fault = change.cause in {Cause.DRIFT, Cause.SCHEDULE} or outcome.reason in BLAMELESS
        if outcome.status is not Status.FAILED or no_fault or failures.bears(change):
            continue
        wanted = change.wanted
        if wanted is not None and _may_go_back(wanted):
            yield Failure(outcome.reason or "Failed", f"{change.action} {change.key}: {outcome.detail}")
