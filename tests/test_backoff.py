"""How long a stack is left alone, by what failed in it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agent.backoff import Patience, only_held
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    FieldChange,
    Key,
    Outcome,
    Plan,
    Report,
    Resource,
    Result,
    Status,
)


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
        (failing("StartFailed", False), 300.0),
    ],
    ids=["only images", "an image and a container", "the engine", "what the engine left behind", "a container"],
)
def test_a_stack_is_left_alone_longer_and_longer_but_not_for_what_stopped_nothing(
    report: Report, longest: float
) -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(report, now) for now in range(12)]
    assert waits[0] < 1.3
    assert longest * 0.8 <= waits[-1] <= longest * 1.2


def overtaken(*others: Status) -> Report:
    change = Change(0, Action.CREATE, Key("network", "n"), "s", Cause.COMMIT, "")
    outcomes = tuple(Outcome(change, status) for status in (Status.OVERTAKEN, *others))
    return Report("r", "s", "t", None, Result.NOOP, 0.0, 0.0, outcomes=outcomes)


def test_a_stack_that_is_overtaken_again_and_again_is_left_alone_longer_and_longer() -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(overtaken(Status.SKIPPED), now) for now in range(12)]
    assert waits[0] == 0.0, "to look again at once is right at first"
    assert 0.8 <= waits[1] <= 1.2
    assert waits[-1] >= 240.0
    assert patience.after(overtaken(Status.DONE), 12) == 0.0, "it gets on"
    assert patience.after(overtaken(), 13) == 0.0
    patience.forgive("s")
    assert patience.after(overtaken(), 14) == 0.0


def waiting(code: str, *failed: str) -> Report:
    """A report with something held, and with a failed step for each reason."""
    report = failing("NameConflict", *(False for _ in failed))
    held = Change(9, Action.HOLD, Key("container", "web"), "s", Cause.COMMIT, "waits", code=code)
    return replace(report, plan=Plan((held,)), outcomes=(*report.outcomes, Outcome(held, Status.HELD)))


@pytest.mark.parametrize(
    ("report", "longest"),
    [(waiting("PortInUse"), 30.0), (waiting("PortInUse", "StartFailed"), 300.0), (waiting("NameConflict"), 0.0)],
    ids=["a port", "a port, and something failed", "a name"],
)
def test_a_port_that_somebody_holds_is_looked_for_again_without_an_event(report: Report, longest: float) -> None:
    patience = Patience(random.Random(1))
    waits = [patience.after(report, now) for now in range(12)]
    assert longest * 0.8 <= waits[-1] <= longest * 1.2
    assert only_held(report) is (longest == 0.0)


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
