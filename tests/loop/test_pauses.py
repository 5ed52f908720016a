"""When the loop tries again what failed or was healed, and what cuts the pause short."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from agent.handling import Handling, OnFailure, Rollout
from agent.model import Key, Report, Resource, Result, Status
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from tests.loop.fakes import (
    BROKEN,
    STANDING,
    WEB,
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    drift,
    failed,
    make_loop,
    reading,
    refused,
    running,
    stack,
    synced,
)


def test_a_failing_stack_backs_off_and_events_do_not_cut_that_short() -> None:
    turns = FakeTurns(failed)
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())) as loop:
        turns.next()
        for _ in range(5):
            loop.wake(LookAt("event", stack="a"))
        assert turns.nothing_more(0.5)
        assert turns.next().trigger in {"retry", "event"}


def test_new_content_is_tried_at_once_whatever_happened_to_the_old() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(failed), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=lambda: STANDING)) as loop:
        turns.next()
        audience.reports.get(timeout=5)  # backed off by now, for ever
        desires.answer = reading(stack("a", "b" * 40, content="2"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        assert turns.next().stacks[0].revision.id == "b" * 40


def test_what_runs_is_not_stopped_again_soon_for_a_replacement_that_was_refused() -> None:
    turns, clock = FakeTurns(lambda turn: failed(turn, "StartFailed", (refused(WEB),))), FakeClock()
    desires, audience = FakeDesires(reading(stack("a"))), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=clock)) as loop:
        turns.next()
        audience.reports.get(timeout=5)
        clock.ahead += 299
        loop.wake(LookAt("event", stack="a"))
        desires.answer = reading(stack("a", "b" * 40), stack("other"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        assert turns.next().scope.stacks == {"other"}, "the commit was read"
        assert turns.nothing_more(1.5), "for the same content, five minutes are not over"
        clock.ahead += 62
        assert turns.next().stacks[0].revision.id == "b" * 40


@pytest.mark.parametrize("asked", ["another content", "by hand", "by hand, meanwhile"])
def test_a_refused_replacement_is_tried_at_once_for_new_content_and_for_who_asks(asked: str) -> None:
    goes_on = threading.Event()

    def refuses(turn: Turn) -> Report:
        assert goes_on.wait(5)
        return failed(turn, "StartFailed", (refused(WEB),))

    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(refuses), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next()
        if asked == "by hand, meanwhile":
            loop.wake(LookAt("manual"))
        goes_on.set()
        audience.reports.get(timeout=5)
        if asked == "by hand":
            loop.wake(LookAt("manual"))
        if asked == "another content":
            desires.answer = reading(stack("a", "b" * 40, content="2"), revision="b" * 40)
            loop.wake(AskSource("manual"))
        turns.next()


@pytest.mark.parametrize("reason", ["EngineUnavailable", "DependencyFailed"])
def test_a_replacement_that_nobody_refused_is_tried_again_soon(reason: str) -> None:
    turns = FakeTurns(lambda turn: failed(turn, reason, (refused(WEB, reason),)))
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())):
        assert [turns.next().trigger, turns.next().trigger] == ["git", "retry"]


def test_a_replacement_that_did_not_take_is_not_repeated_soon() -> None:
    replaced = replace(refused(WEB), status=Status.DONE)
    turns = FakeTurns(lambda turn: failed(turn, "DidNotTake", (replaced,)))
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())):
        turns.next()
        assert turns.nothing_more(1.5)


def test_what_is_healed_again_and_again_is_left_alone_for_a_while() -> None:
    fight = drift(Key("container", "a-web-1"))
    turns, audience, now = FakeTurns(), FakeAudience(), [STANDING]
    turns.react = lambda turn: synced(turn) if turn.resting else replace(synced(turn), outcomes=(fight,))
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: now[0])) as loop:
        for _ in range(4):
            assert turns.next().resting == frozenset()
            audience.reports.get(timeout=5)
            loop.wake(LookAt("event", stack="a"))
        assert turns.next().resting == {WEB}, "what else there is of the stack is looked at all the time"
        audience.reports.get(timeout=5)
        assert turns.nothing_more(0.5)
        now[0] += 2.0
        again = turns.next()
        assert (again.trigger, again.resting) == ("retry", frozenset()), "then it is healed once more"


def test_who_asks_has_healed_at_once_what_was_healed_again_and_again() -> None:
    turns, audience = FakeTurns(lambda turn: replace(synced(turn), outcomes=(drift(WEB),))), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: STANDING)) as loop:
        for _ in range(4):
            turns.next()
            audience.reports.get(timeout=5)
            loop.wake(LookAt("event", stack="a"))
        assert turns.next().resting == {WEB}
        audience.reports.get(timeout=5)
        loop.wake(LookAt("manual", stack="a"))
        assert turns.next().resting == frozenset()


def waits(turn: Turn) -> Report:
    """Something is held, for good, and all else is as wanted."""
    return replace(synced(turn), result=Result.NOOP, synced=False, failure=BROKEN, waits=True, done=True)


def test_what_is_held_keeps_nothing_else_from_being_looked_at_and_is_told_each_time() -> None:
    turns, audience = FakeTurns(waits), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: STANDING)) as loop:
        for _ in range(6):
            turns.next()
            told = audience.reports.get(timeout=5)
            assert (told.failure, told.synced) == (BROKEN, False)
            loop.wake(LookAt("event", stack="a"))


def test_content_of_which_something_is_held_for_good_is_what_one_goes_back_to() -> None:
    desires, turns, audience = (
        FakeDesires(reading(stack("a")), good={"a": stack("a", "b" * 40, "0")}),
        FakeTurns(waits),
        FakeAudience(),
    )
    with running(make_loop(desires, turns, audience)):
        turns.next()
        audience.reports.get(timeout=5)
    assert desires.accepted == [("a", "a" * 40)]


def test_what_was_there_in_a_stack_that_is_not_synced_is_known_to_have_been_there() -> None:
    turns, audience = FakeTurns(lambda turn: replace(waits(turn), as_wanted=frozenset({WEB}))), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience)) as loop:
        assert turns.next().known == frozenset()
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().known == {WEB}


def test_a_rollout_that_pauses_is_not_left_alone_for_what_its_turn_interrupted_in_vain() -> None:
    wanted = Resource(WEB, "a", {}, service="web", handling=Handling(rollout=Rollout(on_failure=OnFailure.PAUSE)))
    no_good = refused(WEB, "CrashOnStart")
    no_good = replace(no_good, change=replace(no_good.change, stack="a", wanted=wanted))
    turns, left = FakeTurns(), [no_good]
    turns.react = lambda turn: failed(turn, "CrashOnStart", (left.pop(),)) if left else waits(turn)
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())) as loop:
        turns.next(), turns.next()
        assert turns.nothing_more(), "what is held is tried no more"
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().trigger == "event"
