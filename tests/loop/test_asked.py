"""What somebody at the host asks for is looked at now, whatever is backed off from, and is told when it is done."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.desired import Reading
from agent.directives import HOST, Directives
from agent.model import Health, Report, Stack
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, failed, make_loop, reading, running, stack, synced

A, B = stack("a"), stack("b")


def directives(home: Path) -> Directives:
    return Directives(home / "directives.json", by="anna")


def test_a_stack_is_looked_at_and_the_source_is_asked(tmp_path: Path) -> None:
    said, desires, turns, audience = directives(tmp_path), FakeDesires(reading(A, B)), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience, directives=said)):
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
    with running(make_loop(FakeDesires(reading(A, B)), turns, audience, directives=said)):
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
    with running(make_loop(desires, turns, audience, directives=said)):
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
    with running(make_loop(FakeDesires(reading(A)), turns, audience, directives=said)):
        turns.next()
        at = said.ask(["a"])
        while "manual" not in audience.triggers:
            threading.Event().wait(0.01)
        may_end.set()
        assert turns.next().trigger == "manual"
        assert audience.answers.get(timeout=5) == at


def test_what_a_reading_brought_that_was_on_its_way_is_waited_for_too(tmp_path: Path) -> None:
    """The next reading, for which one asks, brings nothing new, and is there before the turn of that is over."""
    said, audience, reads = directives(tmp_path), FakeAudience(), threading.Event()
    comes, may_end = threading.Event(), threading.Event()

    class Slow(FakeDesires):
        def newest(self) -> Reading:
            if self.asked == 1:
                reads.set()
                assert comes.wait(5)
            return super().newest()

    def slow(turn: Turn) -> Report:
        assert turn.stacks[0] != B or may_end.wait(5)
        return synced(turn)

    desires, turns = Slow(reading(A)), FakeTurns(slow)
    loop = make_loop(desires, turns, audience, directives=said)
    with running(loop):
        turns.next()
        desires.answer = reading(A, B, revision="b" * 40)
        loop.wake(AskSource("git"))
        assert reads.wait(5)
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


# --- stacks that wait for others --------------------------------------------------------------------------------------


def behind(name: str, *others: str, content: str = "1") -> Stack:
    return replace(stack(name, content * 40, content), after=others)


class Ordered:
    """A host on which `db` has the health that is said here, and a loop to whose stacks `c` after `b` after `db` comes
    new content."""

    def __init__(self, home: Path, *, last_good: bool) -> None:
        self.health, self.failing = Health.PROGRESSING, False
        self.said, self.audience, self.turns = directives(home), FakeAudience(), FakeTurns(self.react)
        known = {name: behind(name, after) for name, after in (("b", "db"), ("c", "b"))} if last_good else {}
        first = reading(stack("db"), *known.values()) if known else reading(stack("db"))
        self.desires = FakeDesires(first, good=known)

    def react(self, turn: Turn) -> Report:
        if turn.scope.stacks != {"db"}:
            return replace(synced(turn), health=Health.HEALTHY)
        return failed(turn) if self.failing else replace(synced(turn), health=self.health)

    def push_and_ask(self, *stacks: str) -> float:
        news = (behind("b", "db", content="2"), behind("c", "b", content="2"))
        self.desires.answer = reading(stack("db", "2" * 40, "2"), *news, revision="2" * 40)
        return self.said.ask(stacks or [HOST])

    def await_new(self, name: str) -> None:
        while self.turns.next().stacks[0] != stack(name, "2" * 40, "2"):
            pass

    @property
    def has_answered(self) -> bool:
        threading.Event().wait(0.2)
        return not self.audience.answers.empty()


@pytest.mark.parametrize("last_good", [True, False], ids=["and runs", "and is not known yet"])
def test_a_stack_that_waits_for_others_is_waited_for(tmp_path: Path, last_good: bool) -> None:
    ordered = Ordered(tmp_path, last_good=last_good)
    with running(make_loop(ordered.desires, ordered.turns, ordered.audience, directives=ordered.said)) as loop:
        ordered.turns.next()
        at = ordered.push_and_ask()
        ordered.await_new("db")
        assert not ordered.has_answered
        ordered.health = Health.HEALTHY
        loop.wake(LookAt("event", stack="db"))
        assert ordered.audience.answers.get(timeout=5) == at
        reported = {report.stack: report for report in ordered.audience.reported_so_far()}
    assert {(name, one.failure) for name, one in reported.items()} == {("db", None), ("b", None), ("c", None)}
    assert {one.revision.id for one in reported.values() if one.revision} == {"2" * 40}


@pytest.mark.parametrize(
    ("why", "last_good"),
    [("it fails", True), ("it fails", False), ("it is suspended", True), ("it is ill", True)],
    ids=["it fails", "it fails, and nothing is known yet of the other", "it is suspended", "it is ill"],
)
def test_a_stack_that_waits_for_one_that_does_not_get_on_is_not_waited_for(
    tmp_path: Path, why: str, last_good: bool
) -> None:
    ordered = Ordered(tmp_path, last_good=last_good)
    with running(make_loop(ordered.desires, ordered.turns, ordered.audience, directives=ordered.said)) as loop:
        ordered.turns.next()
        at = ordered.push_and_ask()
        ordered.await_new("db")
        assert not ordered.has_answered
        match why:
            case "it fails":
                ordered.failing = True
            case "it is suspended":
                ordered.said.suspend("db", "why", None)
            case _:
                ordered.health = Health.DEGRADED
        loop.wake(LookAt("event", stack="db"))
        assert ordered.audience.answers.get(timeout=5) == at
        waits = [one.failure.reason for one in ordered.audience.reported_so_far() if one.stack == "c" and one.failure]
    assert waits[-1] == "WaitsForStack"


def test_who_asks_for_another_stack_waits_for_none_that_waits(tmp_path: Path) -> None:
    ordered = Ordered(tmp_path, last_good=True)
    with running(make_loop(ordered.desires, ordered.turns, ordered.audience, directives=ordered.said)):
        ordered.turns.next()
        at = ordered.push_and_ask("db")
        assert ordered.audience.answers.get(timeout=5) == at
