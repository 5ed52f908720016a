"""What is suspended is looked at and not changed; that it is, and that it is over, is heeded at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from agent.directives import HOST, Directives
from agent.model import Report
from agent.ports import LookAt
from agent.reconcile import Turn
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, make_loop, reading, running, stack, synced


class Wall:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def directives(home: Path, wall: Wall | None = None) -> Directives:
    return Directives(home / "directives.json", wall or Wall(), by="anna")


def test_a_suspended_stack_is_planned_and_the_others_are_changed(tmp_path: Path) -> None:
    said, turns = directives(tmp_path), FakeTurns()
    said.suspend("a", "why", None)
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, FakeAudience(), directives=said)):
        taken = {turn.stacks[0].name: turn for turn in (turns.next(), turns.next())}
    assert (taken["a"].act, taken["b"].act) == (False, True)
    assert taken["a"].suspended["a"].whole
    assert not taken["b"].suspended["b"]


def test_to_suspend_and_to_resume_are_heeded_at_once(tmp_path: Path) -> None:
    said, turns, audience = directives(tmp_path), FakeTurns(), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience, directives=said)) as loop:
        assert [turns.next().resumed, turns.next().resumed] == [False, False]
        said.suspend("a", "why", None)
        turn = turns.next()
        assert (turn.stacks[0].name, turn.trigger, turn.act) == ("a", "suspend", False)
        said.resume(HOST)
        turn = turns.next()
        assert (turn.stacks[0].name, turn.trigger, turn.act, turn.resumed) == ("a", "resume", True, True)
        loop.wake(LookAt("event", stack="a"))
        assert not turns.next().resumed
        assert turns.nothing_more()
    assert audience.triggers[-3:] == ["suspend", "resume", "event"]


def test_a_lease_ends_by_itself(tmp_path: Path) -> None:
    wall, turns = Wall(), FakeTurns()
    said = directives(tmp_path, wall)
    said.suspend("a/web", "why", 1060.0)
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience(), directives=said)):
        turn = turns.next()
        assert turn.act
        assert turn.leases == {("a", "web")}
        wall.now = 1060.0
        turn = turns.next()
        assert (turn.trigger, turn.leases) == ("resume", frozenset())


def test_a_turn_under_way_begins_nothing_more_once_its_stack_is_suspended(tmp_path: Path) -> None:
    said, may_end, over = directives(tmp_path), threading.Event(), list[tuple[bool, bool]]()

    def slow(turn: Turn) -> Report:
        if turn.trigger == "git":
            assert may_end.wait(5)
            over.append((turn.superseded(), turn.finishes()))
        return synced(turn)

    turns, audience = FakeTurns(slow), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, directives=said)) as loop:
        turns.next()
        said.suspend("a", "why", None)
        loop.wake(LookAt("event", stack="a"))
        while "suspend" not in audience.triggers:
            threading.Event().wait(0.01)
        may_end.set()
        assert not turns.next().act
    assert over == [(True, True)], "what has begun is finished, for nothing goes on with it"


def test_a_stack_that_left_the_source_stays_while_it_is_suspended(tmp_path: Path) -> None:
    said, desires = directives(tmp_path), FakeDesires(reading(stack("b")))
    said.suspend(HOST, "why", None)
    turns = FakeTurns(lambda turn: replace(synced(turn), synced=turn.act), host_stacks=frozenset({"a", "b"}))
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience, directives=said)):
        assert not turns.next().act
        assert not turns.next().act
        said.resume(HOST)
        assert audience.gone.get(timeout=5) == "a"


def test_while_nobody_knows_what_is_suspended_everything_is_planned_and_nothing_changed(tmp_path: Path) -> None:
    said, turns = directives(tmp_path), FakeTurns()
    file = tmp_path / "directives.json"
    file.write_text("{")
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, FakeAudience(), directives=said)):
        first = (turns.next(), turns.next())
        assert {(turn.stacks[0].name, turn.act) for turn in first} == {("a", False), ("b", False)}
        file.unlink()
        later = (turns.next(), turns.next())
        assert {(turn.stacks[0].name, turn.trigger, turn.act) for turn in later} == {
            ("a", "resume", True),
            ("b", "resume", True),
        }
        said.suspend("a", "why", None)
        assert not turns.next().act
        file.write_text("{")
        assert turns.nothing_more(1.2), "what was known goes on to hold"
