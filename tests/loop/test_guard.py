"""The loop says to each turn what else goes, and lets everything go only when that is meant."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from agent.directives import Directives
from agent.errors import Trouble
from agent.guard import Consent
from agent.model import Action, Cause, Change, Failure, Key, Plan, Report
from agent.planning import Removal
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from tests.loop.fakes import (
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

BROKEN = Failure("ConfigInvalid", "no")
ALL = Removal(frozenset({"a/web", "b/web"}), 2)


def test_a_turn_knows_what_is_wanted_in_the_other_stacks() -> None:
    desires = FakeDesires(reading(stack("a"), stack("b"), broken={"c": BROKEN}))
    turns = FakeTurns(host_stacks=frozenset({"a", "b", "c", "gone"}))
    with running(make_loop(desires, turns, FakeAudience())):
        turn = turns.next()
    assert turn.elsewhere == {"a": {"web"}, "b": {"web"}, "gone": frozenset()}, "of what is broken nothing is known"


def test_the_newest_commit_says_how_much_may_go() -> None:
    found = reading(stack("a"))
    revision = replace(found.snapshot.revision, allow_prune=3)
    turns = FakeTurns()
    with running(
        make_loop(
            FakeDesires(replace(found, snapshot=replace(found.snapshot, revision=revision))), turns, FakeAudience()
        )
    ):
        assert turns.next().consent == Consent(allowed=3, newest=revision.id)


def test_an_approval_is_heeded_at_once_by_the_stacks_that_wait_for_it(tmp_path: Path) -> None:
    said = Directives(tmp_path / "directives.json")
    held = Change(0, Action.HOLD, Key("container", "a-old"), "a", Cause.PRUNE, "much", code="PruneGuard")

    def react(turn: Turn) -> Report:
        if turn.stacks[0].name == "a" and not turn.consent.approved:
            return replace(failed(turn, "PruneGuard"), plan=Plan((held,)))
        return synced(turn)

    turns, audience = FakeTurns(react), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience, directives=said)):
        turns.next(), turns.next()
        audience.reports.get(timeout=5), audience.reports.get(timeout=5)
        said.approve("0123456789ab", 1e12)
        turn = turns.next()
        while not turn.consent.approved:  # it was just being tried again
            turn = turns.next()
        assert turn.stacks[0].name == "a"
        assert "approve" in audience.triggers
        assert turns.nothing_more()


def test_an_approval_is_heeded_at_once_though_the_turn_under_way_fails(tmp_path: Path) -> None:
    """The pause after that never passes."""
    said, audience, may_end = Directives(tmp_path / "directives.json"), FakeAudience(), threading.Event()
    held = Change(0, Action.HOLD, Key("container", "a-old"), "a", Cause.PRUNE, "much", code="PruneGuard")

    def react(turn: Turn) -> Report:
        if turn.trigger == "event":
            assert may_end.wait(5)
            return failed(turn)
        return replace(synced(turn), plan=Plan((held,)))

    turns = FakeTurns(react)
    loop = make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=lambda: STANDING, directives=said)
    with running(loop):
        turns.next(), audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="a"))
        turns.next()
        said.approve("0123456789ab", 1e12)
        while "approve" not in audience.triggers:
            threading.Event().wait(0.01)
        may_end.set()
        turn = turns.next()
    assert (turn.trigger, turn.consent.approved) == ("approve", frozenset({"0123456789ab"}))


def test_an_approval_is_heeded_at_once_though_the_turn_that_first_holds_it_is_under_way(tmp_path: Path) -> None:
    said, began, may_end = Directives(tmp_path / "directives.json"), threading.Event(), threading.Event()
    held = Change(0, Action.HOLD, Key("container", "a-old"), "a", Cause.PRUNE, "much", code="PruneGuard")

    def react(turn: Turn) -> Report:
        if turn.consent.approved:
            return synced(turn)
        began.set()
        assert may_end.wait(5)
        return replace(synced(turn), synced=False, waits=True, plan=Plan((held,)))

    turns, audience = FakeTurns(react), FakeAudience()
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, directives=said)):
        turns.next()
        assert began.wait(5)
        said.approve("0123456789ab", 1e12)
        while audience.sources.qsize() < 2:  # which is asked again for it
            threading.Event().wait(0.01)
        may_end.set()
        turn = turns.next()
        assert (turn.trigger, turn.consent.approved, turn.resumed) == ("approve", frozenset({"0123456789ab"}), False)
        assert turns.nothing_more()


def test_when_nothing_is_wanted_any_more_all_is_kept_until_just_that_is_approved(tmp_path: Path) -> None:
    said = Directives(tmp_path / "directives.json")
    desires: FakeDesires = FakeDesires(reading(stack("a"), stack("b")))
    turns, audience = FakeTurns(host_stacks=frozenset({"a", "b"})), FakeAudience()
    with running(make_loop(desires, turns, audience, directives=said)) as loop:
        turns.next(), turns.next()
        audience.sources.get(timeout=5)
        desires.answer = reading(revision="b" * 40)
        loop.wake(AskSource("manual"))
        failure = audience.sources.get(timeout=5)[1]
        assert failure is not None
        assert failure.reason == "EmptyDesiredState"
        assert f"windlass approve {ALL.hash}" in failure.message
        assert turns.nothing_more()
        said.approve("0123456789ab", 1e12)
        assert audience.sources.get(timeout=5)[1] == failure, "another hash"
        said.approve(ALL.hash, 1e12)
        assert {turn.stacks for turn in (turns.next(), turns.next())} == {()}
        assert {audience.gone.get(timeout=5), audience.gone.get(timeout=5)} == {"a", "b"}


def test_a_commit_that_wants_nothing_and_says_so_is_followed() -> None:
    empty = reading(revision="b" * 40)
    answer = replace(empty, snapshot=replace(empty.snapshot, revision=replace(empty.snapshot.revision, allow_prune=2)))
    desires, turns, audience = FakeDesires(answer), FakeTurns(host_stacks=frozenset({"a", "b"})), FakeAudience()
    with running(make_loop(desires, turns, audience)):
        assert {audience.gone.get(timeout=5), audience.gone.get(timeout=5)} == {"a", "b"}
    assert not isinstance(desires.answer, Trouble)
