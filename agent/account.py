"""From what was seen and done in a turn to its report. Pure: the account is made from values alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.held import COMPOSE_ORPHAN, OBSTACLES, PASSING, PRUNE_OFF, WAITS, WANTED_SO
from agent.images import Image
from agent.jobs import JobState
from agent.kind_names import IMAGE
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Health,
    Key,
    Observed,
    Outcome,
    Plan,
    Report,
    Resource,
    Result,
    ServiceState,
    Stack,
    Status,
)
from agent.processes import SURVIVING_PROCESS
from agent.suspension import NOTHING, Suspended

_FETCHES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})

if TYPE_CHECKING:
    from agent.planning import Removal

DID_NOT_TAKE = "DidNotTake"
NO_GOOD = "ImageNoGood"
_WORST_FIRST = (Health.DEGRADED, Health.MISSING, Health.UNKNOWN, Health.PROGRESSING, Health.SUSPENDED, Health.HEALTHY)


def new_run_id() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True)
class Look:
    """What was seen, and what would have to be done about it. `labelled` is what the objects themselves say, `removal`
    all that would go of the host, where that was counted."""

    actual: Mapping[Key, Observed]
    plan: Plan
    labelled: Mapping[Key, Observed] = field(default_factory=dict)
    removal: Removal | None = None


@dataclass(frozen=True)
class Taken:
    """A turn, as far as it went: `last` is missing when the host could not be looked at any more."""

    run_id: str
    stacks: tuple[Stack, ...]
    trigger: str
    started: float  # seconds since the epoch
    seconds: float = 0.0
    plan: Plan = field(default_factory=Plan)
    outcomes: tuple[Outcome, ...] = ()
    last: Look | None = None
    coming: Plan | None = None
    failure: Failure | None = None
    suspended: Mapping[str, Suspended] = field(default_factory=dict)  # by stack


def report_of(taken: Taken, name: str) -> Report:
    """The report of one stack. It is synced only when the last look found nothing that is left to do, or is held."""
    stack = next((stack for stack in taken.stacks if stack.name == name), None)
    wanted = stack.resources if stack else ()
    actual = taken.last.actual if taken.last else {}
    outcomes = tuple(outcome for outcome in taken.outcomes if outcome.change.stack == name)
    left = _of_stack(taken.last.plan, name) if taken.last else Plan()
    stays = _stays(name, wanted, actual)
    wrong = taken.failure or failure_of(outcomes) or _did_not_take(outcomes, left, stays)
    failure = wrong or _held_back(left)
    suspended = taken.suspended.get(name, NOTHING)
    services = service_states(wanted, actual, suspended)
    return Report(
        run_id=taken.run_id,
        stack=name,
        trigger=taken.trigger,
        revision=stack.revision if stack else None,
        result=_result(outcomes, failure, held=wrong is None),
        started=taken.started,
        seconds=taken.seconds,
        plan=(plan := _of_stack(taken.plan, name)),
        outcomes=outcomes,
        synced=taken.last is not None and failure is None and not any(map(_matters, left.changes)),
        health=_health(services, suspended) if taken.last else Health.UNKNOWN,
        services=services,
        failure=failure,
        ids=_ids(actual.values(), name),
        stays=stays,
        images=_images(wanted, actual),
        suspended=suspended,
        jobs=_jobs(wanted, actual) if taken.last else (),
        left=left,
        as_wanted=_as_wanted(wanted, actual, left),
        waits=wrong is None and failure is not None,
        done=wrong is None and taken.last is not None and _only_held(left),
        commit=next((change.commit for change in plan.changes if change.commit), None),
        coming=_of_stack(taken.coming, name) if taken.coming else None,
    )


def _only_held(left: Plan) -> bool:
    """Whether all that is left is held, and not for something that passes."""
    matter = [change for change in left.changes if _matters(change)]
    return all(change.action is Action.HOLD and change.code not in PASSING for change in matter)


def _as_wanted(wanted: Sequence[Resource], actual: Mapping[Key, Observed], left: Plan) -> frozenset[Key]:
    return frozenset(one.key for one in wanted if one.key in actual) - {change.key for change in left.changes}


def _ids(actual: Iterable[Observed], name: str) -> frozenset[str]:
    """The engine's ids of the stack's objects. A hook whose container was cleared away after its run has none."""
    return frozenset(seen.id for seen in actual if seen.stack == name and seen.id)


def _health(services: Sequence[ServiceState], suspended: Suspended) -> Health:
    return Health.SUSPENDED if suspended.whole else worst(service.health for service in services)


def _matters(change: Change) -> bool:
    """Whether a step that is left keeps the stack from being synced. Data that outlives its use does not, nor does what
    only takes room, is not ours, or is kept since pruning is off. What is only to be taken over is as wanted already,
    and so is a job whose time has come."""
    if change.seen is None or change.cause is not Cause.PRUNE:
        return change.cause is not Cause.SCHEDULE and change.action is not Action.ADOPT
    if change.action is Action.HOLD and (change.seen.keeps_data or change.code in {PRUNE_OFF, COMPOSE_ORPHAN}):
        return False
    return not change.seen.spare


def _all_done(outcomes: Sequence[Outcome]) -> bool:
    return bool(outcomes) and all(outcome.status in {Status.DONE, Status.HELD} for outcome in outcomes)


def _of_stack(plan: Plan, stack: str) -> Plan:
    return replace(plan, changes=tuple(change for change in plan.changes if change.stack == stack))


def _result(outcomes: Sequence[Outcome], failure: Failure | None, *, held: bool) -> Result:
    """`held`: the failure only tells what is held. That is no error, unless something of somebody else's is in the
    way."""
    if failure and (not held or failure.reason in OBSTACLES):
        return Result.ERROR
    return Result.SUCCESS if any(map(changed_something, outcomes)) else Result.NOOP


def changed_something(outcome: Outcome) -> bool:
    """Whether a step brought the host nearer to what is wanted, which the run of a job does not."""
    return outcome.status is Status.DONE and outcome.change.cause is not Cause.SCHEDULE


def is_pull(change: Change) -> bool:
    """Whether it fetches an image from a registry, rather than builds or removes one."""
    builds = change.wanted is not None and "build" in change.wanted.spec
    return change.key.kind == IMAGE and change.action in _FETCHES and not builds


def failure_of(outcomes: Sequence[Outcome]) -> Failure | None:
    """The first step that failed, or None. A step that was overtaken is no failure, for it is looked at again, and a
    job that cannot run is no failure of the stack."""
    failed = [one for one in outcomes if one.status is Status.FAILED and one.change.cause is not Cause.SCHEDULE]
    if not failed:
        return None
    first = failed[0]
    return Failure(first.reason or "Failed", f"{first.change.action} {first.change.key}: {first.detail}{_more(failed)}")


def _held_back(plan: Plan) -> Failure | None:
    """What is held and therefore not as wanted, or None. Of several, one that is held itself is named before one that
    only waits for another."""
    held = [change for change in plan.changes if is_held_back(change)]
    held = [change for change in held if change.code not in WANTED_SO]
    held.sort(key=lambda change: change.code == WAITS)
    if not held:
        return None
    return Failure(held[0].code or "Held", f"{held[0].key}: {held[0].reason}{_more(held)}")


def is_held_back(change: Change) -> bool:
    """Whether a step is held that would have to be done for its stack to be synced."""
    return change.action is Action.HOLD and _matters(change)


def _more(things: Sequence[object]) -> str:
    return f" (and {len(things) - 1} more)" if len(things) > 1 else ""


def _did_not_take(outcomes: Sequence[Outcome], left: Plan, stays: Failure | None) -> Failure | None:
    """Where all steps were done and the last look still finds something to do: a reason to back off. Debris of a
    replacement does not count, nor what somebody did to other objects meanwhile. Where a process has outlived its
    container, that is named instead, for it may be why."""
    made = {outcome.change.key for outcome in outcomes if outcome.status is Status.DONE}
    again = [one for one in left_to_do(left) if one.key in made or one.cause is not Cause.DRIFT]
    if not again or not _all_done(outcomes):
        return None
    if stays is not None and stays.reason == SURVIVING_PROCESS:
        return stays
    return Failure(
        DID_NOT_TAKE,
        f"after the changes were made, this is still to do: {again[0].action} {again[0].key}: {again[0].reason}",
    )


def left_to_do(left: Plan) -> list[Change]:
    """The steps that have still to be done for a stack to be as it is wanted."""
    return [one for one in left.pending if one.action is not Action.ADOPT and _matters(one) and not _is_debris(one)]


def _is_debris(change: Change) -> bool:
    return change.action is Action.REMOVE and change.seen is not None and change.seen.leftover


def service_states(
    wanted: Sequence[Resource], actual: Mapping[Key, Observed], suspended: Suspended = NOTHING
) -> tuple[ServiceState, ...]:
    """The state of each service, from what was seen of its containers. A suspended one is `SUSPENDED`, however it
    fares."""
    by_service: dict[str, list[Resource]] = {}
    for resource in wanted:
        if resource.service:
            by_service.setdefault(resource.service, []).append(resource)
    states = tuple(_service_state(name, of_it, actual) for name, of_it in sorted(by_service.items()))
    return tuple(
        replace(one, health=Health.SUSPENDED, detail="") if one.name in suspended.services else one for one in states
    )


def longest_wait(reports: Iterable[Report]) -> float:
    """The seconds within which all services that are on their way are healthy or have had their time; 0 where none
    is."""
    states = (state for report in reports if report.health is Health.PROGRESSING for state in report.services)
    return max((state.patience for state in states if state.health is Health.PROGRESSING), default=0.0)


def _service_state(name: str, wanted: Sequence[Resource], actual: Mapping[Key, Observed]) -> ServiceState:
    seen = [actual.get(resource.key) for resource in wanted]
    healths = [observed.health if observed else Health.MISSING for observed in seen]
    detail = next((observed.detail for observed in seen if observed and observed.detail), "")
    images = tuple(dict.fromkeys(observed.image for observed in seen if observed and observed.image.id))
    limits = [one.handling.rollout.patience(it.patience) for one, it in zip(wanted, seen, strict=True) if it]
    return ServiceState(
        name, len(seen), healths.count(Health.HEALTHY), worst(healths), detail, images, max(limits, default=0.0)
    )


def worst(healths: Iterable[Health]) -> Health:
    """The health of a whole from that of its parts; a stack without services has nothing that could be ill."""
    present = set(healths)
    return next((health for health in _WORST_FIRST if health in present), Health.HEALTHY)


def _stays(name: str, wanted: Sequence[Resource], actual: Mapping[Key, Observed]) -> Failure | None:
    """Why the stack is not in sync although nothing is left to do, or None: a process outlived its container, be it one
    that nobody wants any more, or a container stays at an older image."""
    there = [actual[one.key] for one in wanted if one.key in actual]
    keys = {one.key for one in wanted}
    others = [seen for key, seen in sorted(actual.items()) if seen.stack == name and key not in keys]
    if survivors := [seen for seen in (*there, *others) if seen.survivor]:
        return Failure(SURVIVING_PROCESS, f"{survivors[0].key}: {survivors[0].survivor}{_more(survivors)}")
    found = [seen for seen in there if seen.stays]
    return Failure(NO_GOOD, f"{found[0].key} {found[0].stays}{_more(found)}") if found else None


def _images(wanted: Sequence[Resource], actual: Mapping[Key, Observed]) -> dict[str, Image]:
    """By the names of the containers that are there, their images."""
    seen = [actual[resource.key] for resource in wanted if resource.key in actual]
    return {one.key.name: one.image for one in seen if one.image.id}


def _jobs(wanted: Sequence[Resource], actual: Mapping[Key, Observed]) -> tuple[JobState, ...]:
    """How each job stands."""
    return tuple(
        JobState(one.service, one.key.name, one.handling.schedule, seen.job if (seen := actual.get(one.key)) else None)
        for one in wanted
        if one.handling.schedule and one.service
    )
