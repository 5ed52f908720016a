"""What `docker compose` made of a stack beside what is wanted of it, and what becomes of what was taken over once the
stack leaves, wherever an agent was killed before that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.guard import Consent
from agent.kinds.container_astray import NUMBER
from agent.model import Action, Report, Scope
from agent.reconcile import Turn
from tests.model.rig import FatedRig
from tests.model.transitions import TRANSITIONS, make_by_compose, states
from tests.model.trial import IMAGE, TURNS, MakeAgent, Trial

COMPOSE = "com.docker.compose."
DB = "services:\n  db: {image: app:1, scale: 2}\nx-windlass: {rollout: {monitor: 1ns}}\n"


def left(rig: FatedRig, service: str, number: int, name: str = "", oneoff: str = "False") -> str:
    labels = {f"{COMPOSE}project": "web", f"{COMPOSE}service": service, NUMBER: str(number), f"{COMPOSE}oneoff": oneoff}
    made = rig.engine.create_container(name or f"web-{service}-{number}", {"Image": IMAGE, "Labels": labels})
    rig.engine.start_container(made)
    return made


def composed(rig: FatedRig) -> Any:
    """The stack, as Compose started it."""
    stack = rig.stack_of(DB)
    rig.settle(stack, TURNS)
    make_by_compose(rig, stack)
    return stack


def done(report: Report) -> dict[str, Action]:
    return {one.change.key.name: one.change.action for one in report.outcomes}


def test_what_is_as_wanted_is_taken_over_and_that_is_told_once(on_model: MakeAgent) -> None:
    rig = on_model()
    stack = composed(rig)
    calls = rig.engine.lot.changes
    (planned,) = rig.reconciler.take(Turn((stack,), rig.scope, "test", act=False))
    assert ({one.action for one in planned.plan.changes}, planned.synced) == ({Action.ADOPT}, True)
    report = rig.towards(stack)
    assert done(report) == {"web-db-1": Action.ADOPT, "web-db-2": Action.ADOPT}
    assert (report.synced, rig.engine.lot.changes) == (True, calls), "nothing is touched for it"
    assert str(rig.towards(stack).plan) == ""
    assert str(on_model().towards(stack).plan) == "", "the next agent knows it too"


def test_replicas_beyond_those_that_are_wanted_go(on_model: MakeAgent) -> None:
    rig = on_model()
    stack = composed(rig)
    left(rig, "db", 3)
    left(rig, "db", 4, "web_db_4")
    report = rig.towards(stack)
    assert done(report)["web-db-3"] is done(report)["web_db_4"] is Action.REMOVE
    assert {one.key.name: one.reason for one in report.plan.changes}["web-db-3"].startswith("docker compose made it")
    assert states(rig.engine, "web") == {"web-db-1": "running", "web-db-2": "running"}
    assert report.synced


def test_what_no_service_here_wants_is_told_and_left(on_model: MakeAgent) -> None:
    rig = on_model()
    stack = composed(rig)
    left(rig, "gone", 1)
    left(rig, "db", 3, "kept-by-hand")
    left(rig, "db", 1, "web-db-run-4f", oneoff="True")
    rig.towards(stack)
    report = rig.towards(stack)
    told = {one.key.name: (one.action, one.code, one.reason) for one in report.plan.changes}
    assert told.keys() == {"web-gone-1", "kept-by-hand"}
    for name, (action, code, reason) in told.items():
        assert (action, code) == (Action.HOLD, "ComposeOrphan")
        assert f"docker rm -f {name}" in reason
    assert (report.synced, report.failure) == (True, None)
    assert len(states(rig.engine, "")) == 5


def test_nothing_of_a_project_that_is_no_stack_here_is_seen(on_model: MakeAgent) -> None:
    rig = on_model()
    left(rig, "db", 1)
    assert str(rig.towards(None).plan) == ""
    assert states(rig.engine, "web") == {"web-db-1": "running"}


def test_what_was_taken_over_goes_with_its_service_and_with_its_stack(on_model: MakeAgent) -> None:
    rig = on_model()
    rig.settle(composed(rig), TURNS)
    fewer = rig.stack_of(DB.replace("scale: 2", "scale: 1"))
    report = on_model().towards(fewer)
    assert done(report) == {"web-db-2": Action.REMOVE}
    assert report.synced
    assert done(on_model().towards(None))["web-db-1"] is Action.REMOVE
    assert states(rig.engine, "web") == {}


def test_what_was_taken_over_counts_among_what_may_not_go_at_once(on_model: MakeAgent) -> None:
    rig = on_model()
    text = DB.replace("x-w", "  other: {image: app:1}\n  more: {image: app:1}\nx-w")
    stack = rig.stack_of(text)
    rig.settle(stack, TURNS)
    make_by_compose(rig, stack)
    rig.settle(stack, TURNS)
    (report,) = rig.reconciler.take(Turn((rig.stack_of(DB),), rig.scope, "test"))
    assert {one.code for one in report.plan.changes} == {"PruneGuard"}
    assert len(states(rig.engine, "web")) == 4


def leave(rig: FatedRig) -> None:
    """The stack is not in the source any more when the agent next looks, as the loop finds it."""
    whole = Scope(rig.identity.instance, rig.identity.origin, frozenset(), whole=True)
    for _ in range(TURNS):
        rig.reconciler.take(Turn((), whole, "test", consent=Consent(allowed=99)))


CUT = ["adopted", "adopted, start-first", "adopted with a network that is made anew", "ports that are swapped"]


@pytest.mark.parametrize("name", CUT)
def test_a_stack_that_leaves_after_its_adoption_was_cut_leaves_nothing_stopped(name: str, on_model: MakeAgent) -> None:
    trial = Trial(replace(TRANSITIONS[name], by_compose=True), on_model, IMAGE)
    for number in range(1, trial.count() + 1):
        trial.begin()
        trial.cut(number)
        leave(trial.agent)
        there = states(trial.agent.engine, "web")
        assert set(there.values()) <= {"running"}, f"cut after call {number}: what is stopped is forgotten"
        for one in there:
            trial.agent.engine.remove_container(one, force=True)


def test_a_network_of_composes_is_taken_over_and_goes_with_its_stack(on_model: MakeAgent) -> None:
    rig = on_model()
    labels = {f"{COMPOSE}project": "web", f"{COMPOSE}network": "default"}
    made = rig.engine.create_network("web_default", {"Labels": labels})
    report = rig.towards(rig.stack_of(DB))
    assert done(report)["web_default"] is Action.ADOPT
    assert str(on_model().towards(rig.stack_of(DB)).plan) == ""
    assert done(on_model().towards(None))["web_default"] is Action.REMOVE
    assert rig.engine.inspect_network(made) is None


def test_a_network_of_composes_that_was_never_taken_over_stays(on_model: MakeAgent) -> None:
    rig = on_model()
    labels = {f"{COMPOSE}project": "web", f"{COMPOSE}network": "more"}
    made = rig.engine.create_network("web_more", {"Labels": labels})
    rig.settle(rig.stack_of(DB), TURNS)
    rig.settle(None, TURNS)
    assert rig.engine.inspect_network(made) is not None
