"""The loop looks when it should, at what it should, and no more often than that."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from agent.errors import Refused, Unreachable
from agent.handling import Handling, OnFailure, Rollout
from agent.host_ports import HostPort
from agent.loop import Loop
from agent.model import Action, Cause, Change, Failure, Health, Key, Outcome, Plan, Report, Resource, Result, Status
from agent.ports import AskSource, LookAt, Rhythm
from agent.reconcile import Turn
from agent.rollout import START_TIMEOUT
from tests.loop.fakes import (
    FAST,
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

TraceFunction = Callable[[FrameType, str, Any], Any]
STANDING = 1000.0  # seconds, of a clock that stands: what waits for a time to pass waits for ever
BROKEN = Failure("ConfigInvalid", "stacks/web/compose.yaml:3:5: no")


def test_each_stack_has_a_turn_of_its_own_when_the_source_is_first_read() -> None:
    turns = FakeTurns()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, FakeAudience())):
        scopes = {turns.next().scope.stacks, turns.next().scope.stacks}
        assert turns.nothing_more()
    assert scopes == {frozenset({"a"}), frozenset({"b"})}


def test_a_converged_stack_is_accepted_at_its_revision_once() -> None:
    desires, turns = FakeDesires(reading(stack("a"))), FakeTurns()
    with running(make_loop(desires, turns, FakeAudience())) as loop:
        turns.next()
        loop.wake(LookAt("manual"))
        turns.next()
    assert desires.accepted == [("a", "a" * 40)]


def test_an_event_concerns_only_the_stack_that_wants_the_object() -> None:
    turns = FakeTurns()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, FakeAudience())) as loop:
        turns.next(), turns.next()
        loop.wake(LookAt("event", keys=frozenset({Key("container", "b-web-1")})))
        assert turns.next().scope.stacks == {"b"}
        loop.wake(LookAt("event", keys=frozenset({Key("container", "somebody-elses")})))
        loop.wake(LookAt("event", stack="c"))
        loop.wake(LookAt("event", keys=frozenset({Key("network", "bridge")}), id="somebody's"))
        assert turns.nothing_more()


def test_an_event_of_a_strangers_network_concerns_the_stack_that_has_the_container() -> None:
    turns = FakeTurns(lambda turn: replace(synced(turn), ids=frozenset({f"id-{turn.stacks[0].name}"})))
    audience = FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience)) as loop:
        turns.next(), turns.next()
        audience.reports.get(timeout=5), audience.reports.get(timeout=5)
        loop.wake(LookAt("event", keys=frozenset({Key("network", "bridge")}), id="id-b"))
        assert turns.next().scope.stacks == {"b"}
        assert turns.nothing_more()


def test_a_start_that_hung_and_comes_about_is_looked_at_at_once() -> None:
    """The pause after the failure never passes, and what else happens does not cut it short."""
    hung = refused(Key("container", "a-web-1"), START_TIMEOUT)
    turns, audience = FakeTurns(lambda turn: failed(turn, START_TIMEOUT, (hung,))), FakeAudience()
    loop = make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: STANDING)
    with running(loop):
        turns.next()
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a"))
        loop.wake(LookAt("event", stack="a", started="a-web-1.old"))
        assert turns.nothing_more()
        for name in ("a-web-1", "a-web-1.next"):
            loop.wake(LookAt("event", stack="a", started=name))
            turns.next()
            audience.reports.get(timeout=5)
        assert turns.nothing_more()


def test_many_triggers_for_a_busy_stack_make_one_more_turn() -> None:
    may_end = threading.Event()

    def slow(turn: Turn) -> Report:
        assert may_end.wait(5)
        return synced(turn)

    turns = FakeTurns(slow)
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())) as loop:
        turns.next()
        for _ in range(20):
            loop.wake(LookAt("event", stack="a"))
        may_end.set()
        turns.next()
        assert turns.nothing_more()


def test_a_turn_knows_which_ports_the_other_stacks_are_to_have() -> None:
    turns, port = FakeTurns(), frozenset({HostPort(8080)})
    a, b = stack("a"), stack("b")
    b = replace(b, resources=tuple(replace(one, ports=port) for one in b.resources))
    with running(make_loop(FakeDesires(reading(a, b)), turns, FakeAudience())):
        taken = {turn.stacks[0].name: turn for turn in (turns.next(), turns.next())}
    assert taken["a"].demands == {Key("container", "b-web-1"): port}
    assert taken["b"].demands == {}


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


def test_what_is_overtaken_is_looked_at_again_at_once_but_only_once() -> None:
    change = Change(0, Action.CREATE, Key("network", "a_front"), "a", Cause.COMMIT, "new")
    moved = (Outcome(change, Status.OVERTAKEN, "gone"),)
    turns = FakeTurns(lambda turn: replace(synced(turn), synced=False, outcomes=moved))
    audience = FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience)):
        assert [turns.next().trigger, turns.next().trigger] == ["git", "retry"]
        assert turns.nothing_more(0.4)
        assert turns.next().trigger == "retry"
        told = [audience.reports.get(timeout=5) for _ in range(3)]
    expected = Failure("Overtaken", "create network/a_front, again and again: gone")
    assert audience.triggers == ["git", "retry", "retry"]
    assert [one.failure for one in told] == [None, None, expected], "by then the world does not move any more"
    assert (told[-1].result, told[-1].synced) == (Result.ERROR, False)


def test_once_ends_though_a_stack_is_overtaken_again_and_again() -> None:
    change = Change(0, Action.CREATE, Key("network", "a_front"), "a", Cause.COMMIT, "new")
    moved = (Outcome(change, Status.OVERTAKEN, "gone"),)
    turns = FakeTurns(lambda turn: replace(synced(turn), synced=False, outcomes=moved))
    (report,) = make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience()).run(once=True)
    assert report.failure is not None


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


WEB = Key("container", "a-web-1")


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


def test_new_content_is_told_as_why_a_turn_is_taken_that_something_else_had_made_due() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience()
    rhythm = replace(FAST, settle=3600)
    with running(make_loop(desires, turns, audience, rhythm)) as loop:
        turns.next()
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a"))
        desires.answer = reading(stack("a", "b" * 40, "2"), revision="b" * 40)
        loop.wake(AskSource("file"))
        turn = turns.next()
        assert (turn.trigger, turn.stacks[0].revision.id) == ("git", "b" * 40)
    assert audience.triggers == ["git", "event", "file", "git"]


def test_who_asked_by_hand_is_told_of_that_turn_although_it_takes_up_new_content() -> None:
    began, may_end = threading.Event(), threading.Event()

    def react(turn: Turn) -> Report:
        began.set()
        assert may_end.wait(5)
        return synced(turn)

    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(react), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        assert began.wait(5)
        loop.wake(LookAt("manual", stack="a"))
        audience.sources.get(timeout=5)
        desires.answer = reading(stack("a", "b" * 40, "2"), revision="b" * 40)
        loop.wake(AskSource("file"))
        audience.sources.get(timeout=5)
        may_end.set()
        turns.next()
        assert turns.next().trigger == "manual"


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


def test_once_reads_the_source_and_gives_each_stack_one_turn() -> None:
    turns = FakeTurns(lambda turn: failed(turn) if turn.scope.stacks == {"b"} else synced(turn))
    loop = make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, FakeAudience())
    reports = loop.run(once=True)
    assert [(report.stack, report.synced) for report in reports] == [("a", True), ("b", False)]


def test_once_ends_when_the_source_is_away() -> None:
    loop = make_loop(FakeDesires(Unreachable("no route")), FakeTurns(), FakeAudience())
    assert loop.run(once=True) == ()
    assert loop.source_failure is not None


@pytest.mark.parametrize("due", ["poll", "resync"])
def test_the_source_is_polled_and_the_host_looked_at_without_any_trigger(due: str) -> None:
    rhythm = replace(FAST, **{due: 0.05})
    desires, turns = FakeDesires(reading(stack("a"))), FakeTurns()
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience, rhythm)):
        for expected in ("git", "interval", "interval"):
            if due == "poll":
                assert audience.sources.get(timeout=5)[1] is None
            else:
                assert turns.next().trigger == expected


def test_a_full_look_relies_on_nothing_that_was_seen_before() -> None:
    turns = FakeTurns()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience())) as loop:
        turns.next()
        loop.wake(LookAt("event", stack="a"))
        turns.next()
        assert turns.afresh == 0
        loop.wake(LookAt("manual"))
        turns.next()
        assert turns.afresh == 1
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, FakeAudience(), replace(FAST, resync=0.05))):
        for _ in range(3):
            turns.next()
    assert turns.afresh > 1


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
