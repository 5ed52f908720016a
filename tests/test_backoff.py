"""How long a stack is left alone, by what failed in it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agent.account import Look, Taken, report_of
from agent.backoff import Patience, Pause, overtaken_in_vain
from agent.handling import Handling, OnFailure, Rollout
from agent.model import (
    Action,
    Cause,
    Change,
    Difference,
    Failure,
    FieldChange,
    Key,
    Observed,
    Outcome,
    Owner,
    Plan,
    Remedy,
    Report,
    Resource,
    Result,
    Revision,
    Stack,
    Status,
)
from agent.paused import paused_by


def failing(reason: str, *prepares: bool) -> Report:
    """A report with a failed step for each."""
    outcomes = []
    for number, one in enumerate(prepares):
        wanted = Resource(Key("thing", str(number)), "s", {}, prepares=one)
        change = Change(number, Action.CREATE, wanted.key, "s", Cause.COMMIT, "", wanted=wanted)
        outcomes.append(Outcome(change, Status.FAILED, "no", reason))
    return Report("r", "s", "t", None, Result.ERROR, 0.0, 0.0, outcomes=tuple(outcomes), failure=Failure(reason, "no"))


@pytest.mark.parametrize(
    ("report", "longest"),
    [
        (failing("ImagePullFailed", True, True), 30.0),
        (failing("ImagePullFailed", True, False), 300.0),
        (failing("EngineUnavailable", False), 30.0),
        (failing("OrphanProcess", False), 30.0),
        (failing("PortInUse", False), 30.0),
        (failing("StartFailed", False), 300.0),
    ],
    ids=[
        "only images",
        "an image and a container",
        "the engine",
        "what the engine left behind",
        "a port",
        "a container",
    ],
)
def test_a_stack_is_left_alone_longer_and_longer_but_not_for_what_stopped_nothing(
    report: Report, longest: float
) -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(report, now).alone for now in range(12)]
    assert waits[0] < 1.3
    assert longest * 0.8 <= waits[-1] <= longest * 1.2


def interrupted(reason: str) -> Report:
    report = failing(reason, False)
    replaced = [replace(one, change=replace(one.change, action=Action.REPLACE)) for one in report.outcomes]
    return replace(report, outcomes=tuple(replaced))


def test_what_an_engine_stumbled_over_is_tried_again_soon_but_not_time_and_again() -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(interrupted("EngineError"), now).alone for now in range(4)]
    assert [wait < 3.0 for wait in waits] == [True, True, False, False]
    assert waits[2] >= 300.0
    assert Patience(random.Random(1)).after(interrupted("StartFailed"), 0.0).alone >= 300.0
    assert Patience(random.Random(1)).after(interrupted("PortInUse"), 0.0).alone >= 300.0


def test_what_is_down_anyway_is_tried_again_soon() -> None:
    report = interrupted("CrashOnStart")
    stopped = Difference("state", "exited (1)", "running", Remedy.IN_PLACE, declared=False)

    def of(*differences: Difference) -> Report:
        seen = Observed(Key("thing", "0"), "1", Owner.OURS, differences=differences)
        outcomes = tuple(replace(one, change=replace(one.change, seen=seen)) for one in report.outcomes)
        return replace(report, outcomes=outcomes)

    assert Patience(random.Random(1)).after(of(), 0.0).alone >= 300.0
    assert Patience(random.Random(1)).after(of(stopped), 0.0).alone < 1.3


def overtaken(*others: Status) -> Report:
    change = Change(0, Action.CREATE, Key("network", "n"), "s", Cause.COMMIT, "")
    outcomes = tuple(Outcome(change, status, "gone") for status in (Status.OVERTAKEN, *others))
    return Report("r", "s", "t", None, Result.NOOP, 0.0, 0.0, outcomes=outcomes)


def test_a_stack_that_is_overtaken_again_and_again_is_left_alone_longer_and_longer() -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(overtaken(Status.SKIPPED), now).alone for now in range(12)]
    assert waits[0] == 0.0, "to look again at once is right at first"
    assert 0.8 <= waits[1] <= 1.2
    assert waits[-1] >= 240.0
    assert patience.after(overtaken(Status.DONE), 12) == Pause(), "it gets on"
    assert patience.after(overtaken(), 13) == Pause()
    patience.forgive("s")
    assert patience.after(overtaken(), 14) == Pause()


def test_what_is_overtaken_time_and_again_is_told_as_a_failure() -> None:
    patience = Patience(random.Random(1))
    told = []
    for now in range(4):
        patience.after(overtaken(Status.SKIPPED), now)
        told.append(patience.stuck(overtaken(Status.SKIPPED)))
    failure = Failure("Overtaken", "create network/n, again and again: gone")
    assert told == [None, None, failure, failure]
    patience.after(overtaken(Status.DONE), 5)
    assert patience.stuck(overtaken(Status.DONE)) is None, "it gets on"


@pytest.mark.parametrize(("cause", "in_vain"), [(Cause.COMMIT, True), (Cause.SCHEDULE, False)])
def test_what_was_stopped_for_what_was_overtaken_and_goes_on_is_nothing_that_was_done(
    cause: Cause, *, in_vain: bool
) -> None:
    key = Key("container", "web")
    stopped = Outcome(Change(1, Action.STOP, key, "s", Cause.COMMIT, ""), Status.DONE)
    goes_on = Outcome(Change(2, Action.RUN, key, "s", cause, ""), Status.DONE)
    report = overtaken()
    report = replace(report, outcomes=(*report.outcomes, stopped, goes_on))
    assert overtaken_in_vain(report) is in_vain


def after_a_look(*left: Change, outcomes: tuple[Outcome, ...] = ()) -> Report:
    """The report of a turn after which this is left."""
    look = Look({}, Plan(left))
    return report_of(Taken("r", (Stack("s", (), Revision("dir-1")),), "t", 0.0, outcomes=outcomes, last=look), "s")


def held(code: str, cause: Cause = Cause.COMMIT) -> Change:
    seen = Observed(Key("container", "web"), "1", Owner.OURS, "s")
    return Change(9, Action.HOLD, Key("container", "web"), "s", cause, "is held", code=code, seen=seen)


HELD = [
    held("Immutable"), held("NameConflict"), held("ExternalMissing"), held("InUse"),
    held("Protected", Cause.PRUNE), held("PruneGuard", Cause.PRUNE),
]  # fmt: skip


@pytest.mark.parametrize("code", ["NameConflict", "PortInUse", "SubnetOverlap"])
def test_what_somebody_else_is_in_the_way_of_has_failed(code: str) -> None:
    report = after_a_look(held(code))
    assert (report.result, report.failure and report.failure.reason) == (Result.ERROR, code)


@pytest.mark.parametrize("hold", HELD, ids=[hold.code for hold in HELD])
def test_what_is_held_is_told_and_lets_the_stack_be_looked_at_all_the_time(hold: Change) -> None:
    healed = Outcome(Change(1, Action.UPDATE, Key("container", "db"), "s", Cause.DRIFT, ""), Status.DONE)
    for report in (after_a_look(hold), after_a_look(hold, outcomes=(healed, Outcome(hold, Status.HELD)))):
        assert report.failure == Failure(hold.code, "container/web: is held")
        quiet = Result.SUCCESS if report.outcomes else Result.NOOP
        result = Result.ERROR if hold.code == "NameConflict" else quiet
        assert (report.result, report.synced, report.waits) == (result, False, True)
        patience = Patience(random.Random(1))
        assert [patience.after(report, now) for now in range(12)] == [Pause()] * 12


def test_what_is_kept_since_pruning_is_off_is_as_it_was_asked_for() -> None:
    kept = held("PruneOff", Cause.PRUNE)
    report = after_a_look(kept)
    assert (report.result, report.failure, report.synced) == (Result.NOOP, None, True)
    assert report.left.changes == (kept,)
    other = after_a_look(kept, held("Protected", Cause.PRUNE))
    assert (other.synced, other.failure and other.failure.reason) == (False, "Protected")


def test_a_failure_beside_what_is_held_is_backed_off_from() -> None:
    broken = failing("StartFailed", False).outcomes
    patience = Patience(random.Random(1))
    report = after_a_look(HELD[0], outcomes=(*broken, Outcome(HELD[0], Status.HELD)))
    assert (report.failure and report.failure.reason, report.waits) == ("StartFailed", False)
    assert report.result is Result.ERROR
    assert patience.after(report, 0.0).alone > 0.0
    still = Change(0, Action.UPDATE, Key("container", "db"), "s", Cause.COMMIT, "again")
    in_vain = after_a_look(still, HELD[0], outcomes=(Outcome(still, Status.DONE), Outcome(HELD[0], Status.HELD)))
    assert (in_vain.failure and in_vain.failure.reason, in_vain.waits) == ("DidNotTake", False)


def test_what_drifts_while_something_else_is_replaced_is_mended_at_once() -> None:
    """It was none of what was done."""
    web = Change(0, Action.REPLACE, Key("container", "web"), "s", Cause.COMMIT, "image changed")
    db = Change(0, Action.CREATE, Key("container", "db"), "s", Cause.DRIFT, "was removed outside git")
    report = after_a_look(db, outcomes=(Outcome(web, Status.DONE),))
    assert (report.failure, report.synced) == (None, False)
    assert Patience(random.Random(1)).after(report, 0.0) == Pause(alone=0.0, again=1.0)


@pytest.mark.parametrize("action", [Action.UPDATE, Action.REPLACE])
def test_what_was_replaced_and_drifts_waits_for_long_only_where_it_is_to_be_replaced_again(action: Action) -> None:
    web = Change(0, Action.REPLACE, Key("container", "web"), "s", Cause.COMMIT, "image changed")
    done = (Outcome(web, Status.DONE), Outcome(replace(web, key=Key("container", "api")), Status.DONE))
    report = after_a_look(replace(web, action=action, cause=Cause.DRIFT), outcomes=done)
    assert report.failure is not None
    assert report.failure.reason == "DidNotTake"
    alone = Patience(random.Random(1)).after(report, 0.0).alone
    assert (alone > 250.0) is (action is Action.REPLACE)


def test_a_port_that_somebody_holds_is_looked_for_again_without_an_event() -> None:
    patience, report = Patience(random.Random(1)), after_a_look(held("PortInUse"))
    pauses = [patience.after(report, now) for now in range(12)]
    assert {pause.alone for pause in pauses} == {0.0}, "an event is heard at once"
    assert pauses[0].again < 1.3
    assert pauses[-1].again == 30.0


# --- a rollout that pauses, or bears what fails -----------------------------------------------------------------------


def replaced(*statuses: Status, rollout: Rollout, reason: str = "CrashOnStart") -> Report:
    """The containers of a service, each replaced with that outcome."""
    outcomes = []
    for number, status in enumerate(statuses):
        key = Key("container", f"web-{number}")
        wanted = Resource(key, "s", {}, service="web", handling=Handling(rollout=rollout))
        change = Change(number, Action.REPLACE, key, "s", Cause.COMMIT, "new", wanted=wanted)
        outcomes.append(Outcome(change, status, "no", reason if status is Status.FAILED else ""))
    return after_a_look(outcomes=tuple(outcomes))


@pytest.mark.parametrize(
    ("rollout", "reason", "paused"),
    [
        (Rollout(on_failure=OnFailure.PAUSE), "CrashOnStart", {"web-1", "web-2"}),
        (Rollout(on_failure=OnFailure.CONTINUE), "CrashOnStart", {"web-1"}),
        (Rollout(max_failure_ratio=0.5), "CrashOnStart", {"web-1"}),
        (Rollout(max_failure_ratio=0.3), "CrashOnStart", set()),
        (Rollout(on_failure=OnFailure.PAUSE), "EngineTimeout", set()),
        (Rollout(on_failure=OnFailure.PAUSE), "PortInUse", set()),
    ],
    ids=["pause", "continue", "borne", "not borne", "the engine", "a port"],
)
def test_what_a_rollout_pauses_at_or_bears_is_not_tried_again_by_itself(
    rollout: Rollout, reason: str, paused: set[str]
) -> None:
    report = replaced(Status.DONE, Status.FAILED, Status.SKIPPED, rollout=rollout, reason=reason)
    assert {key.name for key in paused_by(report)} == paused
    if reason == "CrashOnStart":
        assert (Patience(random.Random(1)).after(report, 0.0).alone < 300.0) is bool(paused)


@pytest.mark.parametrize(
    ("cause", "prepares", "is_fought_over"),
    [
        (Cause.DRIFT, False, True),
        (Cause.IMAGE, False, True),
        (Cause.IMAGE, True, False),
        (Cause.COMMIT, False, False),
        (Cause.FILE, False, False),
    ],
)
def test_what_changes_again_and_again_without_a_commit_is_fought_over(
    cause: Cause, prepares: bool, is_fought_over: bool
) -> None:
    """Of a tag that flaps between two images it is the container that suffers; the image is fetched, and no more."""
    wanted = Resource(Key("container", "web"), "s", {}, prepares=prepares)
    fields = (FieldChange("image", "one", "another"),)
    change = Change(0, Action.REPLACE, wanted.key, "s", cause, "", fields, wanted=wanted)
    outcomes = (Outcome(change, Status.DONE),)
    report = Report("r", "s", "t", None, Result.SUCCESS, 0.0, 0.0, outcomes=outcomes)
    patience = Patience(random.Random(1))
    for now in range(6):
        patience.after(report, now)
    fights = patience.fights("s", 6)
    assert bool(fights) is is_fought_over
    assert all((fight.name, fight.fields) == ("web", ("image",)) for fight in fights)
