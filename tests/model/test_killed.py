"""The agent is killed after each call of a transition that changes something; the next one makes it good.

On the model after every call of every transition; on a real engine too, where one of them stands for the others in the
quick suite.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.engine import builds, commands, engine, images
from agent.model import Report
from agent.trial import NO_TRIAL, State, judge
from tests.model.fate import Fate
from tests.model.rig import FatedRig
from tests.model.transitions import END, REMADE, TRANSITIONS, Transition, assert_as_wanted, kept, web
from tests.model.trial import IMAGE, MakeAgent, Trial

SOURCES = (Path(engine.__file__), Path(commands.__file__), Path(images.__file__), Path(builds.__file__))
WRITES = re.compile(r'(?:\b_write|\b_make|\.write|_gone_is_fine|\.lasting)\(\s*"(\w+)"')
CHANGES = {endpoint for source in SOURCES for endpoint in WRITES.findall(source.read_text())}  # every one that there is


SELDOM = [pytest.param(fate, marks=pytest.mark.slow) for fate in (Fate.LOST, Fate.SILENT, Fate.GONE)]


@pytest.mark.parametrize("fate", [Fate.KILLED, *SELDOM])
@pytest.mark.parametrize("name", TRANSITIONS)
def test_on_the_model_after_every_call(name: str, fate: Fate, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    calls = trial.count()
    assert calls >= TRANSITIONS[name].least
    for number in range(1, calls + 1):
        trial.strike(number, fate)
    trial.agent.engine.close()


GOOD = ("stop-first", "start-first", "adopted", "adopted, start-first")
BAD = ("stop-first, taken back", "start-first, taken back", "adopted, taken back")


def taken_back_at_once(trial: Trial, number: int, of: str = "") -> Report:
    """The turn after one of which the content is no good, and which was cut there: it takes back what there was."""
    trial.begin()
    good = trial.agent.container("web")["Id"]
    trial.cut(number, of=of)
    report = trial.agent.towards(trial.later)
    now = trial.agent.container("web")
    assert (now["Id"], now["State"]["Running"]) == (good, True), f"cut after call {number}"
    assert_as_wanted(trial.agent, trial.former)
    assert judge(trial.later, report, NO_TRIAL, 0.0).state is State.FAILED, "the content is rejected"
    return report


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_good_is_taken_back_by_the_next_turn_wherever_it_was_cut(name: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    for number in range(1, trial.count() + 1):
        failure = taken_back_at_once(trial, number).failure
        assert failure is not None
        assert failure.reason == "CrashOnStart"
    trial.agent.engine.close()


@pytest.mark.parametrize("name", GOOD)
def test_what_runs_already_when_it_is_cut_is_neither_made_nor_started_anew(name: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    running = 0
    for number in range(1, trial.count() + 1):
        trial.begin()
        trial.cut(number)
        before = new_ones(trial.agent)
        if before:
            trial.agent.engine.lot.fall(1, Fate.KILLED, of="container_start")
        report = trial.agent.towards(trial.later)
        assert report.synced, f"cut after call {number}: {report.failure}"
        trial.agent.engine.lot.mend()
        assert not before or new_ones(trial.agent) == before
        running += len(before)
    assert running >= 2
    trial.agent.engine.close()


def test_what_never_stopped_is_not_started_when_its_successor_is_taken_back(on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS["start-first, taken back"], on_model, IMAGE)
    trial.begin()
    trial.agent.engine.lot.fall(2, Fate.KILLED, of="container_start")
    trial.agent.towards(trial.later)
    assert not trial.agent.engine.lot.fallen
    trial.agent.engine.close()


def new_ones(agent: FatedRig) -> dict[str, str]:
    """Of the containers of the new content that run: the ids, and when they were started."""
    found = filter(None, (agent.engine.inspect_container(one["Id"]) for one in agent.engine.list_containers()))
    return {
        one["Id"]: one["State"]["StartedAt"]
        for one in found
        if "VERSION=2" in (one["Config"]["Env"] or ()) and one["State"]["Running"]
    }


@pytest.mark.parametrize("name", [*GOOD, "stop-first, taken back", "adopted, taken back"])
@pytest.mark.parametrize("end", [END, REMADE], ids=["", "and a network made anew"])
def test_newer_content_takes_the_place_of_what_was_cut(end: str, name: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    newer = Transition("", web("3"), end=end).later(trial.agent, IMAGE)
    for number in range(1, trial.count() + 1):
        trial.begin()
        trial.cut(number)
        assert trial.agent.towards(newer).synced, f"cut after call {number}"
        assert_as_wanted(trial.agent, newer)
        assert kept(trial.agent) == trial.kept
    trial.agent.engine.close()


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_what_was_wanted_before_is_back_in_a_turn_wherever_it_was_cut(name: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    for number in range(1, trial.count() + 1):
        trial.begin()
        trial.cut(number)
        assert trial.agent.towards(trial.former).synced, f"cut after call {number}"
        assert_as_wanted(trial.agent, trial.former)
        assert kept(trial.agent) == trial.kept
    trial.agent.engine.close()


def test_there_is_no_change_of_the_engine_that_no_transition_takes(on_model: MakeAgent) -> None:
    asked = set[str]()
    for transition in TRANSITIONS.values():
        trial = Trial(transition, on_model, IMAGE)
        trial.begin()
        trial.agent.engine.lot.asked.clear()
        trial.agent.towards(trial.later)
        asked |= trial.agent.engine.lot.asked
        trial.make_good()
        trial.agent.engine.close()
    assert asked == CHANGES


def test_what_an_agent_had_stopped_when_it_died_runs_again_when_its_successor_is_taken_back(
    on_model: MakeAgent,
) -> None:
    trial = Trial(TRANSITIONS["stop-first, taken back"], on_model, IMAGE)
    trial.begin()
    web = trial.agent.container("web")["Id"]
    trial.agent.engine.stop_container(web, 0)
    report = trial.agent.towards(trial.later)
    assert report.failure is not None
    assert report.failure.reason == "CrashOnStart"
    now = trial.agent.container("web")
    assert (now["Id"], now["State"]["Running"]) == (web, True)
    trial.agent.engine.close()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("start-first", 4),
        ("stop-first, taken back", 7),
        ("a network that is made anew", 2),
        ("adopted with a network that is made anew", 2),
        ("renamed by hand and removed", 1),
    ],
)
def test_on_an_engine_in_the_middle(name: str, number: int, on_engine: MakeAgent, busybox: str) -> None:
    Trial(TRANSITIONS[name], on_engine, busybox).strike(number, Fate.KILLED)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "number"), [("stop-first, taken back", 1), ("stop-first, taken back", 2), ("adopted, taken back", 2)]
)
def test_on_an_engine_what_is_no_good_is_taken_back_by_the_turn_after_a_rename_that_was_the_last(
    name: str, number: int, on_engine: MakeAgent, busybox: str
) -> None:
    trial = Trial(TRANSITIONS[name], on_engine, busybox)
    failure = taken_back_at_once(trial, number, "container_rename").failure
    assert failure is not None
    assert failure.reason == "CrashOnStart"
    assert "exit code 1" in failure.message


@pytest.mark.engine
def test_on_an_engine_what_runs_when_it_is_cut_has_still_to_prove_itself(on_engine: MakeAgent, busybox: str) -> None:
    late = "command: [sh, -c, 'echo so far; sleep 2; echo so bad; exit 4']"
    watched = END.replace("MONITOR", "4s")
    trial = Trial(Transition(web("1"), web("2", late), bad=True, end=watched), on_engine, busybox)
    failure = taken_back_at_once(trial, 1, "container_start").failure
    assert failure is not None
    assert failure.message.endswith("did not stay up: exit code 4\nso far\nso bad"), "it was not started a second time"


@pytest.mark.engine
def test_on_an_engine_who_has_its_port_and_is_not_proved_yet_is_known(on_engine: MakeAgent, busybox: str) -> None:
    trial = Trial(TRANSITIONS["ports that are swapped"], on_engine, busybox)
    trial.begin()
    trial.cut(1, of="container_remove")
    report = trial.agent.towards(trial.later)
    assert report.failure is None
    trial.make_good()


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, one in TRANSITIONS.items() if not one.on_model_only])
def test_on_an_engine_after_every_call(name: str, on_engine: MakeAgent, busybox: str) -> None:
    trial = Trial(TRANSITIONS[name], on_engine, busybox)
    calls = trial.count()
    assert calls >= TRANSITIONS[name].least
    for number in range(1, calls + 1):
        trial.strike(number, Fate.KILLED)
