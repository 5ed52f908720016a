"""The watchdog is fed as long as all gets on, and starves where something hangs."""

from __future__ import annotations

import threading
import time

import pytest

from agent.loop import Loop
from agent.ports import LookAt
from tests.loop.fakes import (
    FAST,
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    failed,
    make_loop,
    reading,
    running,
    stack,
    synced,
)


def assert_all_gets_on(loop: Loop, audience: FakeAudience) -> None:
    """The loop has looked since this was asked, and found nothing late."""
    rounds, until = audience.rounds, time.monotonic() + 5
    while audience.rounds < rounds + 2 and audience.hung.empty():  # the first may have looked before
        assert time.monotonic() < until, "the loop does not get round"
        loop.wake(LookAt("event", stack="nobody's"))
        time.sleep(0.01)
    assert audience.hung.empty()


def test_the_watchdog_starves_while_a_turn_shows_no_progress() -> None:
    may_end, clock = threading.Event(), FakeClock()
    turns = FakeTurns(lambda turn: synced(turn) if may_end.wait(20) else failed(turn))
    audience = FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=clock)) as loop:
        turns.next()
        clock.ahead += FAST.silence - 30
        loop.progressed("a", 100.0)
        loop.progressed("a")
        clock.ahead += FAST.silence + 70
        assert_all_gets_on(loop, audience)
        clock.ahead += 31
        assert audience.hung.get(timeout=5) == ("turn-a",)
        rounds = audience.rounds
        loop.wake(LookAt("event", stack="nobody's"))
        assert turns.nothing_more(0.3)
        assert audience.rounds == rounds
        loop.progressed("a")
        assert audience.hung.get(timeout=5) == ()
        may_end.set()
        audience.reports.get(timeout=5)
        clock.ahead += 2 * FAST.silence
        assert_all_gets_on(loop, audience)  # one that has nothing to do is in good health


def test_the_watchdog_starves_while_the_source_shows_no_progress() -> None:
    may_end, clock, desires, audience = threading.Event(), FakeClock(), FakeDesires(reading(stack("a"))), FakeAudience()
    newest = desires.newest
    desires.newest = lambda: newest() if may_end.wait(20) else pytest.fail("hung")  # type: ignore[method-assign]
    with running(make_loop(desires, FakeTurns(), audience, clock=clock)) as loop:
        clock.ahead += FAST.source_silence - 30
        loop.source_progressed()
        clock.ahead += FAST.source_silence - 30
        assert_all_gets_on(loop, audience)
        clock.ahead += 31
        assert audience.hung.get(timeout=5) == ("source",)
        may_end.set()
        assert audience.hung.get(timeout=5) == ()
