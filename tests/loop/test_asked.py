"""What somebody at the host asks for is looked at now, whatever is backed off from, and is told when it is done."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.desired import Reading
from agent.directives import HOST, Directives
from agent.model import Report
from agent.ports import AskSource
from agent.reconcile import Turn
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, failed, make_loop, reading, running, stack, synced

A, B = stack("a"), stack("b")


def directives(home: Path) -> Directives:
    return Directives(home / "directives.json", by="anna")


def test_a_stack_is_looked_at_and_the_source_is_asked(tmp_path: Path) -> None:
    said, desires, turns, audience = directives(tmp_path), FakeDesires(reading(A, B)), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience, restraints=said)):
        turns.next(), turns.next()
        at = said.ask(["a"])
        turn = turns.next()
        assert (turn.stacks[0].name, turn.trigger) == ("a", "manual")
        assert audience.answers.get(timeout=5) == at
        assert turns.nothing_more()
    assert (desires.asked, turns.afresh) == (2, 0)


def test_all_stacks_are_looked_at_although_they_back_off_and_afresh_where_that_is_said(tmp_path: Path) -> None:
    said, audience = directives(tmp_path), FakeAudience()
    turns = FakeTurns(lambda turn: failed(turn, "ImagePullFailed"))
    with running(make_loop(FakeDesires(reading(A, B)), turns, audience, restraints=said)):
        turns.next(), turns.next()
        while turns.nothing_more(0.5) is False:
            pass
        at = said.ask([HOST], hard=True)
        assert {(turn.stacks[0].name, turn.trigger) for turn in (turns.next(), turns.next())} == {
            ("a", "manual"),
            ("b", "manual"),
        }
        assert audience.answers.get(timeout=5) == at
    assert turns.afresh > 0


def test_it_is_done_once_what_the_source_says_by_now_had_its_turn(tmp_path: Path) -> None:
    said, desires, audience, may_end = directives(tmp_path), FakeDesires(reading(A)), FakeAudience(), threading.Event()
    newer = stack("a", "b" * 40, "2")

    def slow(turn: Turn) -> Report:
        if turn.stacks[0] == newer:
            assert may_end.wait(5)
        return synced(turn)

    turns = FakeTurns(slow)
    with running(make_loop(desires, turns, audience, restraints=said)):
        turns.next()
        desires.answer = reading(newer, revision="b" * 40)
        at = said.ask(["a"])
        while turns.next().stacks[0] != newer:
            pass
        assert audience.answers.empty()
        may_end.set()
        assert audience.answers.get(timeout=5) == at


def test_a_turn_under_way_when_it_is_asked_is_not_the_one_that_is_waited_for(tmp_path: Path) -> None:
    said, audience, may_end = directives(tmp_path), FakeAudience(), threading.Event()

    def slow(turn: Turn) -> Report:
        assert turn.trigger == "manual" or may_end.wait(5)
        return synced(turn)

    turns = FakeTurns(slow)
    with running(make_loop(FakeDesires(reading(A)), turns, audience, restraints=said)):
        turns.next()
        at = said.ask(["a"])
        while "manual" not in audience.triggers:
            threading.Event().wait(0.01)
        may_end.set()
        assert turns.next().trigger == "manual"
        assert audience.answers.get(timeout=5) == at


def test_what_a_reading_brought_that_was_on_its_way_is_waited_for_too(tmp_path: Path) -> None:
    """The next reading, for which one asks, brings nothing new, and is there before the turn of that is over."""
    said, audience, comes, may_end = directives(tmp_path), FakeAudience(), threading.Event(), threading.Event()

    class Slow(FakeDesires):
        def newest(self) -> Reading:
            if self.asked == 1:
                assert comes.wait(5)
            return super().newest()

    def slow(turn: Turn) -> Report:
        assert turn.stacks[0] != B or may_end.wait(5)
        return synced(turn)

    desires, turns = Slow(reading(A)), FakeTurns(slow)
    loop = make_loop(desires, turns, audience, restraints=said)
    with running(loop):
        turns.next()
        desires.answer = reading(A, B, revision="b" * 40)
        loop.wake(AskSource("git"))
        at = said.ask([HOST])
        while "manual" not in audience.triggers:
            threading.Event().wait(0.01)
        comes.set()
        while turns.next().stacks[0] != B:
            pass
        while desires.asked < 3:
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)
        assert audience.answers.empty()
        may_end.set()
        assert audience.answers.get(timeout=5) == at
