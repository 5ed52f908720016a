"""The agent is killed where what is left says little of what it was about: adoptions, hooks, what somebody renamed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.fate import Fate
from tests.model.images import HostWithImages
from tests.model.transitions import AFTER, TRANSITIONS, Transition, assert_as_wanted, other, remove_the_volume, states
from tests.model.trial import IMAGE, TURNS, MakeAgent, Trial


@pytest.mark.parametrize("name", ["adopted", "adopted, taken back", "adopted with a network that is made anew"])
def test_an_adoption_that_is_cut_twice_is_made_good(name: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    for number in range(1, trial.count() + 1):
        for second in range(1, 5):
            trial.begin()
            trial.cut(number)
            trial.may_be_cut(second)
            trial.make_good()
    trial.agent.engine.close()


def test_what_is_adopted_keeps_its_volumes_although_another_stack_is_looked_at_meanwhile(on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS["adopted with a network that is made anew"], on_model, IMAGE)
    elsewhere = replace(trial.agent.scope, stacks=frozenset({"other"}))

    def look_elsewhere() -> None:
        trial.agent.reconciler.host.observe([], elsewhere)

    for number in range(1, trial.count() + 1):
        trial.begin()
        trial.agent.engine.lot.fall(number, Fate.MEDDLED, look_elsewhere)
        trial.agent.towards(trial.later)
        assert trial.agent.engine.lot.fallen
        trial.agent.engine.lot.mend()
        trial.make_good()
    trial.agent.engine.close()


def test_nothing_of_an_adoption_that_is_cut_is_forgotten_when_its_stack_leaves(on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS["adopted"], on_model, IMAGE)
    gone = 0
    for number in range(1, trial.count() + 1):
        trial.begin()
        theirs = trial.agent.container("web")
        trial.cut(number)
        now = trial.agent.engine.inspect_container(theirs["Id"])
        is_composes_still = now is not None and now["Name"] == theirs["Name"] and now["State"]["Running"]
        trial.agent.settle(None, TURNS)
        left = states(trial.agent.engine, f"{trial.agent.stack}-")
        assert [*left] == ([f"{trial.agent.stack}-web-1"] if is_composes_still else []), f"cut after call {number}"
        gone += not is_composes_still
    assert gone >= 4
    trial.agent.engine.close()


def test_what_compose_made_and_somebody_set_aside_is_left_alone(on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS["adopted"], on_model, IMAGE)
    trial.begin()
    theirs = trial.agent.container("web")
    trial.agent.engine.stop_container(theirs["Id"], 0)
    trial.agent.engine.rename_container(theirs["Id"], f"{trial.agent.stack}-web-1.old")
    assert trial.agent.settle(trial.later, TURNS).synced
    now = trial.agent.engine.inspect_container(theirs["Id"])
    assert now is not None
    assert (now["Name"], now["State"]["Running"]) == (f"{theirs['Name']}.old", False)
    trial.agent.engine.close()


@pytest.mark.parametrize(
    ("service", "transition"),
    [
        ("web", TRANSITIONS["what runs after its start"]),
        ("web", TRANSITIONS["what runs after its start, start-first"]),
        ("db", Transition("", other("db", f"networks: [back], volumes: ['data:/data'], {AFTER}"), remove_the_volume)),
    ],
    ids=["stop-first", "start-first", "first deploy"],
)
def test_what_is_to_run_after_a_start_has_run_wherever_that_was_cut(
    service: str, transition: Transition, on_model: MakeAgent, host: HostWithImages
) -> None:
    trial = Trial(transition, on_model, IMAGE)
    twice = 0
    for number in range(1, trial.count() + 1):
        host.ran.clear()
        trial.strike(number, Fate.KILLED)
        times = host.ran.count(trial.agent.container(service)["Id"])
        assert times in (1, 2), f"cut after call {number}"
        twice += times == 2
    assert twice <= 1, "where it was cut before it could be noted"
    trial.agent.engine.close()


def test_what_was_good_comes_back_where_what_was_to_run_after_the_start_fails_in_the_next_turn(
    on_model: MakeAgent, host: HostWithImages
) -> None:
    trial = Trial(TRANSITIONS["what runs after its start"], on_model, IMAGE)
    trial.begin()
    good = trial.agent.container("web")["Id"]
    trial.cut(1, of="container_start")
    host.code = 3
    failure = trial.agent.towards(trial.later).failure
    assert failure is not None
    assert failure.reason == "HookFailed"
    now = trial.agent.container("web")
    assert (now["Id"], now["State"]["Running"]) == (good, True)
    host.code = 0
    trial.make_good()
    trial.agent.engine.close()


def test_it_is_told_why_a_container_is_not_done_with(on_model: MakeAgent) -> None:
    trial = Trial(Transition("", other("db", f"networks: [back], {AFTER}")), on_model, IMAGE)
    trial.begin()
    trial.cut(1, of="container_start")
    (change,) = trial.agent.towards(trial.later).plan.changes
    assert str(change) == "0 update container/web-db-1 (commit: not all of its post_start hooks have run)"
    assert [(one.path, one.before, one.after) for one in change.fields] == [("post_start", "not run", "run")]
    trial.agent.engine.close()


def test_what_was_to_run_after_a_start_does_not_run_when_another_agent_begins(
    on_model: MakeAgent, host: HostWithImages
) -> None:
    trial = Trial(TRANSITIONS["what runs after its start"], on_model, IMAGE)
    trial.begin()
    trial.agent.towards(trial.later)
    host.ran.clear()
    trial.agent.engine.close()
    trial.agent = on_model()
    assert str(trial.agent.towards(trial.later).plan) == ""
    assert host.ran == []
    trial.agent.engine.close()


def test_what_somebody_renamed_goes_with_its_stack(on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS["renamed by hand"], on_model, IMAGE)
    trial.begin()
    report = trial.agent.towards(None)
    assert [change.key.name for change in report.plan.changes if change.key.kind == "container"] == ["web-web-1"]
    assert_as_wanted(trial.agent, None)
    trial.agent.engine.close()


@pytest.mark.engine
def test_on_an_engine_what_is_to_run_after_a_start_runs_although_that_was_cut(
    on_engine: MakeAgent, busybox: str
) -> None:
    trial = Trial(TRANSITIONS["what runs after its start"], on_engine, busybox)
    trial.begin()
    trial.cut(1, of="container_start")
    trial.make_good()
    container, show = trial.agent.container("web")["Id"], {"Cmd": ["cat", "/data/log"], "AttachStdout": True}
    assert trial.agent.engine.execute(container, show, 10) == (0, "after\nafter\n"), (
        "in the former one, and in this one"
    )
