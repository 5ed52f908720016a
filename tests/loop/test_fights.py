"""Whoever fights the files: noticed, named and left alone for longer and longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.backoff import Repeats
from agent.fight import Fight
from agent.model import Action, Cause, Change, FieldChange, Key, Outcome, Report, Result, Status
from agent.ports import LookAt
from tests.loop.fakes import (
    WEB,
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    make_loop,
    reading,
    running,
    stack,
    synced,
)


def healed(*fields: str, key: Key = WEB, action: Action = Action.UPDATE, cause: Cause = Cause.DRIFT) -> Outcome:
    changed = tuple(FieldChange(path, "x", "y") for path in fields)
    return Outcome(Change(0, action, key, "a", cause, "it is so", changed), Status.DONE)


def report(*outcomes: Outcome, stack: str = "a") -> Report:
    return Report("run", stack, "event", None, Result.SUCCESS, 0.0, 0.0, outcomes=outcomes, synced=True)


def fought(repeats: Repeats, times: int, *outcomes: Outcome, every: float = 10.0) -> float:
    """So many healings with pauses between; the time of the last."""
    now = 0.0
    for number in range(times):
        now = number * every
        repeats.note(report(*outcomes), now)
    return now


def test_the_first_are_mended_at_once_and_the_others_later_and_later() -> None:
    repeats, now, pauses = Repeats(), 0.0, []
    for _ in range(14):
        repeats.note(report(healed("restart")), now)
        pauses.append(repeats.resting("a", now).get(WEB, 0))
        now += pauses[-1] + 1
    assert pauses == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_fight_names_the_field_that_comes_back_each_time() -> None:
    repeats = Repeats()
    repeats.note(report(healed("restart", "memory")), 0.0)
    for second in (50.0, 100.0, 150.0, 180.0):
        repeats.note(report(healed("restart")), second)
    assert repeats.fights("a", 181.0) == (Fight("container", "a-web-1", ("restart",), 5, 180.0, 4.0),)
    assert repeats.fights("b", 181.0) == ()


def test_who_tries_one_drift_after_the_other_fights_nobody() -> None:
    repeats = Repeats()
    one_each = [("restart",), ("memory",), ("networks.a",), ("state",), ()]
    for number, fields in enumerate(one_each * 2):
        repeats.note(report(healed(*fields, action=Action.UPDATE if fields else Action.CREATE)), float(number))
    assert (repeats.resting("a", 10.0), repeats.fights("a", 10.0)) == ({}, ())
    for second in (11.0, 12.0):
        repeats.note(report(healed("state")), second)
    assert [(fight.fields, fight.times) for fight in repeats.fights("a", 12.0)] == [(("state",), 4)]


def test_what_is_healed_beside_a_fight_neither_waits_nor_ends_it() -> None:
    repeats = Repeats()
    last = fought(repeats, 5, healed("restart"))
    repeats.note(report(healed("memory")), last + 5.0)
    assert repeats.resting("a", last + 5.0) == {}
    repeats.note(report(healed("restart")), last + 6.0)
    assert repeats.resting("a", last + 6.0) == {WEB: 8.0}


def test_it_is_over_when_it_has_been_quiet_for_long_enough() -> None:
    repeats = Repeats()
    last = fought(repeats, 5, healed("restart"))
    assert repeats.fights("a", last + 303.0) != ()
    assert repeats.fights("a", last + 304.0) == ()
    repeats.note(report(healed("restart")), last + 304.0)
    assert repeats.resting("a", last + 304.0) == {}


@pytest.mark.parametrize(
    "outcomes",
    [
        (healed("restart", cause=Cause.COMMIT),),
        (healed(),),  # started anew along with something else
        (healed(action=Action.REMOVE), healed(action=Action.CREATE)),  # away while its network is made anew
        (replace(healed("restart"), status=Status.FAILED),),
    ],
    ids=["a commit", "taken along", "made anew for another", "not done"],
)
def test_it_takes_healing_to_be_a_fight(outcomes: tuple[Outcome, ...]) -> None:
    repeats = Repeats()
    assert repeats.fights("a", fought(repeats, 9, *outcomes)) == ()


def test_what_is_removed_and_made_in_one_turn_is_healed_once() -> None:
    net = Key("network", "a_back")
    outcomes = (
        healed(action=Action.REMOVE, key=net),
        healed("internal", action=Action.CREATE, key=net),
        healed(action=Action.REMOVE),
        healed(action=Action.CREATE),
    )
    repeats = Repeats()
    [fight] = repeats.fights("a", fought(repeats, 4, *outcomes))
    assert (fight.kind, fight.name, fight.times, fight.fields) == (*net, 4, ("internal",))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (("restart",), "restart is changed back by something else"),
        (("memory", "cpus"), "memory, cpus are changed back by something else"),
        (("a", "b", "c", "d"), "a, b, c and 1 more are changed back by something else"),
        (("state",), "it does not stay up, or something else stops it"),
        (("health",), "it does not stay healthy"),
        ((), "something else removes it"),
    ],
)
def test_a_fight_says_why(fields: tuple[str, ...], why: str) -> None:
    assert str(Fight("container", "a-web-1", fields, 5, 180.0)) == f"container/a-web-1 healed 5 times in 3 min: {why}"
    assert "in 7 s:" in str(Fight("container", "a-web-1", fields, 5, 7.0))


def test_the_loop_tells_of_a_fight_and_of_its_end() -> None:
    """With the pauses jumped over."""
    outcomes: list[Outcome] = [healed("restart")]
    turns, audience, clock = (
        FakeTurns(lambda turn: replace(synced(turn), outcomes=tuple(outcomes))),
        FakeAudience(),
        FakeClock(),
    )
    with running(make_loop(FakeDesires(reading(stack("a"))), turns, audience, clock=clock)) as loop:
        for times in range(1, 7):
            fights = audience.reports.get(timeout=5).fights
            assert [fight.times for fight in fights] == ([times] if times > 3 else [])
            assert [str(fight).partition(": ")[2] for fight in fights] == (
                ["restart is changed back by something else"] if times > 3 else []
            )
            if times == 6:
                outcomes.clear()
            loop.wake(LookAt("event", stack="a"))
            clock.ahead += 2.0 ** max(0, times - 3) if times > 3 else 0.0
        assert len(audience.reports.get(timeout=5).fights) == 1
        clock.ahead += 400
        loop.wake(LookAt("event", stack="a"))
        assert audience.reports.get(timeout=5).fights == ()
