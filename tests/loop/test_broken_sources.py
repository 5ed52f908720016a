"""What the loop does about stacks that are broken, that left, or whose source cannot be read."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agent.asking import Asking
from agent.errors import Refused, Unreachable
from agent.model import Action, Cause, Change, Failure, Health, Place, Plan, Problem, Report
from agent.ports import AskSource, LookAt, Rhythm
from agent.reconcile import Turn
from tests.loop.fakes import (
    BROKEN,
    WEB,
    FakeAudience,
    FakeDesires,
    FakeTurns,
    make_loop,
    reading,
    running,
    stack,
    synced,
)


def test_a_broken_stack_is_told_once_and_keeps_its_last_good_state() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next()
        assert audience.reports.get(timeout=5).synced
        desires.answer = reading(revision="b" * 40, broken={"a": BROKEN})
        loop.wake(AskSource("manual"))
        told = audience.reports.get(timeout=5)
        assert (told.failure, told.synced) == (BROKEN, False)
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().stacks[0].revision.id == "a" * 40
        healed = audience.reports.get(timeout=5)
        assert (healed.failure, healed.synced) == (BROKEN, False)
        loop.wake(AskSource("manual"))
        assert turns.nothing_more()
        assert audience.reports.empty()


def test_what_left_beside_something_unreadable_is_kept_and_says_why() -> None:
    """The broken one may be it, under another name."""
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next()
        assert audience.reports.get(timeout=5).synced
        desires.answer = reading(revision="b" * 40, broken={"new": BROKEN})
        loop.wake(AskSource("manual"))
        told = {one.stack: one.failure for one in (audience.reports.get(timeout=5) for _ in range(2))}
        assert told["new"] == BROKEN
        assert told["a"] is not None
        assert told["a"].reason == "MayBeHidden"
        assert "until new can be read" in told["a"].message
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().stacks[0].name == "a"
        desires.answer = reading(stack("new", "c" * 40), revision="c" * 40)
        loop.wake(AskSource("manual"))
        assert {turns.next().stacks == () for _ in range(2)} == {True, False}


def test_what_is_kept_takes_up_nothing_that_it_waited_for_and_is_told_once() -> None:
    """No commit wants that any more."""
    desires, audience = FakeDesires(reading(stack("a"), stack("b"))), FakeAudience()
    turns = FakeTurns(lambda turn: replace(synced(turn), health=Health.PROGRESSING))
    with running(make_loop(desires, turns, audience)) as loop:
        assert {audience.reports.get(timeout=5).stack for _ in range(2)} == {"a", "b"}
        waiting = replace(stack("a", "b" * 40, "2"), after=("b",))
        desires.answer = reading(waiting, stack("b"), revision="b" * 40)
        loop.wake(AskSource("git"))
        until_told(audience, "WaitsForStack")
        desires.answer = reading(stack("b"), revision="c" * 40, broken={"new": BROKEN})
        loop.wake(AskSource("git"))
        until_told(audience, "MayBeHidden")
        loop.wake(AskSource("git"))  # the same once more
        while not turns.nothing_more():
            pass
        told = [one.failure and one.failure.reason for one in audience.reported_so_far() if one.stack == "a"]
        assert not told
        turns.react = lambda turn: replace(synced(turn), health=Health.HEALTHY)
        loop.wake(LookAt("event", stack="b"))
        assert turns.next().scope.stacks == {"b"}
        assert turns.nothing_more()
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().stacks == (stack("a"),)


def until_told(audience: FakeAudience, reason: str) -> None:
    while (failure := audience.reports.get(timeout=5).failure) is None or failure.reason != reason:
        pass


def test_what_may_be_hidden_is_healed_by_the_next_agent_too() -> None:
    desires = FakeDesires(reading(broken={"new": BROKEN}), good={"a": stack("a")})
    turns = FakeTurns(host_stacks=frozenset({"a"}))
    with running(make_loop(desires, turns, FakeAudience())):
        assert turns.next().stacks == (stack("a"),)


CLOSED = Problem(Place("stacks/a"), "the directory cannot be read (Permission denied)", hint="let windlass read it")


def test_what_may_lie_in_a_directory_that_cannot_be_read_is_kept_and_says_where() -> None:
    """Be it that an earlier agent could read it."""
    desires = FakeDesires(replace(reading(stack("b")), unread=(CLOSED,)), good={"a": stack("a")})
    turns, audience = FakeTurns(host_stacks=frozenset({"a", "old"})), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        assert {turns.next().stacks[0].name for _ in range(2)} == {"a", "b"}, "nothing is done about what nobody knows"
        told = {one.stack: one.failure for one in (audience.reports.get(timeout=5) for _ in range(4)) if one.failure}
        assert {name: why.reason for name, why in told.items()} == {"a": "MayBeHidden", "old": "MayBeHidden"}
        assert "until the agent may read stacks/a, where it may lie (let windlass read it)" in told["old"].message
        desires.answer = reading(stack("b"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        let_go = {turn.scope.stacks for turn in (turns.next() for _ in range(3)) if not turn.stacks}
        assert let_go == {frozenset({"a"}), frozenset({"old"})}, "now it is seen that they are gone"


def test_where_nothing_can_be_read_nothing_is_removed_and_the_directory_is_named() -> None:
    turns, audience = FakeTurns(host_stacks=frozenset({"a"})), FakeAudience()
    with running(make_loop(FakeDesires(replace(reading(), unread=(CLOSED,))), turns, audience)):
        _, failure, _ = audience.sources.get(timeout=5)
        assert failure is not None
        assert failure.reason == "DirectoryUnreadable"
        assert "stacks/a:1:1: the directory cannot be read (Permission denied)" in failure.message
        assert turns.nothing_more()


def test_what_was_broken_from_the_beginning_is_forgotten_when_it_leaves_beside_something_unreadable() -> None:
    desires, turns, audience = FakeDesires(reading(broken={"a": BROKEN})), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        audience.reports.get(timeout=5)
        desires.answer = reading(revision="b" * 40, broken={"new": BROKEN})
        loop.wake(AskSource("manual"))
        assert audience.gone.get(timeout=5) == "a"


def test_a_mended_stack_follows_the_source_again() -> None:
    desires, turns, audience = FakeDesires(reading(broken={"a": BROKEN})), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        assert audience.reports.get(timeout=5).failure == BROKEN
        desires.answer = reading(stack("a"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        assert turns.next().stacks[0].name == "a"
        assert audience.reports.get(timeout=5).failure is None


def test_a_stack_that_is_broken_at_the_start_is_kept_as_it_last_converged() -> None:
    desires = FakeDesires(reading(broken={"a": BROKEN}), good={"a": stack("a", "9" * 40)})
    turns = FakeTurns()
    with running(make_loop(desires, turns, FakeAudience())):
        assert turns.next().stacks[0].revision.id == "9" * 40


def test_a_stack_that_was_never_good_is_left_alone() -> None:
    turns = FakeTurns(host_stacks=frozenset({"a"}))
    with running(make_loop(FakeDesires(reading(broken={"a": BROKEN})), turns, FakeAudience())) as loop:
        loop.wake(LookAt("interval"))
        assert turns.nothing_more()


def test_what_is_known_is_healed_while_the_source_is_away() -> None:
    desires = FakeDesires(Unreachable("no route", reason="GitFetchFailed"), known=reading(stack("a")))
    turns, audience = FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)):
        assert turns.next().stacks[0].name == "a"
        _, failure, _ = audience.sources.get(timeout=5)
        assert failure is not None
        assert failure.reason == "GitFetchFailed"


def test_a_source_that_is_away_is_asked_again_soon_but_not_with_a_refused_credential() -> None:
    waits = {}
    for reason in ("GitFetchFailed", "GitAuthFailed"):
        audience = FakeAudience()
        with running(make_loop(FakeDesires(Refused("no", reason=reason)), FakeTurns(), audience)):
            waits[reason] = audience.sources.get(timeout=5)[2]
    assert waits["GitFetchFailed"] < 2
    assert waits["GitAuthFailed"] > 50


def test_a_refused_credential_is_never_tried_again_within_a_minute() -> None:
    def wait(seed: int) -> float:
        return Asking(lambda: 0.0, random.Random(seed), 60.0, 0.1).answered(Failure("GitAuthFailed", "no"))

    waits = [wait(seed) for seed in range(50)]
    assert 60 <= min(waits) < 61
    assert 65 < max(waits) <= 66


def test_the_engine_is_not_asked_for_what_a_source_that_is_away_cannot_prune() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        audience.sources.get(timeout=5)
        desires.answer = Unreachable("no route", reason="GitFetchFailed")
        turns.on_host = lambda: pytest.fail("asked")  # type: ignore[method-assign]
        loop.wake(AskSource("manual"))
        assert audience.sources.get(timeout=5)[1] == desires.answer.failure()


def test_polls_are_spread_around_the_interval_and_not_beyond_it() -> None:
    """Hosts that started together would ask their git server together for ever."""
    audience, rhythm = FakeAudience(), Rhythm(poll=100, resync=3600, jitter=0.1)
    waits = []
    with running(make_loop(FakeDesires(reading(stack("a"))), FakeTurns(), audience, rhythm)) as loop:
        for _ in range(60):
            waits.append(audience.sources.get(timeout=5)[2])
            loop.wake(AskSource("manual"))
    assert 90 <= min(waits) < 93
    assert 107 < max(waits) <= 110
    assert 97 < sum(waits) / len(waits) < 103


def test_an_empty_source_removes_nothing() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(host_stacks=frozenset({"a"})), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next()
        audience.sources.get(timeout=5)
        desires.answer = reading(revision="b" * 40)
        loop.wake(AskSource("manual"))
        _, failure, _ = audience.sources.get(timeout=5)
        assert failure is not None
        assert failure.reason == "EmptyDesiredState"
        assert "a is kept" in failure.message
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().stacks, "the last good state is still healed"


def test_a_stack_that_left_the_source_is_pruned_and_forgotten() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"), stack("b"))), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next(), turns.next()
        desires.answer = reading(stack("b"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        pruned = next(turn for turn in (turns.next(), turns.next()) if turn.scope.stacks == {"a"})
        assert pruned.stacks == ()
        assert audience.gone.get(timeout=5) == "a"
        assert desires.gone == ["a"], "should it come back, it is a new one"


def test_a_stack_that_left_the_source_is_known_as_long_as_a_process_of_it_runs_on() -> None:
    outlived = Failure("OrphanProcess", "container/a-web-1: process 4711 still runs")
    stays: list[Failure | None] = [outlived, outlived, None]

    def react(turn: Turn) -> Report:
        return replace(synced(turn), stays=None if turn.stacks else stays.pop(0))

    audience = FakeAudience()
    turns = FakeTurns(react, host_stacks=frozenset({"a", "b"}))
    with running(make_loop(FakeDesires(reading(stack("b"))), turns, audience)) as loop:
        reports = [audience.reports.get(timeout=5), audience.reports.get(timeout=5)]
        (told,) = (report for report in reports if report.stack == "a")
        assert (told.failure, told.synced) == (outlived, False)
        for _ in range(2):
            assert audience.gone.empty()
            loop.wake(LookAt("event", stack="a"))
            audience.reports.get(timeout=5)
        assert audience.gone.get(timeout=5) == "a"


def test_a_stack_that_left_the_source_is_told_of_while_pruning_is_off() -> None:
    kept = Change(0, Action.HOLD, WEB, "a", Cause.PRUNE, "pruning is off", code="PruneOff")
    turns, audience = FakeTurns(), FakeAudience()
    turns.react = lambda turn: synced(turn) if turn.stacks else replace(synced(turn), left=Plan((kept,)))
    desires = FakeDesires(reading(stack("a"), stack("b")))
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next(), turns.next()
        desires.answer = reading(stack("b"), revision="b" * 40)
        loop.wake(AskSource("manual"))
        while turns.next().stacks:
            pass
        while audience.reports.get(timeout=5).revision:
            pass
    assert audience.gone.empty()
    assert desires.gone == []


def test_what_an_earlier_process_left_of_a_stack_is_pruned() -> None:
    turns = FakeTurns(host_stacks=frozenset({"old"}))
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())):
        assert {turns.next().scope.stacks, turns.next().scope.stacks} == {frozenset({"a"}), frozenset({"old"})}
