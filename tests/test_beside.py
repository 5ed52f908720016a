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
from agent.model import Action, Cause, Change, Condition, Key, Plan, Requirement, Resource, Revision, Scope, Stack
from agent.probe import Gate, Probe
from agent.reconcile import Reconciler, Turn
from agent.rollout import Pace
from agent.stand_ins import ignore, never
from tests.planning.scene import key, want
from tests.world import Host, Thing

DB, JOB, WEB = key("container/db"), key("container/job"), key("container/web")


def step(number: int, of: Key = DB, action: Action = Action.UPDATE, **more: Any) -> Change:
    facts: dict[str, Any] = {"cause": Cause.DRIFT, "wanted": want(str(of))}
    return Change(number, action, of, "web", reason="was stopped outside git", **(facts | more))


# --- which steps ------------------------------------------------------------------------------------------------


def test_what_drifted_is_mended_under_numbers_of_its_own() -> None:
    net = step(0, key("network/front"), Action.CREATE)
    plan = Plan((net, step(1, WEB, cause=Cause.COMMIT), step(2, after=frozenset({0}), follows=frozenset({1}))))
    found = mending(plan, frozenset(), 7)
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
    assert mending(Plan((other, later)), frozenset({WEB}), 7) == ()


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
    assert (beside(frozenset(), 1), watch.looked) == ((), 0)
    watch.heard = 2
    assert [one.number for one in beside(frozenset(), 1)] == [1]
    beside(frozenset(), 2)
    assert watch.looked == 1


def test_what_is_changed_back_at_once_is_left_alone_for_a_while() -> None:
    watch = Watch(heard=1)
    beside = watch.beside()
    found = []
    for seconds in (0.0, AGAIN - 1, AGAIN):
        watch.now, watch.heard = seconds, watch.heard + 1
        found.append(len(beside(frozenset(), 1)))
    assert found == [1, 0, 1]


def test_an_engine_that_is_away_is_left_to_the_turn() -> None:
    assert Watch(heard=1, gone=True).beside()(frozenset(), 1) == ()


# --- what is busy -----------------------------------------------------------------------------------------------


def test_what_is_under_way_or_waited_for_or_has_failed_is_busy() -> None:
    job = Requirement(JOB, Condition.COMPLETED)
    waiting = step(0, WEB, Action.CREATE, wanted=want(str(WEB), job))
    failing, made, held = (step(n, key(f"container/{n}"), Action.CREATE) for n in (1, 2, 3))
    plan = Plan((waiting, failing, made, replace(held, action=Action.HOLD)))
    asked = list[tuple[Set[Key], int]]()

    def perform(change: Change, _: Pace) -> None:
        if change == failing:
            raise Refused("no")

    def beside(busy: Set[Key], first: int) -> tuple[Change, ...]:
        asked.append((busy, first))
        return (step(first),) if len(asked) == 1 else ()

    outcomes = converge(
        plan,
        perform,
        lambda _: Probe(Gate.PASSED if len(asked) > 3 else Gate.PENDING),
        options=Options(poll=0.01, quiet=0.005),
        stop=never,
        clock=time.monotonic,
        sleep=time.sleep,
        report=ignore,
        beside=beside,
    )
    assert asked[0] == ({WEB, JOB, failing.key}, 4)
    assert [first for _, first in asked[1:]] == [5] * (len(asked) - 1)
    assert [outcome.change.number for outcome in outcomes] == [0, 1, 2, 3, 4]


# --- in a turn --------------------------------------------------------------------------------------------------


class Waiting(Host):
    """Somebody stops what the job leaves alone while the job runs, which then goes on until that is mended, or for
    so many answers."""

    patience = 200

    def probe(self, requirement: Requirement) -> Probe:
        assert requirement.key == JOB
        if self.patience == 200:
            self.things[DB] = replace(self.things[DB], runs=False)
        self.patience -= 1
        is_over = "update container/db" in self.performed or not self.patience
        return Probe(Gate.PASSED if is_over else Gate.PENDING)


def test_a_turn_that_waits_for_a_job_mends_what_has_nothing_to_do_with_it() -> None:
    spec = {"fixed": "A", "live": "x"}
    web = Resource(WEB, "web", spec, (Requirement(JOB, Condition.COMPLETED),), service="web")
    stack = Stack("web", (Resource(DB, "web", spec), Resource(JOB, "web", spec), web), Revision("dir-1"))
    there = {one: Thing(number, stack="web", fixed="A", live="x") for number, one in enumerate((DB, JOB))}
    host: Any = Waiting(there)
    turn = Turn((stack,), Scope("host-1", "here", frozenset({"web"})), "event", heard=lambda: 1)
    (report,) = Reconciler(host, options=Options(poll=0.002, quiet=0.0)).take(turn)
    assert host.performed == ["update container/db", "create container/web"]
    assert (report.synced, [str(one.change.key) for one in report.outcomes]) == (True, [str(WEB), str(DB)])
    assert [(one.number, one.cause) for one in report.plan.changes] == [(0, Cause.COMMIT), (1, Cause.DRIFT)]
