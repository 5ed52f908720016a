"""The loop looks when it should, at what it should, and no more often than that."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from agent.errors import Unreachable
from agent.handling import Handling, Order, Rollout
from agent.host_ports import HostPort
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Key,
    Outcome,
    Report,
    Resource,
    Result,
    Status,
)
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from agent.rollout import START_TIMEOUT
from tests.loop.fakes import (
    FAST,
    STANDING,
    WEB,
    FakeAudience,
    FakeDesires,
    FakeTurns,
    failed,
    make_loop,
    reading,
    refused,
    running,
    stack,
    synced,
)


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
        loop.wake(LookAt("event", stack="a", started_name="a-web-1.old"))
        assert turns.nothing_more()
        for name in ("a-web-1", "a-web-1.next"):
            loop.wake(LookAt("event", stack="a", started_name=name))
            turns.next()
            audience.reports.get(timeout=5)
        assert turns.nothing_more()


def test_a_start_of_the_old_one_which_has_the_name_is_no_late_start_of_the_new_one() -> None:
    first = Resource(WEB, "a", {}, handling=Handling(rollout=Rollout(order=Order.START_FIRST)))
    hung = refused(first.key, START_TIMEOUT)
    hung = replace(hung, change=replace(hung.change, wanted=first))
    turns, audience = FakeTurns(lambda turn: failed(turn, START_TIMEOUT, (hung,))), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: STANDING)) as loop:
        turns.next()
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a", started_name="a-web-1"))
        assert turns.nothing_more()
        loop.wake(LookAt("event", stack="a", started_name="a-web-1.next"))
        turns.next()


def test_a_turn_knows_which_ports_the_other_stacks_are_to_have() -> None:
    turns, port = FakeTurns(), frozenset({HostPort(8080)})
    a, b = stack("a"), stack("b")
    b = replace(b, resources=tuple(replace(one, ports=port) for one in b.resources))
    with running(make_loop(FakeDesires(reading(a, b)), turns, FakeAudience())):
        taken = {turn.stacks[0].name: turn for turn in (turns.next(), turns.next())}
    assert taken["a"].demands == {Key("container", "b-web-1"): port}
    assert taken["b"].demands == {}


def test_a_turn_knows_what_the_other_stacks_are_to_make_as_well() -> None:
    turns = FakeTurns()
    shared = Resource(Key("network", "proxy"), "", {})
    made = {
        name: replace(one := stack(name), resources=(*one.resources, replace(shared, stack=name, external=external)))
        for name, external in (("a", False), ("b", False), ("c", True))
    }
    with running(make_loop(FakeDesires(reading(*made.values())), turns, FakeAudience())):
        taken = {turn.stacks[0].name: turn.claimed for turn in (turns.next() for _ in made)}
    assert taken == {"a": {shared.key: frozenset("b")}, "b": {shared.key: frozenset("a")}, "c": {}}


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


def test_new_content_is_told_as_why_a_turn_is_taken_that_something_else_had_made_due() -> None:
    desires, turns, audience = FakeDesires(reading(stack("a"))), FakeTurns(), FakeAudience()
    rhythm = replace(FAST, settle=3600)
    with running(make_loop(desires, turns, audience, rhythm)) as loop:
        first = turns.next()
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a"))
        desires.answer = reading(stack("a", "b" * 40, "2"), revision="b" * 40)
        loop.wake(AskSource("file"))
        turn = turns.next()
        assert (turn.trigger, turn.stacks[0].revision.id) == ("git", "b" * 40)
        assert (first.earlier, turn.earlier) == ("", first.stacks[0].revision.id)
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
