"""Whether new content of a stack proves good. Pure: it is told what was seen, and when.

What is replaced proves itself on the spot, while the old one is still there (`agent.rollout`). What is only made, or
changed in place, is watched afterwards: until its health check has passed, or it has run for a while. Until then
content is on trial; only what has passed is what one goes back to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from agent.backoff import TRIES
from agent.blame import BLAMELESS, MAY_PASS
from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT
from agent.handling import OnFailure
from agent.held import BACKS_OFF, ENGINE_TOO_OLD
from agent.model import (
    Action,
    Cause,
    Failure,
    Health,
    Key,
    Outcome,
    Report,
    Requirement,
    Resource,
    ServiceState,
    Stack,
    Status,
)
from agent.printable import without_attempt
from agent.processes import SURVIVING_PROCESS
from agent.rejections import content_of
from agent.rollout import HEALTH_TIMEOUT, Failures

HEALTH = "health"  # the field of a container whose health check fails
_MADE = frozenset({Action.CREATE, Action.UPDATE})
_WELL = frozenset({Health.HEALTHY, Health.SUSPENDED})
_ILL = frozenset({Health.DEGRADED, Health.MISSING})


class State(StrEnum):
    """How content stands."""

    UNDER_WAY = "under way"  # not as it is wanted yet
    ON_TRIAL = "on trial"
    GOOD = "good"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """`began` are the services on trial, each with when its trial began, in monotonic seconds; they have to run for
    `monitor` seconds. `fault` are the words of a fault that may pass, and `times` how often it has come in a row."""

    began: Mapping[str, float] = field(default_factory=dict)
    monitor: float = 0.0
    fault: str = ""
    times: int = 0

    @property
    def is_on(self) -> bool:
        return bool(self.began or self.fault)


NO_TRIAL = Trial()


@dataclass(frozen=True)
class Judgement:
    """`again_in` are the seconds after which to look again, where it is on trial; `ill` is the service that failed by
    its health, if one did."""

    state: State
    trial: Trial = NO_TRIAL
    failure: Failure | None = None
    again_in: float = 0.0
    ill: str = ""

    def with_words(self, said_by: Callable[[str], str]) -> Judgement:
        """With the last lines of the service that is ill, as `said_by` gives them: they go with its container."""
        if not self.ill or self.failure is None:
            return self
        return replace(self, failure=replace(self.failure, message=f"{self.failure.message}{said_by(self.ill)}"))


class _Brought(NamedTuple):
    """What is new in the content: services, and which object requires what."""

    services: frozenset[str]
    waits: frozenset[tuple[Key, Requirement]]


class _Fault(NamedTuple):
    """A failed step that the content may be to blame for. One that `may_pass` counts only when it comes repeatedly."""

    failure: Failure
    may_pass: bool


def other_than(stack: Stack, good: Stack | None) -> Stack | None:
    """What the stack would go back to: what was good, unless that wants just the same."""
    return good if good is not None and content_of(good) != content_of(stack) else None


def counts_as_good(judgement: Judgement, *, first: bool) -> bool:
    """Whether the content is what one goes back to from now on. What has not proved good yet is, where it is known that
    nothing was good before: the `first` one that there is is better than nothing."""
    return judgement.state is State.GOOD or (judgement.state is State.ON_TRIAL and first)


def judge(stack: Stack, report: Report, trial: Trial, now: float, earlier: Stack | None = None) -> Judgement:
    """How the stack's content stands after a turn, given the trial so far and what it would go back to.

    A trial may have been forgotten: its process has ended, or its turn was cut short. So a service that is not well
    and differs from the `earlier` content is on trial too.
    """
    trial, brought = _with(trial, _made(report), stack, now), _brought(stack, earlier)
    # 1. what went wrong in the turn itself
    faults = list(_faults(stack, report, brought._replace(services=brought.services | trial.began.keys())))
    trial = _counted(trial, faults)
    if failure := _given_up_for(faults, trial):
        return Judgement(State.FAILED, failure=failure)
    if ill := _started_anew_for_its_health(trial, report):
        return Judgement(State.FAILED, failure=Failure("Unhealthy", f"service {ill} does not stay healthy"), ill=ill)
    # 2. health, although there is something left to do: no more can be expected of these services
    late = _awaited_in_vain(stack, report)
    trial = _with(trial, late & _not_well(report, brought.services), stack, now)
    if trial.is_on and (late or _is_left_alone(report)):
        found = _judge_health(stack, trial, report, now, late)
        return found if found.state is State.FAILED else Judgement(State.UNDER_WAY, trial)
    # 3. health, once nothing is left to do
    if not report.can_be_judged or _is_disturbed(report):
        return Judgement(State.UNDER_WAY, trial)
    return _judge_health(stack, _with(trial, _not_well(report, brought.services), stack, now), report, now)


def _is_disturbed(report: Report) -> bool:
    """Whether a process that outlived its container may be why something is ill: then its health says nothing yet."""
    is_ill = report.health in _ILL
    return is_ill and report.stays is not None and report.stays.reason == SURVIVING_PROCESS


def _is_left_alone(report: Report) -> bool:
    """Whether something is not healed for now, since healing it did not help for long."""
    return any(change.code == BACKS_OFF for change in report.left.changes)


def _started_anew_for_its_health(trial: Trial, report: Report) -> str:
    """The service on trial that was restarted in this turn since its health check failed, although it may look well by
    now; "" for none."""
    for outcome in report.outcomes:
        wanted = outcome.change.wanted
        ill = any(field.path == HEALTH for field in outcome.change.fields)
        if ill and wanted is not None and wanted.service in trial.began and _may_go_back(wanted):
            return wanted.service
    return ""


def _awaited_in_vain(stack: Stack, report: Report) -> frozenset[str]:
    """The services that another one waited for until their time to become good was over."""
    keys = {outcome.awaited for outcome in report.outcomes if outcome.reason == DEPENDENCY_TIMEOUT}
    return frozenset(one.service for one in stack.resources if one.key in keys and _is_judged(one))


def _judge_health(
    stack: Stack, trial: Trial, report: Report, now: float, late: frozenset[str] = frozenset()
) -> Judgement:
    """`late` are the services of which it is known that their time is over."""
    states = [state for state in report.services if state.name in trial.began]
    taken = {state.name: math.inf if state.name in late else now - trial.began[state.name] for state in states}
    failing = {state.name: failure for state in states if (failure := _failing(state, taken[state.name]))}
    for one in stack.resources:
        if one.service in failing and _may_go_back(one):
            return Judgement(State.FAILED, failure=failing[one.service], ill=one.service)
    if failing:
        return Judgement(State.UNDER_WAY, trial)  # none of them is to be rolled back
    left = max(trial.began.values(), default=now) + trial.monitor - now
    if ends := [state.patience - taken[state.name] for state in states if state.health is Health.PROGRESSING]:
        return Judgement(State.ON_TRIAL, trial, again_in=max(1.0, min(left, *ends)))
    return Judgement(State.ON_TRIAL, trial, again_in=left) if left > 0 else Judgement(State.GOOD)


def _failing(state: ServiceState, seconds: float) -> Failure | None:
    """Why a service that is on trial for so many seconds is no good, or None."""
    if state.health in _ILL:
        said = f": {state.detail}" if state.detail else ""
        return Failure("Unhealthy", f"service {state.name} is {state.health}{said}")
    if state.health is Health.PROGRESSING and seconds > state.patience:
        said = f"service {state.name} does not get healthy (gave up after {state.patience:g} s)"
        return Failure(HEALTH_TIMEOUT, said)
    return None


def _with(trial: Trial, services: frozenset[str], stack: Stack, now: float) -> Trial:
    """The trial with these services on trial too, those that are new to it from now on."""
    if not services:
        return trial
    began = {**dict.fromkeys(sorted(services), now), **trial.began}
    monitors = [one.handling.rollout.monitor for one in stack.resources if one.service in began]
    return replace(trial, began=began, monitor=max(monitors, default=0.0))


def _counted(trial: Trial, faults: Sequence[_Fault]) -> Trial:
    """The trial with the first fault of a turn counted: the same words once more, or others, or none in a row."""
    fault = without_attempt(faults[0].failure.message) if faults else ""
    times = 0 if not fault else trial.times + 1 if fault == trial.fault else 1
    return replace(trial, fault=fault, times=times)


def _given_up_for(faults: Sequence[_Fault], trial: Trial) -> Failure | None:
    """The fault that shows the content to be no good: one that cannot pass, or the same one for too many times."""
    if certain := [fault.failure for fault in faults if not fault.may_pass]:
        return certain[0]
    return faults[0].failure if faults and trial.times >= TRIES else None


def _made(report: Report) -> frozenset[str]:
    """The services that the turn made, or changed in place, for the content."""
    made = (outcome.change.wanted for outcome in report.outcomes if _is_made(outcome))
    return frozenset(wanted.service for wanted in made if wanted)


def _brought(stack: Stack, earlier: Stack | None) -> _Brought:
    """Nothing where it is not known what was there before."""
    if earlier is None:
        return _Brought(frozenset(), frozenset())
    before = {one.key: one.spec for one in earlier.resources}
    waited = {(one.key, required) for one in earlier.resources for required in one.requires}
    waits = {(one.key, required) for one in stack.resources for required in one.requires}
    other = (one.service for one in stack.resources if _is_judged(one) and before.get(one.key) != one.spec)
    return _Brought(frozenset(other), frozenset(waits - waited))


def _not_well(report: Report, services: frozenset[str]) -> frozenset[str]:
    """Those of these services that are not well."""
    return frozenset(state.name for state in report.services if state.name in services and state.health not in _WELL)


def _is_judged(wanted: Resource) -> bool:
    """Whether it is part of a service that is to be well. A hook has proved itself."""
    return bool(wanted.service) and not wanted.prepares and wanted.handling.hook is None


def _may_go_back(wanted: Resource) -> bool:
    """Whether its failure takes the stack back: not where the file says otherwise, and not for an image or a file, for
    that stops nothing."""
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


def _faults(stack: Stack, report: Report, brought: _Brought) -> Iterator[_Fault]:
    """The failed steps that the content may be to blame for, and those that the engine is too old for. An engine that
    does not answer, a process that it left behind, a port that somebody else holds, a full disk, a job that cannot run
    and what was waited for too long say nothing of the content; nor does a failure that its rollout tolerates."""
    failures = Failures.of(report.outcomes)
    for outcome in report.outcomes:
        change = outcome.change
        no_fault = change.cause in {Cause.DRIFT, Cause.SCHEDULE} or outcome.reason in BLAMELESS
        if outcome.status is not Status.FAILED or no_fault or failures.bears(change):
            continue
        awaited = _health_awaited(stack, report, outcome)
        if outcome.reason == DEPENDENCY_FAILED and not _says_something(outcome, awaited, brought):
            continue
        wanted = change.wanted
        if wanted is not None and _may_go_back(wanted):
            failure = Failure(outcome.reason or "Failed", f"{change.action} {change.key}: {outcome.detail}")
            is_well = awaited is not None and awaited.health is Health.HEALTHY
            yield _Fault(failure, may_pass=is_well or outcome.reason in MAY_PASS)
    for change in report.left.changes:
        if change.code == ENGINE_TOO_OLD and change.cause is not Cause.DRIFT:
            yield _Fault(Failure(change.code, f"{change.key}: {change.reason}"), may_pass=False)


def _health_awaited(stack: Stack, report: Report, outcome: Outcome) -> ServiceState | None:
    """The state of the service that the step waited for in vain, where it is one of this stack."""
    found = next((one.service for one in stack.resources if one.key == outcome.awaited and not one.external), "")
    return next((state for state in report.services if state.name == found), None)


def _says_something(outcome: Outcome, awaited: ServiceState | None, brought: _Brought) -> bool:
    """Whether it can be the content's fault that a step waited for this in vain.

    A service that the content did not bring or change may be ill for reasons of its own. One that is healthy by now
    may never become what is waited for (it has no health check), or was ill for a moment.
    """
    if awaited is None or awaited.health not in _ILL | {Health.HEALTHY}:
        return False
    new = any(key == outcome.change.key and required.key == outcome.awaited for key, required in brought.waits)
    return awaited.name in brought.services or (new and awaited.health is Health.HEALTHY)
