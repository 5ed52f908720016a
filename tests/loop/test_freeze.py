"""In a freeze window what is new waits, and what runs is still put right."""

from __future__ import annotations

import threading
from dataclasses import replace

from agent.desired import Reading
from agent.freeze import Freeze, Freezes
from agent.model import Action, Cause, Change, Failure, Outcome, Report, Stack, Status
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from agent.rejections import content_of
from tests.loop.fakes import (
    FakeAudience,
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

NIGHT = Freezes((Freeze("0 22 * * *", 3600.0, "night", frozenset({"a"}), "UTC"),))
BEFORE, INSIDE, AFTER = 21 * 3600.0, 22.5 * 3600.0, 23 * 3600.0  # of the first day of the epoch


class Wall:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def frozen(found: Reading) -> Reading:
    return replace(found, freeze=NIGHT)


def new(*others: Stack) -> Reading:
    """The next commit, which changes what is wanted in `a`."""
    return frozen(reading(stack("a", "b" * 40, "2"), *others, revision="b" * 40))


def image_of(turn: Turn) -> str:
    return str(turn.stacks[0].resources[0].spec["body"]["Image"])


def test_new_content_waits_for_the_end_and_drift_is_healed_meanwhile() -> None:
    desires, turns, audience = FakeDesires(frozen(reading(stack("a")))), FakeTurns(), FakeAudience()
    wall = Wall(BEFORE)
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        assert image_of(turns.next()) == "1"
        assert audience.reports.get(timeout=5).synced
        wall.now, desires.answer = INSIDE, new()
        loop.wake(AskSource("manual"))
        told = audience.reports.get(timeout=5)
        assert (told.synced, told.failure, told.result) == (False, None, "noop")
        assert told.suspended.frozen is not None
        assert (told.suspended.frozen.reason, told.suspended.frozen.until) == ("night", AFTER)
        loop.wake(LookAt("event", stack="a"))
        assert image_of(turns.next()) == "1", "what runs is still put right"
        healed = audience.reports.get(timeout=5)
        assert (healed.synced, bool(healed.suspended.frozen)) == (False, True)
        assert turns.nothing_more()
        wall.now = AFTER
        assert image_of(turns.next()) == "2"
        done = audience.reports.get(timeout=5)
        assert (done.synced, bool(done.suspended)) == (True, False)


def test_the_other_stacks_and_what_is_not_changed_go_on() -> None:
    desires, turns, wall = FakeDesires(frozen(reading(stack("a"), stack("b")))), FakeTurns(), Wall(BEFORE)
    with running(make_loop(desires, turns, FakeAudience(), wall=wall)) as loop:
        turns.next(), turns.next()
        wall.now = INSIDE
        desires.answer = frozen(
            reading(stack("a", "b" * 40), stack("b", "b" * 40, "2"), revision="b" * 40),
        )
        loop.wake(AskSource("manual"))
        taken = {turn.stacks[0].name: turn for turn in (turns.next(), turns.next())}
        assert (taken["a"].stacks[0].revision.id, image_of(taken["b"])) == ("b" * 40, "2")


def test_a_commit_that_lifts_the_freeze_is_followed_at_once() -> None:
    desires, turns, wall = FakeDesires(frozen(reading(stack("a")))), FakeTurns(), Wall(BEFORE)
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        turns.next()
        wall.now, desires.answer = INSIDE, new()
        loop.wake(AskSource("manual"))
        audience.reports.get(timeout=5), audience.reports.get(timeout=5)
        desires.answer = replace(new(), freeze=Freezes(), snapshot=reading(revision="c" * 40).snapshot)
        loop.wake(AskSource("manual"))
        assert image_of(turns.next()) == "2"


def test_a_stack_that_leaves_stays_until_the_end() -> None:
    desires, turns, wall = FakeDesires(frozen(reading(stack("a"), stack("b")))), FakeTurns(), Wall(BEFORE)
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        turns.next(), turns.next()
        wall.now, desires.answer = INSIDE, frozen(reading(stack("b"), revision="b" * 40))
        loop.wake(AskSource("manual"))
        assert turns.next().stacks[0].name == "b"
        loop.wake(LookAt("event", stack="a"))
        assert turns.next().stacks[0].name == "a", "it is still healed"
        assert audience.gone.empty()
        wall.now = AFTER
        assert turns.next().stacks == ()
        assert audience.gone.get(timeout=5) == "a"
        assert turns.nothing_more()


def test_an_agent_that_starts_in_a_window_heals_the_last_good_content() -> None:
    desires = FakeDesires(new(), good={"a": stack("a")})
    turns, wall = FakeTurns(host_stacks=frozenset({"a"})), Wall(INSIDE)
    with running(make_loop(desires, turns, FakeAudience(), wall=wall)):
        assert image_of(turns.next()) == "1"
        wall.now = AFTER
        assert image_of(turns.next()) == "2"


class Slow(FakeDesires):
    """Takes until within the window to read."""

    def newest(self) -> Reading:
        self.wall.now = INSIDE
        return super().newest()

    wall = Wall(BEFORE)


def test_a_window_that_opens_while_the_source_is_first_read_keeps_nothing_from_being_healed() -> None:
    desires = Slow(new(), good={"a": stack("a")})
    turns = FakeTurns(host_stacks=frozenset({"a"}))
    with running(make_loop(desires, turns, FakeAudience(), wall=desires.wall)):
        assert image_of(turns.next()) == "1"


def test_where_no_good_content_is_known_nothing_is_touched_until_the_end() -> None:
    desires = FakeDesires(frozen(reading(stack("a"))))
    turns, wall = FakeTurns(host_stacks=frozenset({"a"})), Wall(INSIDE)
    with running(make_loop(desires, turns, FakeAudience(), wall=wall)) as loop:
        loop.wake(LookAt("manual"))
        assert turns.nothing_more()
        wall.now = AFTER
        assert image_of(turns.next()) == "1"


def test_a_stack_that_left_while_no_agent_ran_is_not_pruned_in_a_window() -> None:
    desires = FakeDesires(frozen(reading(stack("b"))))
    turns, wall = FakeTurns(host_stacks=frozenset({"a", "b"})), Wall(INSIDE)
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        assert turns.next().stacks[0].name == "b"
        loop.wake(LookAt("manual"))
        assert turns.next().stacks[0].name == "b"
        assert turns.nothing_more()
        wall.now = AFTER
        assert audience.gone.get(timeout=5) == "a"


def test_broken_content_is_told_as_such_in_a_window_too() -> None:
    desires, turns, wall = FakeDesires(frozen(reading(stack("a")))), FakeTurns(), Wall(BEFORE)
    audience = FakeAudience()
    broken = Failure("ConfigInvalid", "no")
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        turns.next()
        audience.reports.get(timeout=5)
        wall.now, desires.answer = INSIDE, new()
        loop.wake(AskSource("manual"))
        assert audience.reports.get(timeout=5).suspended.frozen
        desires.answer = frozen(reading(revision="c" * 40, broken={"a": broken}))
        loop.wake(AskSource("manual"))
        told: Report = audience.reports.get(timeout=5)
        assert (told.failure, told.suspended.frozen) == (broken, None)


def test_once_ends_though_content_waits() -> None:
    turns = FakeTurns(host_stacks=frozenset({"a"}))
    loop = make_loop(FakeDesires(new(), good={"a": stack("a")}), turns, FakeAudience(), wall=Wall(INSIDE))
    (report,) = loop.run(once=True)
    assert (report.synced, image_of(turns.next())) == (False, "1")


def test_what_a_stack_went_back_to_is_nothing_new_because_newer_content_waits() -> None:
    good, bad = stack("a"), stack("a", "b" * 40, "bad")

    def crashes(turn: Turn) -> Report:
        no_good = Outcome(
            Change(0, Action.REPLACE, bad.resources[0].key, "a", Cause.COMMIT, "new", wanted=bad.resources[0]),
            Status.FAILED, "no", "CrashOnStart",
        )  # fmt: skip
        return failed(turn, "CrashOnStart", (no_good,)) if turn.stacks == (bad,) else synced(turn)

    desires, wall = FakeDesires(frozen(reading(bad, revision="b" * 40)), good={"a": good}), Wall(BEFORE)
    turns, audience = FakeTurns(crashes), FakeAudience()
    with running(make_loop(desires, turns, audience, wall=wall)) as loop:
        assert turns.next().stacks == (bad,)
        back = turns.next()
        wall.now, desires.answer = INSIDE, frozen(reading(stack("a", "c" * 40, "3"), revision="c" * 40))
        loop.wake(AskSource("manual"))
        while not audience.reports.get(timeout=5).suspended.frozen:
            pass
        loop.wake(LookAt("event", stack="a"))
        inside = turns.next()
        assert (inside.stacks, inside.fallback, inside.gone_back) == ((good,), True, True)
        assert inside.rejected == back.rejected == content_of(bad)
        wall.now = AFTER
        after = turns.next()
        assert (image_of(after), after.fallback, after.gone_back, after.rejected) == ("3", False, False, "")


def test_an_agent_that_starts_in_a_window_runs_no_hook_of_what_was_good_again() -> None:
    desires = FakeDesires(new(), good={"a": stack("a")})
    turns = FakeTurns(host_stacks=frozenset({"a"}))
    with running(make_loop(desires, turns, FakeAudience(), wall=Wall(INSIDE))):
        turn = turns.next()
    assert (turn.fallback, turn.gone_back, turn.rejected) == (True, True, "")


def test_once_ends_though_a_stack_that_left_waits_for_the_end_of_a_window_and_is_looked_at_meanwhile() -> None:
    """Nothing is known of it, so there is nothing to converge it to until then."""
    turns, may_end = FakeTurns(host_stacks=frozenset({"a", "b"})), threading.Event()

    def slow(turn: Turn) -> Report:
        loop.wake(LookAt("event", stack="a"))
        assert may_end.wait(5)
        return synced(turn)

    turns.react = slow
    loop = make_loop(FakeDesires(frozen(reading(stack("b")))), turns, FakeAudience(), wall=Wall(INSIDE))
    threading.Timer(0.3, may_end.set).start()
    with ended_by(loop, 8.0):
        (report, *_) = loop.run(once=True)
    assert report.stack == "b"
    assert not loop.stopping
