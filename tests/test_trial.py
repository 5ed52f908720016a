"""Whether new content is good, from reports alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.engine.errors import translated
from agent.handling import Handling, OnFailure, Rollout
from agent.model import (
    Action,
    Cause,
    Change,
    Condition,
    Failure,
    FieldChange,
    Health,
    Key,
    Outcome,
    Place,
    Plan,
    Report,
    Requirement,
    Resource,
    Result,
    Revision,
    ServiceState,
    Stack,
    Status,
)
from agent.trial import NO_TRIAL, State, Trial, counts_as_good, judge, other_than

WEB = Resource(Key("container", "web-1"), "web", {}, service="web", handling=Handling(rollout=Rollout(monitor=5.0)))
STACK = Stack("web", (WEB,), Revision("a" * 40), ("web",))
PATIENCE = 90.0  # seconds that its health check may take


def outcome(
    action: Action = Action.CREATE,
    status: Status = Status.DONE,
    *,
    cause: Cause = Cause.COMMIT,
    reason: str = "",
    wanted: Resource = WEB,
) -> Outcome:
    change = Change(0, action, wanted.key, "web", cause, "new", wanted=wanted)
    return Outcome(change, status, "exit code 1" if reason else "", reason)


def report(*outcomes: Outcome, health: Health = Health.HEALTHY, failure: Failure | None = None) -> Report:
    services = (ServiceState("db", 1, 0, Health.DEGRADED), ServiceState("web", 1, 1, health, "said", patience=PATIENCE))
    return Report(
        "run", "web", "git", STACK.revision, Result.SUCCESS, 0.0, 0.0, outcomes=outcomes, synced=failure is None,
        health=health, services=services, failure=failure,
    )  # fmt: skip


@pytest.mark.parametrize(("cause", "state"), [(Cause.COMMIT, State.FAILED), (Cause.DRIFT, State.GOOD)])
def test_what_the_engine_is_too_old_for_is_no_good_although_nothing_was_tried(cause: Cause, state: State) -> None:
    held = Change(0, Action.HOLD, WEB.key, "web", cause, "too old", code="EngineTooOld", wanted=WEB)
    seen = replace(report(), left=Plan((held,)), done=True)
    found = judge(STACK, seen, NO_TRIAL, 0.0)
    assert found.state is state
    assert found.failure == (Failure("EngineTooOld", "container/web-1: too old") if state is State.FAILED else None)


def test_nothing_made_is_good_at_once() -> None:
    assert judge(STACK, report(), NO_TRIAL, 0.0).state is State.GOOD


def test_what_was_replaced_has_proved_itself() -> None:
    assert judge(STACK, report(outcome(Action.REPLACE)), NO_TRIAL, 0.0).state is State.GOOD


def test_what_was_made_is_watched_until_it_has_run_for_a_while() -> None:
    first = judge(STACK, report(outcome()), NO_TRIAL, 100.0)
    assert (first.state, first.trial, first.again_in) == (State.ON_TRIAL, Trial({"web": 100.0}, 5.0), 5.0)
    assert judge(STACK, report(), first.trial, 104.0).again_in == pytest.approx(1.0)
    assert judge(STACK, report(), first.trial, 105.0).state is State.GOOD


def test_a_health_check_is_waited_for() -> None:
    trial = Trial({"web": 0.0}, 5.0)
    for now, again_in in ((1.0, 4.0), (60.0, 1.0)):
        waits = judge(STACK, report(health=Health.PROGRESSING), trial, now)
        assert (waits.state, waits.again_in) == (State.ON_TRIAL, again_in)
    late = judge(STACK, report(health=Health.PROGRESSING), trial, PATIENCE + 1)
    assert late.state is State.FAILED
    assert late.failure == Failure("HealthTimeout", "service web does not get healthy (gave up after 90 s)")


@pytest.mark.parametrize("health", [Health.DEGRADED, Health.MISSING])
def test_what_gets_ill_on_trial_is_no_good(health: Health) -> None:
    found = judge(STACK, report(outcome(), health=health), NO_TRIAL, 0.0)
    assert found.state is State.FAILED
    assert found.failure == Failure("Unhealthy", f"service web is {health}: said")


def test_what_had_to_be_started_anew_on_trial_is_no_good_although_it_looks_well() -> None:
    ill = outcome(Action.UPDATE, cause=Cause.DRIFT)
    ill = replace(ill, change=replace(ill.change, fields=(FieldChange("health", "unhealthy", "healthy"),)))
    found = judge(STACK, report(ill, health=Health.PROGRESSING), Trial({"web": 0.0}, 5.0), 1.0)
    assert found.failure == Failure("Unhealthy", "service web does not stay healthy")
    assert judge(STACK, report(ill), Trial({"cache": 0.0}, 5.0), 1.0).failure is None
    assert judge(STACK, report(ill), NO_TRIAL, 1.0).state is State.GOOD


@pytest.mark.parametrize(
    ("health", "state"),
    [
        (Health.PROGRESSING, State.ON_TRIAL),
        (Health.DEGRADED, State.FAILED),
        (Health.HEALTHY, State.GOOD),
        (Health.SUSPENDED, State.GOOD),
    ],
)
def test_a_trial_that_nobody_remembers_goes_on_for_what_is_not_well(health: Health, state: State) -> None:
    earlier = replace(STACK, resources=(replace(WEB, spec={"body": "older"}),))
    found = judge(STACK, report(health=health), NO_TRIAL, 7.0, earlier)
    assert found.state is state
    if state is State.ON_TRIAL:
        assert found.trial == Trial({"web": 7.0}, 5.0)
    assert judge(STACK, report(health=health), NO_TRIAL, 7.0, replace(STACK, resources=())).state is state, "it is new"


def test_what_is_wanted_as_it_was_may_be_ill_for_reasons_of_its_own() -> None:
    api = replace(WEB, key=Key("container", "api-1"), service="api")
    newer = replace(STACK, resources=(WEB, replace(api, spec={"body": "newer"})))
    earlier = replace(STACK, resources=(WEB, api))
    assert judge(newer, report(health=Health.DEGRADED), NO_TRIAL, 0.0, earlier).state is State.GOOD
    assert judge(newer, report(health=Health.DEGRADED), NO_TRIAL, 0.0, None).state is State.GOOD


def test_what_is_ill_and_wants_no_rollback_gets_none_and_is_not_good() -> None:
    pause = replace(WEB, handling=Handling(rollout=Rollout(on_failure=OnFailure.PAUSE)))
    newer = replace(STACK, resources=(pause,))
    for health, at in ((Health.DEGRADED, 0.0), (Health.PROGRESSING, PATIENCE + 1)):
        found = judge(newer, report(health=health), Trial({"web": 0.0}, 5.0), at)
        assert (found.state, found.trial) == (State.UNDER_WAY, Trial({"web": 0.0}, 5.0))
        assert not counts_as_good(found, first=True)


def test_one_goes_back_only_to_what_wants_something_else() -> None:
    moved = replace(STACK, resources=(replace(WEB, place=Place("compose.yaml", 7)),))
    other = replace(STACK, resources=(replace(WEB, spec={"body": "older"}),))
    assert [other_than(STACK, good) for good in (None, moved, other)] == [None, None, other]


def test_what_is_ill_beside_a_process_that_was_left_behind_is_not_judged_yet() -> None:
    trial = Trial({"web": 0.0}, 5.0)
    disturbed = replace(report(health=Health.DEGRADED), stays=Failure("OrphanProcess", "process 4711 still runs"))
    assert judge(STACK, disturbed, trial, 9.0).state is State.UNDER_WAY
    assert judge(STACK, report(health=Health.DEGRADED), trial, 9.0).state is State.FAILED
    well = replace(disturbed, health=Health.HEALTHY, services=())
    assert judge(STACK, well, trial, 9.0).state is State.GOOD, "it is well all the same"


def test_the_illness_of_another_service_says_nothing() -> None:
    assert judge(STACK, report(outcome()), Trial({"web": 0.0}, 5.0), 9.0).state is State.GOOD


@pytest.mark.parametrize(
    ("failed", "state"),
    [
        (outcome(Action.REPLACE, Status.FAILED, reason="CrashOnStart"), State.FAILED),
        (outcome(Action.CREATE, Status.FAILED, reason="StartFailed"), State.FAILED),
        (outcome(Action.REPLACE, Status.FAILED, reason="PortInUse"), State.UNDER_WAY),
        (outcome(Action.REPLACE, Status.FAILED, reason="EngineError"), State.UNDER_WAY),
        (outcome(Action.REPLACE, Status.FAILED, reason="EngineTimeout"), State.UNDER_WAY),
        (outcome(Action.REPLACE, Status.FAILED, reason="NoThread"), State.UNDER_WAY),
        (outcome(Action.CREATE, Status.FAILED, reason="OrphanProcess"), State.UNDER_WAY),
        (outcome(Action.REPLACE, Status.FAILED, reason="DiskFull"), State.UNDER_WAY),
        (outcome(Action.REPLACE, Status.FAILED, reason="DependencyTimeout"), State.UNDER_WAY),
        (outcome(Action.CREATE, Status.FAILED, reason="x", cause=Cause.DRIFT), State.UNDER_WAY),
        (outcome(Action.CREATE, Status.FAILED, reason="x", wanted=replace(WEB, prepares=True)), State.UNDER_WAY),
        (
            outcome(
                Action.REPLACE, Status.FAILED, reason="x",
                wanted=replace(WEB, handling=Handling(rollout=Rollout(on_failure=OnFailure.PAUSE))),
            ),
            State.UNDER_WAY,
        ),
    ],
    ids=[
        "replaced", "made", "a port", "an engine that stumbles", "the engine", "no thread", "what it left behind",
        "a full disk", "a wait that was too long", "drift", "a pull", "pause",
    ],
)  # fmt: skip
def test_which_failures_are_those_of_the_content(failed: Outcome, state: State) -> None:
    found = judge(STACK, report(failed, failure=Failure("x", "x")), NO_TRIAL, 0.0)
    assert found.state is state
    assert (found.failure is not None) is (state is State.FAILED)


API = replace(WEB, key=Key("container", "api-1"), service="api")
WAITED = replace(outcome(Action.CREATE, Status.FAILED, reason="DependencyTimeout", wanted=API), awaited=WEB.key)


@pytest.mark.parametrize(
    ("made", "before", "health", "state"),
    [
        (True, None, Health.PROGRESSING, State.FAILED),
        (True, None, Health.DEGRADED, State.FAILED),
        (True, None, Health.HEALTHY, State.UNDER_WAY),
        (False, "older", Health.PROGRESSING, State.FAILED),
        (False, "as it is", Health.PROGRESSING, State.UNDER_WAY),
    ],
    ids=["made", "made and ill", "good by now", "a trial that nobody remembers", "as it was"],
)
def test_what_was_waited_for_in_vain_is_judged_and_not_what_waited(
    made: bool, before: str | None, health: Health, state: State
) -> None:
    web = replace(WEB, spec={"body": "as it is"})
    earlier = replace(STACK, resources=(replace(web, spec={"body": before}),)) if before else None
    outcomes = (outcome(wanted=web), WAITED) if made else (WAITED,)
    told = report(*outcomes, health=health, failure=Failure("DependencyTimeout", "x"))
    found = judge(replace(STACK, resources=(web, API)), told, NO_TRIAL, 1.0, earlier)
    assert (found.state, found.ill) == (state, "web" if state is State.FAILED else "")


TAKEN = translated("x", 409, 'Conflict. The container name "/web" is already in use by container "abc".')


@pytest.mark.parametrize("reason", ["ContainerGone", "Conflict", TAKEN.reason])
def test_what_may_pass_says_something_of_the_content_only_when_it_goes_on_so(reason: str) -> None:
    failed = outcome(Action.REPLACE, Status.FAILED, reason=reason)
    told, trial = report(failed, failure=Failure(reason, "x")), NO_TRIAL
    for state in (State.UNDER_WAY, State.UNDER_WAY, State.FAILED):
        found = judge(STACK, told, trial, 1.0)
        assert found.state is state
        trial = found.trial


def stumbled(said: str) -> Report:
    once = outcome(Action.REPLACE, Status.FAILED, reason="EngineError")
    return report(replace(once, detail=f"start container {said}"), failure=Failure("EngineError", said))


def test_an_engine_that_stumbles_over_the_same_time_and_again_says_something_of_the_content() -> None:
    first = judge(STACK, stumbled("0123456789ab: a fault"), NO_TRIAL, 1.0)
    second = judge(STACK, stumbled("123456789abc: a fault"), first.trial, 2.0)
    third = judge(STACK, stumbled("23456789abcd: a fault"), second.trial, 3.0)
    assert [one.state for one in (first, second, third)] == [State.UNDER_WAY, State.UNDER_WAY, State.FAILED]
    assert third.failure is not None
    assert third.failure.reason == "EngineError"


@pytest.mark.parametrize("between", [stumbled("another fault"), report(failure=Failure("x", "x"))])
def test_other_words_or_none_begin_the_count_anew(between: Report) -> None:
    trial = NO_TRIAL
    for told in (stumbled("a fault"), stumbled("a fault"), between, stumbled("a fault"), stumbled("a fault")):
        found = judge(STACK, told, trial, 1.0)
        assert found.state is State.UNDER_WAY
        trial = found.trial


def test_content_that_gets_through_after_the_engine_stumbled_is_watched_like_any_other() -> None:
    trial = judge(STACK, stumbled("a fault"), NO_TRIAL, 1.0).trial
    assert judge(STACK, report(outcome(Action.REPLACE)), trial, 2.0).state is State.GOOD
    made = judge(STACK, report(outcome()), trial, 2.0)
    assert (made.state, made.trial) == (State.ON_TRIAL, Trial({"web": 2.0}, 5.0))


def test_what_is_made_by_and_by_joins_the_trial() -> None:
    held = judge(STACK, report(outcome(), failure=Failure("Held", "x")), NO_TRIAL, 1.0)
    assert (held.state, held.trial) == (State.UNDER_WAY, Trial({"web": 1.0}, 5.0))


def test_each_service_has_its_time_from_when_it_was_made() -> None:
    """One that was made later, since its image could not be pulled at once, has as much of it as the first."""
    both = replace(STACK, resources=(WEB, API))
    first = judge(both, report(outcome(), failure=Failure("Unreachable", "x")), NO_TRIAL, 1.0)
    states = (ServiceState("api", 1, 0, Health.PROGRESSING, patience=20.0), ServiceState("web", 1, 1, Health.HEALTHY))
    told = replace(report(outcome(wanted=API), health=Health.PROGRESSING), services=states)
    second = judge(both, told, first.trial, 80.0)
    assert (second.state, second.trial) == (State.ON_TRIAL, Trial({"web": 1.0, "api": 80.0}, 5.0))
    assert judge(both, replace(told, outcomes=()), second.trial, 100.0).state is State.ON_TRIAL
    assert judge(both, replace(told, outcomes=()), second.trial, 101.0).ill == "api"


def test_it_is_looked_at_again_when_the_time_of_its_health_is_over_though_it_is_watched_for_longer() -> None:
    found = judge(STACK, report(health=Health.PROGRESSING), Trial({"web": 0.0}, 3600.0), 60.0)
    assert found.again_in == PATIENCE - 60.0


def with_left(report: Report, code: str) -> Report:
    """Something is left, held for that."""
    held = Change(0, Action.HOLD, Key("container", "db-1"), "web", Cause.COMMIT, "is held", code=code)
    return replace(report, synced=False, left=Plan((held,)))


def test_what_is_held_for_good_keeps_no_content_from_being_good() -> None:
    held = replace(with_left(report(), "Protected"), failure=Failure("Protected", "x"), waits=True, done=True)
    assert judge(STACK, held, NO_TRIAL, 0.0).state is State.GOOD
    assert judge(STACK, replace(held, done=False), NO_TRIAL, 0.0).state is State.UNDER_WAY
    began = judge(STACK, replace(held, outcomes=(outcome(),)), NO_TRIAL, 0.0)
    assert began.state is State.ON_TRIAL, "what was made has to prove itself all the same"


def test_what_is_left_alone_since_it_does_not_stay_up_is_no_good() -> None:
    trial = Trial({"web": 0.0}, 5.0)
    assert judge(STACK, with_left(report(health=Health.DEGRADED), "BacksOff"), trial, 1.0).state is State.FAILED
    assert judge(STACK, with_left(report(), "BacksOff"), trial, 9.0).state is State.UNDER_WAY
    assert judge(STACK, with_left(report(health=Health.DEGRADED), "BacksOff"), NO_TRIAL, 1.0).state is State.UNDER_WAY


@pytest.mark.parametrize(("ratio", "state"), [(0.5, State.UNDER_WAY), (0.3, State.FAILED), (0.0, State.FAILED)])
def test_what_the_rollout_bears_fails_no_content(ratio: float, state: State) -> None:
    rollout = Rollout(max_failure_ratio=ratio)
    replicas = [replace(WEB, key=Key("container", f"web-{n}"), handling=Handling(rollout=rollout)) for n in (1, 2, 3)]
    outcomes = [
        outcome(Action.REPLACE, Status.DONE if number else Status.FAILED, reason="" if number else "x", wanted=one)
        for number, one in enumerate(replicas)
    ]
    assert judge(STACK, report(*outcomes, failure=Failure("x", "x")), NO_TRIAL, 0.0).state is state


def test_a_job_that_cannot_run_says_nothing_of_the_content() -> None:
    cannot = outcome(Action.RUN, Status.FAILED, cause=Cause.SCHEDULE, reason="StartFailed")
    assert judge(STACK, report(cannot), NO_TRIAL, 0.0).state is State.GOOD


DB = Resource(Key("container", "db-1"), "web", {}, service="db")
NEEDS_DB = replace(WEB, requires=(Requirement(DB.key, Condition.HEALTHY),))
CHANGED = replace(NEEDS_DB, spec={"body": "newer"})


def waited_in_vain(db: Health, awaited: Key | None = DB.key) -> Report:
    waits = outcome(Action.REPLACE, Status.FAILED, reason="DependencyFailed", wanted=CHANGED)
    told = report(replace(waits, awaited=awaited), failure=Failure("DependencyFailed", "x"))
    return replace(told, services=(ServiceState("db", 1, 0, db), *told.services[1:]))


def test_what_waited_for_something_that_is_ill_as_it_was_is_not_judged_by_that() -> None:
    newer, earlier = replace(STACK, resources=(DB, CHANGED)), replace(STACK, resources=(DB, NEEDS_DB))
    for told in (
        waited_in_vain(Health.DEGRADED),
        waited_in_vain(Health.HEALTHY),
        waited_in_vain(Health.DEGRADED, Key("stack", "elsewhere")),
        waited_in_vain(Health.DEGRADED, Key("container", "elsewhere-1")),
    ):
        trial = NO_TRIAL
        for _ in range(4):
            found = judge(newer, told, trial, 1.0, earlier)
            assert (found.state, found.failure) == (State.UNDER_WAY, None)
            trial = found.trial


def test_what_waited_for_something_that_the_content_brought_ill_is_no_good() -> None:
    newer, earlier = replace(STACK, resources=(DB, CHANGED)), replace(STACK, resources=(replace(DB, spec={"a": 1}),))
    assert judge(newer, waited_in_vain(Health.DEGRADED), NO_TRIAL, 1.0, earlier).state is State.FAILED
    on_trial = Trial({"db": 0.0}, 5.0)
    assert judge(newer, waited_in_vain(Health.MISSING), on_trial, 1.0, newer).state is State.FAILED, "made anew for it"
    assert judge(newer, waited_in_vain(Health.PROGRESSING), on_trial, 1.0, earlier).state is State.UNDER_WAY


def test_what_newly_waits_for_what_never_comes_is_no_good_after_a_few_tries() -> None:
    newer, earlier = replace(STACK, resources=(DB, CHANGED)), replace(STACK, resources=(DB, WEB))
    trial = NO_TRIAL
    for state in (State.UNDER_WAY, State.UNDER_WAY, State.FAILED):
        found = judge(newer, waited_in_vain(Health.HEALTHY), trial, 1.0, earlier)
        assert found.state is state
        trial = found.trial
