"""How a plan is carried out: what runs side by side, what is skipped, what ends it. The host is made of functions."""

from __future__ import annotations

import threading

import pytest

from agent.converge import (
    CIRCULAR,
    DEPENDENCY_FAILED,
    HELD,
    STOPPED,
    Ended,
    Started,
)
from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.model import Action, Change, Status
from agent.probe import Gate, Probe
from agent.rollout import Pace
from tests.planning.worlds import RandomDice, make_case, plan_of
from tests.steps import DONE, HEALTHY, Host, change, statuses

# --- order ------------------------------------------------------------------------------------------------------


def test_an_empty_plan_is_done() -> None:
    assert Host().converge() == ()


def test_outcomes_come_in_the_order_of_the_plan() -> None:
    host = Host()
    outcomes = host.converge(change(0), change(1, after=[0]), change(2))
    assert [outcome.change.number for outcome in outcomes] == [0, 1, 2]
    assert statuses(outcomes) == [Status.DONE] * 3
    assert host.performed.index(0) < host.performed.index(1)


def test_one_worker_takes_the_lowest_number_first() -> None:
    host = Host()
    host.converge(*(change(number) for number in range(20)), workers=1)
    assert host.performed == list(range(20))


def test_what_waits_for_nothing_runs_side_by_side() -> None:
    together = threading.Barrier(3, timeout=30)

    def perform(_: Change, _pace: Pace) -> None:
        together.wait()

    outcomes = Host().converge(*(change(number) for number in range(3)), perform=perform)
    assert statuses(outcomes) == [Status.DONE] * 3


def test_no_more_run_at_once_than_there_are_workers() -> None:
    running, most, guard = 0, 0, threading.Lock()

    def perform(_: Change, _pace: Pace) -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with guard:
            running -= 1

    Host().converge(*(change(number) for number in range(12)), perform=perform, workers=2)
    assert most == 2


def test_each_change_is_behind_all_that_it_comes_after() -> None:
    host = Host()
    links = {number: {number // 2, number // 3} - {number} for number in range(1, 40)}
    plan = [change(0)] + [change(number, after=links[number]) for number in range(1, 40)]
    host.converge(*plan)
    for number, earlier in links.items():
        assert all(host.performed.index(one) < host.performed.index(number) for one in earlier)


def test_a_long_chain_that_fails_at_its_head_is_skipped_to_its_end() -> None:
    host = Host({0: Refused("no")})
    outcomes = host.converge(change(0), *(change(number, after=[number - 1]) for number in range(1, 3000)))
    assert set(statuses(outcomes[1:])) == {Status.SKIPPED}


def test_steps_that_wait_for_one_another_are_told_with_what_was_done() -> None:
    host = Host()
    done, one, other = host.converge(change(0), change(1, follows=[2]), change(2, after=[1]))
    assert statuses([done, one, other]) == [Status.DONE, Status.SKIPPED, Status.SKIPPED]
    assert (one.reason, one.detail) == (CIRCULAR, "not begun, for the steps before it wait for one another")
    assert host.performed == [0]


# --- outcomes ---------------------------------------------------------------------------------------------------


def test_a_failure_says_why_and_skips_what_comes_after_it() -> None:
    host = Host({0: Refused("no such image", reason="ImagePullFailed")})
    failed, skipped, other = host.converge(change(0), change(1, after=[0]), change(2, follows=[0]))
    assert (failed.status, failed.reason, failed.detail) == (Status.FAILED, "ImagePullFailed", "no such image")
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, DEPENDENCY_FAILED)
    assert skipped.detail == "needs create container/c0, which failed"
    assert other.status is Status.DONE
    assert host.performed == [0, 2]


@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (Overtaken("gone"), Status.OVERTAKEN, "which was overtaken"),
        (Unreachable("no answer"), Status.FAILED, "which failed"),
    ],
    ids=["overtaken", "unreachable"],
)
def test_kinds_of_trouble(trouble: Trouble, status: Status, said: str) -> None:
    outcomes = Host({0: trouble}).converge(change(0), change(1, after=[0]), change(2, after=[1]))
    assert statuses(outcomes) == [status, Status.SKIPPED, Status.SKIPPED]
    assert outcomes[1].detail.endswith(said)
    assert outcomes[2].detail.endswith("which was skipped")


def test_what_is_held_is_not_performed() -> None:
    host = Host()
    held, skipped = host.converge(change(0, Action.HOLD), change(1, after=[0]))
    assert (held.status, held.detail, held.reason) == (Status.HELD, "is held for a reason", HELD)
    assert (skipped.status, skipped.detail) == (Status.SKIPPED, "needs hold container/c0, which is held")
    assert host.performed == []


def test_seconds_are_those_of_the_clock() -> None:
    (outcome,) = Host().converge(change(0))
    assert outcome.seconds == 0.25


def test_what_happens_is_reported_as_it_happens() -> None:
    host = Host()
    outcomes = host.converge(change(0), change(1, after=[0]))
    first, second = (outcome.change for outcome in outcomes)
    assert host.events == [Started(first), Ended(outcomes[0]), Started(second), Ended(outcomes[1])]


# --- bugs and stopping ------------------------------------------------------------------------------------------


def test_a_bug_is_raised_once_what_had_begun_has_ended() -> None:
    both, ended = threading.Barrier(2, timeout=30), []

    def perform(change: Change, _pace: Pace) -> None:
        both.wait()
        if change.number == 0:
            raise ZeroDivisionError("a bug")
        threading.Event().wait(0.02)
        ended.append(change.number)

    with pytest.raises(ZeroDivisionError, match="a bug"):
        Host().converge(change(0), change(1), change(2, after=[1]), perform=perform)
    assert ended == [1]


def test_where_there_is_no_thread_at_all_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcomes = Host().converge(change(0), change(1, after=[0]), change(2, follows=[0]))
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED, Status.FAILED]


def test_a_change_for_which_there_is_no_thread_fails_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    start, refused, may_end = threading.Thread.start, list[str](), threading.Event()

    def none_but_one(thread: threading.Thread) -> None:
        if thread.name == "converge_0":
            start(thread)
            return
        refused.append(thread.name)
        if len(refused) == 2:
            may_end.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_but_one)
    host = Host()

    def perform(change: Change, pace: Pace) -> None:
        may_end.wait(10)
        host.perform(change, pace)

    outcomes = host.converge(change(0), change(1), change(2), perform=perform)
    assert statuses(outcomes) == [Status.DONE, Status.FAILED, Status.FAILED]
    assert outcomes[1].reason == "NoThread"
    assert outcomes[1].detail.startswith("no thread for create container/c1: can't start new thread")
    assert host.performed == [0]


@pytest.mark.parametrize("after", range(5))
def test_when_told_to_stop_nothing_more_begins(after: int) -> None:
    host = Host(stop_after=after)
    outcomes = host.converge(*(change(number, follows=[number - 1] if number else []) for number in range(5)))
    assert host.performed == list(range(after))
    assert statuses(outcomes) == [Status.DONE] * after + [Status.SKIPPED] * (5 - after)
    assert {(outcome.reason, outcome.detail) for outcome in outcomes[after:]} == {
        (STOPPED, "not begun, for the agent ends or newer content is wanted")
    }


def test_stopping_ends_a_wait() -> None:
    """Of what may take for ever too."""
    host = Host(answers=[Probe(Gate.PENDING, "starting")], stop_after=1)
    outcomes = host.converge(change(0, requires=[HEALTHY]), change(1))
    assert statuses(outcomes) == [Status.SKIPPED, Status.DONE]


# --- with real plans --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_a_random_plan_is_carried_out_to_its_end(seed: int) -> None:
    case = make_case(RandomDice(seed))
    world = case.world()
    for _ in range(4):
        plan = plan_of(case, world)
        outcomes = Host().converge(*plan.changes, perform=world.perform, probe=lambda _: DONE, workers=1)
        assert [outcome.change for outcome in outcomes] == list(plan.changes)
        assert set(statuses(outcomes)) <= {Status.DONE, Status.HELD}
    assert not plan_of(case, world).pending
