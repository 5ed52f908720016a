"""How what is wanted of one stack moves. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.guard import NO_CONSENT
from agent.model import Failure, Health, Report, Result, Revision, Scope
from agent.reconcile import Turn
from agent.rejections import content_of
from agent.suspension import Suspension
from agent.trial import Trial
from agent.work import FOLLOWED, Goal, Lag, Standing, Work
from tests.loop.fakes import stack

OLD, NEW = stack("web", "a" * 40, "1"), stack("web", "b" * 40, "2")
WINDOW, NEXT_WINDOW = Suspension("no changes at night", until=100.0), Suspension("nor at noon", until=200.0)
BROUGHT = Revision("5" * 40, "Raise it", "Ada")
BAD, LATE = Failure("ConfigInvalid", "no"), Failure("WaitsForStack", "new content waits for db")


def turn_of(work: Work) -> Turn:
    return work.turn("git", Scope("i", "o", frozenset(), whole=True), {}, NO_CONSENT, act=True)


@pytest.mark.parametrize(
    ("goal", "lag", "understood", "left", "waits"),
    [
        (Goal(OLD), FOLLOWED, True, False, False),
        (Goal(OLD), Lag(NEW, WINDOW), True, False, False),
        (Goal(OLD), Lag(failure=BAD), True, False, False),
        (Goal(), FOLLOWED, True, True, False),
        (Goal(), Lag(failure=BAD), False, False, False),
        (Goal(), Lag(NEW, failure=LATE), False, False, True),
        (Goal(), Lag(NEW, WINDOW), False, False, True),
        (Goal(), Lag(frozen=WINDOW), False, False, True),
    ],
    ids=["follows", "frozen", "broken", "left", "never good", "late", "frozen at first", "leaves when thawed"],
)
def test_what_is_known_of_a_stack(goal: Goal, lag: Lag, *, understood: bool, left: bool, waits: bool) -> None:
    work = Work("web", goal, lag, trigger="git")
    assert (work.is_understood, work.has_left, work.only_waits) == (understood, left, waits)
    assert work.is_due is not waits


def test_what_is_taken_up_leaves_nothing_waiting() -> None:
    work = Work("web", Goal(OLD))
    work.offer(NEW)
    assert work.wait(LATE)
    assert not work.wait(LATE), "it has been told"
    assert (work.desired, work.lag) == (OLD, Lag(NEW, failure=LATE))
    work.want(NEW)
    assert (work.desired, work.lag) == (NEW, FOLLOWED)


def test_a_window_is_told_once_and_hides_what_was_wrong_before() -> None:
    work = Work("web", Goal(OLD))
    work.refuse(BAD, "")
    work.offer(NEW)
    assert work.freeze(WINDOW)
    assert not work.freeze(WINDOW)
    assert work.lag == Lag(NEW, WINDOW)
    assert work.restraint.frozen == WINDOW
    assert turn_of(work).coming == (NEW,)
    work.offer(None)
    assert turn_of(work).coming == (), "it has left"
    work.offer(NEW)
    assert work.freeze(NEXT_WINDOW)
    assert work.wait(LATE)
    assert work.lag == Lag(NEW, failure=LATE), "the window is over"
    assert turn_of(work).coming is None


def test_what_waits_goes_on_waiting_when_the_goal_is_given_up() -> None:
    newer = stack("web", "c" * 40, "3")
    work = Work("web", Goal(NEW))
    work.offer(newer)
    work.freeze(WINDOW)
    work.go_back(OLD, BAD)
    assert work.lag == Lag(newer, WINDOW, BAD)
    turn = turn_of(work)
    assert (turn.stacks, turn.fallback, turn.gone_back, turn.rejected) == ((OLD,), True, True, content_of(NEW))


def test_what_was_given_up_is_known_until_something_else_is_wanted() -> None:
    work = Work("web", Goal(NEW))
    work.go_back(OLD, BAD)
    work.offer(stack("web", "c" * 40, "3"))
    work.wait(LATE)
    assert turn_of(work).rejected == content_of(NEW)
    work.want(OLD)
    work.wait(LATE)
    turn = turn_of(work)
    assert (turn.fallback, turn.gone_back, turn.rejected) == (False, False, ""), "nobody knows of it whether it is good"
    work.standing = Standing(OLD.revision.id)
    turn = turn_of(work)
    assert (turn.fallback, turn.gone_back, turn.rejected) == (True, False, "")


@pytest.mark.parametrize(
    "lag", [Lag(NEW, WINDOW), Lag(failure=BAD), Lag(NEW, failure=LATE)], ids=["frozen", "broken", "late"]
)
def test_what_is_kept_at_what_was_good_counts_so_for_whatever_the_newest_waits(lag: Lag) -> None:
    work = Work("web", Goal(OLD, proved=True, given_up="bad"), lag)
    turn = turn_of(work)
    assert (turn.fallback, turn.gone_back, turn.rejected, turn.newest) == (True, True, "bad", False)
    work.want(NEW)
    turn = turn_of(work)
    assert (turn.fallback, turn.gone_back, turn.rejected, turn.newest) == (False, False, "", True)


def test_what_is_broken_waits_for_nothing_and_is_told_once() -> None:
    work = Work("web", Goal(OLD))
    work.offer(NEW)
    work.freeze(WINDOW)
    assert work.refuse(BAD, "", BROUGHT)
    assert not work.refuse(BAD, "", BROUGHT)
    assert work.not_followed(NEW.revision, BAD, 0.0).commit == BROUGHT
    assert (work.desired, work.lag) == (OLD, Lag(failure=BAD))


def test_who_brought_what_was_tried_is_known_until_other_content_is_wanted() -> None:
    work = Work("web", Goal(NEW))
    report = Report("r", "web", "git", NEW.revision, Result.SUCCESS, 0.0, 0.0)
    work.know(replace(report, commit=BROUGHT))
    work.know(report)
    work.want(replace(NEW, revision=OLD.revision))
    assert work.brought == BROUGHT
    work.go_back(OLD, BAD)
    work.know(replace(report, commit=OLD.revision))
    assert work.brought == BROUGHT
    work.want(OLD)
    assert work.brought is None


def test_the_trial_is_of_the_content_and_not_of_the_commit() -> None:
    trial = Trial({"web": 0.0}, 5.0)
    work = Work("web", Goal(NEW), standing=Standing("a" * 40, trial))
    work.want(replace(NEW, revision=OLD.revision))
    assert work.standing.trial == trial
    work.want(OLD)
    assert work.standing == Standing("a" * 40)


def test_an_event_concerns_who_wants_the_object_or_has_it() -> None:
    work = Work("web", Goal(OLD))
    (wanted,) = OLD.resources
    assert work.is_about(frozenset({wanted.key}), "")
    work.want(None)
    assert not work.is_about(frozenset({wanted.key}), "c1")
    work.last = Report("r", "web", "git", None, Result.NOOP, 0.0, 0.0, health=Health.HEALTHY, ids=frozenset({"c1"}))
    assert work.is_about(frozenset({wanted.key}), "c1")
