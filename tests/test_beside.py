"""What drifts while a turn is under way, and is mended beside its steps."""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

import pytest

from agent.beside import AGAIN, Beside, mending
from agent.converge import Options, converge
from agent.errors import Refused, Unreachable
from agent.handling import Handling, Hook, Stage
from agent.model import (
    Action,
    Cause,
    Change,
    Condition,
    Key,
    Outcome,
    Plan,
    Remedy,
    Requirement,
    Resource,
    Revision,
    Scope,
    Stack,
)
from agent.probe import Gate, Probe
from agent.reconcile import Reconciler, Turn
from agent.rollout import Pace
from agent.stand_ins import ignore, never
from tests.planning.scene import differs, key, there, want
from tests.world import Host, Thing

NONE = frozenset[Key]()
DB, JOB, WEB = key("container/db"), key("container/job"), key("container/web")


def step(number: int, of: Key = DB, action: Action = Action.UPDATE, **more: Any) -> Change:
    facts: dict[str, Any] = {"cause": Cause.DRIFT, "wanted": want(str(of))}
    return Change(number, action, of, "web", reason="was stopped outside git", **(facts | more))


# --- which steps ------------------------------------------------------------------------------------------------


def test_what_drifted_is_mended_under_numbers_of_its_own() -> None:
    net = step(0, key("network/front"), Action.CREATE)
    plan = Plan((net, step(1, WEB, cause=Cause.COMMIT), step(2, after=frozenset({0}), follows=frozenset({1}))))
    found = mending(plan, frozenset(), frozenset(), 7)
    assert [(one.number, one.key, one.after, one.follows) for one in found] == [
        (7, net.key, frozenset(), frozenset()),
        (8, DB, frozenset({7}), frozenset()),
    ]


@pytest.mark.parametrize(
    "other",
    [
        step(0, action=Action.REPLACE),
        step(0, action=Action.HOLD),
        step(0, restarts=True),
        step(0, cause=Cause.IMAGE),
        step(0, WEB),
        step(0, wanted=want("container/db", handling=Handling(hook=Hook(Stage.PRE_DEPLOY)))),
    ],
    ids=["replaced", "held", "started anew", "an image", "busy", "a hook"],
)
def test_what_is_more_than_that_waits_and_so_does_what_needs_it(other: Change) -> None:
    later = step(1, key("container/later"), after=frozenset({0}))
    assert mending(Plan((other, later)), frozenset({WEB}), frozenset(), 7) == ()


def test_what_is_to_be_replaced_is_put_right_as_it_was_made() -> None:
    seen = there(str(WEB), differs("image"), differs("state", "exited", "running", Remedy.IN_PLACE, drift=True))
    new = step(0, WEB, Action.REPLACE, cause=Cause.COMMIT, seen=seen, wanted=want(str(WEB), "image/new"))
    plan = Plan((step(0, key("image/new"), Action.CREATE), replace(new, number=1, after=frozenset({0}))))
    (found,) = mending(plan, frozenset({WEB, key("image/new")}), frozenset({WEB}), 7)
    assert str(found) == ("7 update container/web (drift: was stopped outside git; goes on as it is, its change waits)")
    assert [one.path for one in found.fields] == ["state"]


# --- when -------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """A turn that is asked beside; what `looked` counts finds the container stopped each time."""

    heard: int = 0
    now: float = 0.0
    looked: int = 0
    gone: bool = False

    def look(self) -> Plan:
        self.looked += 1
        if self.gone:
            raise Unreachable("no engine")
        return Plan((step(0),))

    def beside(self) -> Beside:
        return Beside(self.look, lambda: self.heard, lambda: self.now)


def test_it_looks_only_where_there_is_a_reason_since_it_looked_last() -> None:
    watch = Watch()
    beside = watch.beside()
    assert (beside(NONE, NONE, 1), watch.looked) == ((), 0)
    watch.heard = 2
    assert [one.number for one in beside(NONE, NONE, 1)] == [1]
    beside(NONE, NONE, 2)
    assert watch.looked == 1


def test_what_is_changed_back_at_once_is_left_alone_for_a_while() -> None:
    watch = Watch(heard=1)
    beside = watch.beside()
    found = []
    for seconds in (0.0, AGAIN - 1, AGAIN):
        watch.now, watch.heard = seconds, watch.heard + 1
        found.append(len(beside(NONE, NONE, 1)))
    assert found == [1, 0, 1]


def test_an_engine_that_is_away_is_left_to_the_turn() -> None:
    assert Watch(heard=1, gone=True).beside()(NONE, NONE, 1) == ()


# --- what is busy -----------------------------------------------------------------------------------------------


def carried_out(plan: Plan, beside: Any, *, gate: Any, perform: Any) -> tuple[Outcome, ...]:
    return converge(
        plan,
        perform,
        gate,
        options=Options(poll=0.01, quiet=0.005),
        stop=never,
        clock=time.monotonic,
        sleep=time.sleep,
        report=ignore,
        beside=beside,
    )


def test_what_is_under_way_or_waited_for_or_has_failed_is_busy() -> None:
    job = Requirement(JOB, Condition.COMPLETED)
    waiting = step(0, WEB, Action.CREATE, wanted=want(str(WEB), job))
    failing, made, held = (step(n, key(f"container/{n}"), Action.CREATE) for n in (1, 2, 3))
    plan = Plan((waiting, failing, made, replace(held, action=Action.HOLD)))
    asked = list[tuple[Set[Key], int]]()

    def perform(change: Change, _: Pace) -> None:
        if change == failing:
            raise Refused("no")

    def beside(busy: Set[Key], _idle: Set[Key], first: int) -> tuple[Change, ...]:
        asked.append((busy, first))
        return (step(first),) if len(asked) == 1 else ()

    outcomes = carried_out(
        plan, beside, gate=lambda _: Probe(Gate.PASSED if len(asked) > 3 else Gate.PENDING), perform=perform
    )
    assert asked[0] == ({WEB, JOB, failing.key}, 4)
    assert [first for _, first in asked[1:]] == [5] * (len(asked) - 1)
    assert [outcome.change.number for outcome in outcomes] == [0, 1, 2, 3, 4]


WAITING = step(1, WEB, Action.REPLACE, wanted=want(str(WEB), Requirement(JOB, Condition.COMPLETED)))


def test_what_waits_to_be_replaced_is_so_behind_its_mending() -> None:
    done, began, asked = list[str](), list[int](), list[Set[Key]]()

    def perform(change: Change, _: Pace) -> None:
        began.append(change.number)
        time.sleep(0.05)
        done.append(change.action)

    def beside(_busy: Set[Key], idle: Set[Key], first: int) -> tuple[Change, ...]:
        asked.append(idle)
        return (step(first, WEB),) if len(asked) == 1 else ()

    carried_out(Plan((WAITING,)), beside, gate=lambda _: Probe(Gate.PASSED if began else Gate.PENDING), perform=perform)
    assert (asked[0], done) == ({WEB}, ["update", "replace"])
    assert not any(asked[1:]), "one at a time is enough"


def test_what_was_stopped_for_another_one_stays_so() -> None:
    asked = list[Set[Key]]()

    def beside(_busy: Set[Key], idle: Set[Key], _first: int) -> tuple[Change, ...]:
        asked.append(idle)
        return ()

    carried_out(
        Plan((step(0, WEB, Action.STOP), replace(WAITING, after=frozenset({0})))),
        beside,
        gate=lambda _: Probe(Gate.PASSED if asked else Gate.PENDING),
        perform=ignore,
    )
    assert asked
    assert not any(asked)


# --- in a turn --------------------------------------------------------------------------------------------------


class Waiting(Host):
    """Somebody stops a container while a job runs, which then goes on until that is mended, or for so many answers."""

    patience, stopped = 200, DB

    def probe(self, requirement: Requirement) -> Probe:
        assert requirement.key == JOB
        if self.patience == 200:
            self.things[self.stopped] = replace(self.things[self.stopped], runs=False)
        self.patience -= 1
        is_over = f"update {self.stopped}" in self.performed or not self.patience
        return Probe(Gate.PASSED if is_over else Gate.PENDING)


def test_a_turn_that_waits_for_a_job_mends_what_has_nothing_to_do_with_it() -> None:
    spec = {"fixed": "A", "live": "x"}
    web = Resource(WEB, "web", spec, (Requirement(JOB, Condition.COMPLETED),), service="web")
    stack = Stack("web", (Resource(DB, "web", spec), Resource(JOB, "web", spec), web), Revision("dir-1"))
    host: Any = Waiting({one: Thing(1, stack="web", fixed="A", live="x") for one in (DB, JOB)})
    turn = Turn((stack,), Scope("host-1", "here", frozenset({"web"})), "event", heard=lambda: 1)
    (report,) = Reconciler(host, options=Options(poll=0.002, quiet=0.0)).take(turn)
    assert host.performed == ["update container/db", "create container/web"]
    assert (report.synced, [str(one.change.key) for one in report.outcomes]) == (True, [str(WEB), str(DB)])
    assert [(one.number, one.cause) for one in report.plan.changes] == [(0, Cause.COMMIT), (1, Cause.DRIFT)]


def test_what_it_is_to_replace_goes_on_until_then() -> None:
    spec = {"fixed": "A", "live": "x"}
    web = want(str(WEB), Requirement(JOB, Condition.COMPLETED), spec={**spec, "fixed": "B"})
    stack = Stack("web", (Resource(JOB, "web", spec), web), Revision("dir-1"))
    host: Any = Waiting({one: Thing(1, stack="web", fixed="A", live="x", made_from=("A", "x")) for one in (WEB, JOB)})
    host.stopped = WEB
    turn = Turn((stack,), Scope("host-1", "here", frozenset({"web"})), "event", heard=lambda: 1)
    (report,) = Reconciler(host, options=Options(poll=0.002, quiet=0.0)).take(turn)
    assert host.performed == ["update container/web", "replace container/web"]
    assert report.synced
