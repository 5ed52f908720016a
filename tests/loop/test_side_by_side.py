"""Turns side by side: none delays another or the end, and what one does not survive is its own failure."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from agent.model import (
    Failure,
    Report,
)
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from tests.loop.fakes import (
    FAST,
    STANDING,
    FakeAudience,
    FakeDesires,
    FakeTurns,
    failed,
    make_loop,
    reading,
    running,
    stack,
    synced,
)

TraceFunction = Callable[[FrameType, str, Any], Any]


def test_many_triggers_for_a_busy_stack_make_one_more_turn() -> None:
    may_end = threading.Event()

    def slow(turn: Turn) -> Report:
        assert may_end.wait(5)
        return synced(turn)

    turns = FakeTurns(slow)
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())) as loop:
        first = turns.next()
        for _ in range(20):
            loop.wake(LookAt("event", stack="a"))
        over = time.monotonic() + 5
        while first.heard() < 20 and time.monotonic() < over:  # the turn under way may see to some of it itself
            time.sleep(0.01)
        assert first.heard() == 20
        may_end.set()
        turns.next()
        assert turns.nothing_more()


def test_what_does_not_end_does_not_keep_the_agent_from_ending() -> None:
    may_end, audience = threading.Event(), FakeAudience()

    def hang(turn: Turn) -> Report:
        if turn.scope.stacks == {"a"}:
            may_end.wait(30)
        return synced(turn)

    turns = FakeTurns(hang)
    loop = make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience, replace(FAST, ending=0.2))
    with running(loop):
        turns.next(), turns.next()
        assert audience.reports.get(timeout=5).stack == "b"
    assert loop.left == ("turn-a",)
    may_end.set()


def test_a_slow_stack_delays_no_other() -> None:
    may_end = threading.Event()
    turns = FakeTurns(lambda turn: synced(turn) if turn.scope.stacks == {"b"} or may_end.wait(5) else failed(turn))
    audience = FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience)):
        assert audience.reports.get(timeout=5).stack == "b"
        may_end.set()


def test_however_many_stacks_are_slow_another_has_its_turn_and_the_source_is_asked() -> None:
    may_end, slow = threading.Event(), [f"slow-{number}" for number in range(20)]
    turns = FakeTurns(lambda turn: synced(turn) if "slow" not in str(turn.scope) or may_end.wait(5) else failed(turn))
    desires, audience = FakeDesires(reading(*map(stack, slow))), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        for _ in slow:
            turns.next()
        desires.answer = reading(*map(stack, slow), stack("quick"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        assert audience.reports.get(timeout=5).stack == "quick"
        asked = desires.asked
        loop.wake(AskSource("manual"))
        audience.sources.get(timeout=5), audience.sources.get(timeout=5), audience.sources.get(timeout=5)
        assert desires.asked == asked + 1
        may_end.set()


def test_a_turn_for_which_there_is_no_thread_fails_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    start, refused = threading.Thread.start, list[str]()

    def none_for_turns(thread: threading.Thread) -> None:
        if thread.name.startswith("turn-") and not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", none_for_turns)
    turns, audience = FakeTurns(), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience)):
        failure = audience.reports.get(timeout=5).failure
        assert failure is not None
        assert failure.reason == "NoThread"
        assert audience.reports.get(timeout=5).synced
    assert not audience.bugs


def test_a_bug_in_one_stack_is_its_own_failure() -> None:
    def buggy(turn: Turn) -> Report:
        if turn.scope.stacks == {"a"}:
            raise ZeroDivisionError("a bug")
        return synced(turn)

    audience, turns = FakeAudience(), FakeTurns(buggy)
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience)):
        runs = {turn.stacks[0].name: turn.run_id for turn in (turns.next(), turns.next())}
        by_stack = {
            report.stack: report for report in (audience.reports.get(timeout=5), audience.reports.get(timeout=5))
        }
    assert by_stack["b"].synced
    assert by_stack["a"].failure == Failure("InternalError", "ZeroDivisionError: a bug")
    assert by_stack["a"].run_id == runs["a"], "who was told that it had begun is told that it is over"
    assert isinstance(audience.bugs[0], ZeroDivisionError)


def test_it_may_be_told_to_stop_in_the_middle_of_being_told_to_stop() -> None:
    loop = make_loop(FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience())

    def told_again(_frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        loop.stop()  # as a handler of a second signal does, at each line of the first one's
        return told_again

    def signals() -> None:
        sys.settrace(told_again)
        loop.stop()
        sys.settrace(None)

    thread = threading.Thread(target=signals, daemon=True)
    thread.start()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert loop.run() == ()


def test_stopping_lets_the_turn_under_way_end() -> None:
    may_end, audience = threading.Event(), FakeAudience()
    turns = FakeTurns(lambda turn: synced(turn) if may_end.wait(5) else failed(turn))
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience)) as loop:
        turns.next()
        loop.stop()
        may_end.set()
    assert audience.reports.get(timeout=1).synced


def test_a_turn_that_was_under_way_when_its_stack_left_is_followed_by_one_that_removes_it() -> None:
    may_end = threading.Event()

    def react(turn: Turn) -> Report:
        assert turn.scope.stacks == {"b"} or not turn.stacks or may_end.wait(5)
        return synced(turn)

    desires = FakeDesires(reading(stack("a"), stack("b")))
    turns, audience = FakeTurns(react), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        first = next(turn for turn in (turns.next(), turns.next()) if turn.scope.stacks == {"a"})
        desires.answer = reading(stack("b"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        deadline = time.monotonic() + 5
        while not first.superseded() and time.monotonic() < deadline:
            time.sleep(0.01)
        may_end.set()
        last = next(turn for turn in (turns.next(), turns.next()) if turn.scope.stacks == {"a"})
        assert last.stacks == ()
        assert audience.gone.get(timeout=5) == "a"
    assert audience.gone.empty()


def test_a_turn_that_waits_makes_way_for_newer_content_and_its_failure_delays_nothing() -> None:
    def waits_for_a_gate(turn: Turn) -> Report:
        if turn.stacks[0].revision.id == "a" * 40:
            ended = threading.Event()
            while not turn.superseded():
                ended.wait(0.01)
            return failed(turn, "DependencyFailed")
        return synced(turn)

    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(waits_for_a_gate), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=lambda: STANDING)) as loop:
        turns.next()
        desires.answer = reading(stack("a", "b" * 40), revision="b" * 40)
        loop.wake(AskSource("manual"))
        assert turns.nothing_more(0.3), "another commit that does not touch the stack changes nothing for it"
        desires.answer = reading(stack("a", "c" * 40, content="2"), revision="c" * 40)
        loop.wake(AskSource("manual"))
        assert audience.reports.get(timeout=5).failure
        assert turns.next().stacks[0].revision.id == "c" * 40
