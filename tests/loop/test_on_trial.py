"""Content is on trial until it has proved good, and what is no fault of its own gives it up late or never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import Unreachable
from agent.model import Action, Cause, Change, Failure, Health, Key, Outcome, Report, ServiceState, Status
from agent.ports import AskSource, LookAt
from agent.probation import UNTOLD
from agent.reconcile import Turn
from tests.loop.fakes import (
    NEW,
    OLD,
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    crash,
    make_loop,
    reading,
    running,
    synced,
)


def fails_for(reason: str, times: int) -> FakeTurns:
    """Turns in which the new content meets that so many times, in the same words, and is well after that."""
    left = [reason] * times

    def react(turn: Turn) -> Report:
        report = crash(turn)
        if report.failure is None or not left:
            return synced(turn)
        why, (outcome,) = left.pop(), report.outcomes
        return replace(
            report, failure=Failure(why, "no"), outcomes=(replace(outcome, reason=why, detail="in use already"),)
        )

    return FakeTurns(react)


def test_a_port_that_somebody_else_holds_gives_no_content_up() -> None:
    clock, desires = FakeClock(), FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD})
    turns, audience = fails_for("PortInUse", 4), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=clock)):
        for _ in range(4):
            assert turns.next().stacks[0] == NEW
            told = audience.reports.get(timeout=5)
            assert told.failure is not None
            assert told.failure.reason == "PortInUse"
            clock.ahead += 400  # what was interrupted in vain is let be for a while
        assert turns.next().stacks[0] == NEW
        assert audience.reports.get(timeout=5).synced
    assert not desires.rejected
    assert audience.backs.empty()


def test_what_an_engine_stumbles_over_is_tried_a_few_times_before_it_is_given_up() -> None:
    desires, turns = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), fails_for("EngineError", 9)
    audience, clock = FakeAudience(), FakeClock()
    with running(make_loop(desires, turns, audience, clock=clock)):
        for _ in range(3):
            assert turns.next().stacks[0] == NEW
            audience.reports.get(timeout=5)
            clock.ahead += 10
        assert turns.next().stacks[0] == OLD
    assert desires.rejected["web"][1].reason == "EngineError"


def test_what_an_engine_stumbled_over_twice_gets_through() -> None:
    desires, turns = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), fails_for("EngineError", 2)
    audience, clock = FakeAudience(), FakeClock()
    with running(make_loop(desires, turns, audience, clock=clock)):
        for _ in range(2):
            turns.next()
            assert not audience.reports.get(timeout=5).synced
            clock.ahead += 10
        assert turns.next().stacks[0] == NEW
        assert audience.reports.get(timeout=5).synced
    assert not desires.rejected


@pytest.mark.parametrize("known", [True, False], ids=["something is good", "nothing is good yet"])
def test_what_is_made_anew_is_accepted_when_it_has_proved_good_or_there_is_nothing_else(*, known: bool) -> None:
    clock = FakeClock()

    def made(turn: Turn) -> Report:
        (wanted,) = turn.stacks
        change = Change(
            0, Action.CREATE, Key("container", "web-web-1"), "web", Cause.COMMIT, "new", wanted=wanted.resources[0]
        )
        outcomes = (Outcome(change, Status.DONE),) if turn.trigger == "git" else ()
        return replace(synced(turn), outcomes=outcomes, services=(ServiceState("web", 1, 1, Health.HEALTHY),))

    desires = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD} if known else {})
    turns = FakeTurns(made)
    with running(make_loop(desires, turns, FakeAudience(), clock=clock)):
        turns.next()
        assert turns.nothing_more()
        assert desires.accepted == ([] if known else [("web", "b" * 40)])
        clock.ahead += 6
        assert turns.next().trigger == "trial"
        assert turns.nothing_more()
    assert set(desires.accepted) == {("web", "b" * 40)}


def test_while_nobody_can_tell_what_was_good_nothing_unproved_takes_its_place_and_later_it_is_gone_back_to() -> None:
    clock = FakeClock()

    def ill(turn: Turn) -> Report:
        health = Health.HEALTHY if turn.stacks[0] == OLD else Health.DEGRADED if clock.ahead else Health.PROGRESSING
        change = Change(0, Action.CREATE, Key("container", "web-web-1"), "web", Cause.COMMIT, "new")
        change = replace(change, wanted=turn.stacks[0].resources[0])
        outcomes = (Outcome(change, Status.DONE),) if turn.trigger == "git" else ()
        return replace(synced(turn), outcomes=outcomes, health=health, services=(ServiceState("web", 1, 0, health),))

    desires = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}, untold=Unreachable("git hangs"))
    turns, audience = FakeTurns(ill), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=clock)):
        assert turns.next().trigger == "git"
        assert turns.nothing_more()
        clock.ahead += 6
        assert turns.next().trigger == "trial"
        assert turns.nothing_more()
        assert (desires.accepted, desires.rejected) == ([], {})
        desires.untold = None
        clock.ahead += UNTOLD
        assert turns.next().trigger == "trial"
        back = turns.next()
        assert (back.trigger, back.stacks) == ("rollback", (OLD,))
        assert turns.nothing_more()
    assert ("web", NEW.revision.id) not in desires.accepted


def test_content_that_was_on_trial_when_an_agent_ended_is_on_trial_with_the_next_one() -> None:
    clock, healths = FakeClock(), [Health.PROGRESSING]

    def check(turn: Turn) -> Report:
        health = Health.HEALTHY if turn.stacks[0] == OLD else healths[0]
        return replace(synced(turn), health=health, services=(ServiceState("web", 1, 0, health, patience=60.0),))

    desires, audience = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeAudience()
    turns = FakeTurns(check)
    with running(make_loop(desires, turns, audience, clock=clock)):
        assert turns.next().stacks[0] == NEW
        assert audience.reports.get(timeout=5).on_trial
        assert desires.accepted == turns.noted == []
        healths[0] = Health.DEGRADED
        clock.ahead += 6
        assert turns.next().trigger == "trial"
        assert turns.next().stacks[0] == OLD
    assert desires.rejected["web"][0] == NEW


def test_content_that_was_never_good_is_not_gone_back_to() -> None:
    desires, turns, audience = FakeDesires(reading(NEW, revision="b" * 40)), FakeTurns(), FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next()
        audience.reports.get(timeout=5)
        desires.answer = reading(broken={"web": Failure("ConfigInvalid", "no")}, revision="c" * 40)
        loop.wake(AskSource("git"))
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="web"))
        turn = turns.next()
    assert (turn.fallback, turn.gone_back, turn.rejected) == (True, False, "")


def test_content_that_has_not_proved_good_yet_is_not_given_the_images_of_what_did() -> None:
    """Its images are others, although a newer commit cannot be read."""

    def slow(turn: Turn) -> Report:
        state = ServiceState(
            "web", 1, 0, Health.HEALTHY if turn.stacks[0] == OLD else Health.PROGRESSING, patience=60.0
        )
        return replace(synced(turn), services=(state,), health=state.health)

    desires, audience = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeAudience()
    turns = FakeTurns(slow)
    with running(make_loop(desires, turns, audience)) as loop:
        assert turns.next().stacks[0] == NEW
        assert audience.reports.get(timeout=5).on_trial
        desires.answer = reading(broken={"web": Failure("ConfigInvalid", "no")}, revision="c" * 40)
        loop.wake(AskSource("git"))
        audience.reports.get(timeout=5)
        loop.wake(LookAt("event", stack="web"))
        turn = turns.next()
    assert (turn.stacks[0], turn.fallback, turn.gone_back) == (NEW, False, False)
