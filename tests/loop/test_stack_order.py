"""New content of a stack waits for the stacks that it names, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.loop import Loop
from agent.model import Failure, Health, Report, Result, Revision, ServiceState, Stack
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from tests.loop.fakes import (
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    ended_by,
    failed,
    make_loop,
    reading,
    running,
    stack,
    synced,
)

WEB = replace(stack("web"), after=("zdb",))


def test_it_waits_until_the_other_one_is_healthy() -> None:
    healths = [Health.PROGRESSING, Health.HEALTHY]

    def react(turn: Turn) -> Report:
        return replace(synced(turn), health=healths[0] if turn.scope.stacks == {"zdb"} else Health.HEALTHY)

    turns, audience = FakeTurns(react), FakeAudience()
    with running(make_loop(FakeDesires(reading(WEB, stack("zdb"))), turns, audience)) as loop:
        assert turns.next().scope.stacks == {"zdb"}
        assert turns.nothing_more(), "web waits"
        healths.pop(0)
        loop.wake(LookAt("event", stack="zdb"))
        assert turns.next().scope.stacks == {"zdb"}
        assert turns.next().scope.stacks == {"web"}
    waiting = audience.reports.get(timeout=5)
    said = Failure("WaitsForStack", "new content waits for zdb to be synced and healthy")  # the words of the status
    assert (waiting.stack, waiting.failure) == ("web", said)
    assert (waiting.waits, waiting.result) == (True, Result.NOOP), "nothing went wrong"


def test_what_runs_is_healed_meanwhile() -> None:
    ill = {"zdb": False}

    def react(turn: Turn) -> Report:
        bad = turn.scope.stacks == {"zdb"} and ill["zdb"]
        return failed(turn) if bad else replace(synced(turn), health=Health.HEALTHY)

    desires, turns = FakeDesires(reading(WEB, stack("zdb"))), FakeTurns(react)
    with running(make_loop(desires, turns, FakeAudience())) as loop:
        assert {turns.next().scope.stacks, turns.next().scope.stacks} == {frozenset({"zdb"}), frozenset({"web"})}
        ill["zdb"] = True
        newer = replace(stack("web", "b" * 40, "2"), after=("zdb",))
        desires.answer = reading(newer, stack("zdb", "b" * 40, "2"), revision="b" * 40)
        loop.wake(AskSource("git"))
        assert turns.next().scope.stacks == {"zdb"}
        loop.wake(LookAt("event", stack="web"))
        assert wanted(turns) == WEB, "the old content goes on"
        ill["zdb"] = False
        loop.wake(LookAt("manual", stack="zdb"))
        while (now := wanted(turns)) != newer:
            assert now.name == "zdb"


def test_what_runs_is_healed_by_the_next_agent_too_and_new_content_waits() -> None:
    def react(turn: Turn) -> Report:
        ill = turn.scope.stacks == {"zdb"}
        return failed(turn) if ill else replace(synced(turn), health=Health.HEALTHY)

    newer = replace(stack("web", "b" * 40, "2"), after=("zdb",))
    for now, good, proved in ((WEB, WEB, False), (newer, WEB, True)):
        turns, audience = FakeTurns(react), FakeAudience()
        with running(make_loop(FakeDesires(reading(now, stack("zdb")), good={"web": good}), turns, audience)):
            first = {turn.stacks[0].name: turn for turn in (turns.next(), turns.next())}
            assert (first["web"].stacks[0], first["web"].fallback) == (good, proved)


@pytest.mark.parametrize("leaves_again", [False, True])
def test_what_comes_back_while_it_is_removed_is_not_forgotten(leaves_again: bool) -> None:
    may_end, healths = threading.Event(), [Health.HEALTHY]

    def react(turn: Turn) -> Report:
        if not turn.stacks:
            assert may_end.wait(5)
        return replace(synced(turn), health=healths[0] if turn.scope.stacks == {"zdb"} else Health.HEALTHY)

    def push(revision: str, *others: Stack) -> None:
        desires.answer = reading(*others, stack("zdb", revision * 40), revision=revision * 40)
        loop.wake(AskSource("git"))

    desires, turns, audience = FakeDesires(reading(WEB, stack("zdb"))), FakeTurns(react), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        assert [turns.next().stacks[0].name, turns.next().stacks[0].name] == ["zdb", "web"]
        healths[0] = Health.PROGRESSING
        push("b")
        assert [turn.scope.stacks for turn in (turns.next(), turns.next()) if not turn.stacks] == [{"web"}]
        push("c", replace(WEB, revision=Revision("c" * 40)))
        assert wanted(turns).name == "zdb"
        may_end.set()
        assert turns.nothing_more(), "it waits for the other one"
        if leaves_again:
            push("d")
            assert [turn.scope.stacks for turn in (turns.next(), turns.next()) if not turn.stacks] == [{"web"}]
            assert audience.gone.get(timeout=5) == "web"
        healths[0] = Health.HEALTHY
        loop.wake(LookAt("event", stack="zdb"))
        assert wanted(turns).name == "zdb"
        if not leaves_again:
            assert wanted(turns).revision.id == "c" * 40
        assert turns.nothing_more()
    assert audience.gone.empty()


@contextmanager
def web_waits_for_zdb() -> Iterator[tuple[Loop, FakeDesires, FakeTurns, FakeAudience]]:
    """By a second revision; the other one gets no healthier."""
    desires, audience = FakeDesires(reading(stack("web"), stack("zdb"))), FakeAudience()
    turns = FakeTurns(lambda turn: replace(synced(turn), health=Health.PROGRESSING))
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next(), turns.next()
        desires.answer = reading(replace(stack("web", "b" * 40, "2"), after=("zdb",)), stack("zdb"), revision="b" * 40)
        loop.wake(AskSource("git"))
        assert turns.next().scope.stacks == {"zdb"}
        yield loop, desires, turns, audience


def test_what_is_broken_by_now_may_have_waited_for_what_is_to_wait_for_it() -> None:
    with web_waits_for_zdb() as (loop, desires, turns, audience):
        newest, broken = replace(stack("zdb", "c" * 40, "3"), after=("web",)), {"web": Failure("ConfigInvalid", "no")}
        desires.answer = reading(newest, revision="c" * 40, broken=broken)
        loop.wake(AskSource("git"))
        while desires.asked < 3:
            threading.Event().wait(0.01)
        loop.wake(LookAt("manual", stack="web"))
        assert turns.next().stacks == (stack("web"),), "it is kept as it was"
        assert turns.nothing_more()
    last = {report.stack: report.failure and report.failure.reason for report in audience.reported_so_far()}
    assert last == {"web": "ConfigInvalid", "zdb": "WaitsForStack"}


def test_it_waits_for_one_that_the_same_commit_breaks() -> None:
    """Healthy as that still is at what was good before: what is new may need what is new there."""
    desires, audience = FakeDesires(reading(stack("web"), stack("zdb"))), FakeAudience()
    turns = FakeTurns(lambda turn: replace(synced(turn), health=Health.HEALTHY))
    with running(make_loop(desires, turns, audience)) as loop:
        assert {audience.reports.get(timeout=5).synced, audience.reports.get(timeout=5).synced} == {True}
        newer = replace(stack("web", "b" * 40, "2"), after=("zdb",))
        desires.answer = reading(newer, revision="b" * 40, broken={"zdb": Failure("ConfigInvalid", "no")})
        loop.wake(AskSource("git"))
        told = [audience.reports.get(timeout=5) for _ in range(2)]
        assert [one.failure and one.failure.reason for one in told] == ["ConfigInvalid", "WaitsForStack"]
        desires.answer = reading(replace(newer, revision=Revision("c" * 40)), stack("zdb", "c" * 40), revision="c" * 40)
        loop.wake(AskSource("git"))
        while wanted(turns).resources != newer.resources:
            pass


def test_stacks_of_different_readings_may_wait_for_one_another() -> None:
    """The older of the two has left the source by now, and is kept, for it may be hidden behind what is broken."""
    with web_waits_for_zdb() as (loop, desires, turns, _audience):
        newest = replace(stack("zdb", "c" * 40, "3"), after=("web",))
        broken = {"unknown": Failure("ConfigInvalid", "no")}
        desires.answer = reading(newest, stack("other"), revision="c" * 40, broken=broken)
        loop.wake(AskSource("git"))
        while turns.next().scope.stacks != {"other"}:
            pass


def test_once_does_not_wait_for_ever_for_a_health_that_does_not_come() -> None:
    """Nor does it give up before the time of that is over."""
    clock, services = FakeClock(), (ServiceState("db", 1, 0, Health.PROGRESSING, patience=900.0),)
    turns = FakeTurns(lambda turn: replace(synced(turn), health=Health.PROGRESSING, services=services))
    loop = make_loop(FakeDesires(reading(WEB, stack("zdb"))), turns, FakeAudience(), clock=clock)
    early = threading.Timer(0.3, lambda: setattr(clock, "ahead", 800.0))
    late = threading.Timer(0.9, lambda: setattr(clock, "ahead", 900.0))
    with ended_by(loop, 8.0):
        early.start()
        late.start()
        reports = loop.run(once=True)
        assert clock.ahead == 900.0
    assert [report.stack for report in reports] == ["zdb"]
    assert not loop.stopping


def wanted(turns: FakeTurns) -> Stack:
    return turns.next().stacks[0]
