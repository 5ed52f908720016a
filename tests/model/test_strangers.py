"""A container of somebody else's has a name that a replacement needs: that is told, nothing that runs is stopped for
it, and once that one is gone all becomes as wanted by itself."""

from __future__ import annotations

import pytest

from agent.model import Action, Report
from tests.model.fate import Fate
from tests.model.rig import FatedRig
from tests.model.transitions import TRANSITIONS, assert_as_wanted
from tests.model.trial import IMAGE, TURNS, MakeAgent, Trial

WEB = "web-web-1"


def stranger(rig: FatedRig, name: str) -> str:
    made = rig.engine.create_container(name, {"Image": IMAGE, "Labels": {"who": "somebody else"}})
    rig.engine.start_container(made)
    return made


def held(report: Report) -> dict[str, str]:
    return {one.key.name: one.reason for one in report.plan.changes if one.action is Action.HOLD}


@pytest.mark.parametrize(
    ("transition", "twin"),
    [
        ("stop-first", "next"),
        ("stop-first", "old"),
        ("start-first", "old"),
        ("adopted", "next"),
        ("adopted", "windlass-old"),
        ("adopted, start-first", "windlass-old"),
    ],
)
def test_a_replacement_waits_for_a_name_that_it_needs(transition: str, twin: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[transition], on_model, IMAGE)
    trial.begin()
    rig, before = trial.agent, trial.agent.container("web")
    other = stranger(rig, f"{WEB}.{twin}")
    calls = rig.engine.lot.changes
    report = rig.towards(trial.later)
    assert f"docker rename {WEB}.{twin}" in held(report)[WEB]
    assert report.failure is not None
    assert report.failure.reason == "NameConflict"
    assert (rig.engine.lot.changes, rig.container("web")) == (calls, before), "nothing was touched"
    rig.engine.remove_container(other, force=True)
    trial.make_good()


@pytest.mark.parametrize(
    ("transition", "twin"),
    [("a network that is made anew", "old"), ("adopted with a network that is made anew", "windlass-old")],
)
def test_a_network_waits_for_a_name_that_its_user_needs(transition: str, twin: str, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[transition], on_model, IMAGE)
    trial.begin()
    rig, before = trial.agent, trial.agent.container("web")
    other = stranger(rig, f"{WEB}.{twin}")
    report = rig.towards(trial.later)
    assert f"docker rename {WEB}.{twin}" in held(report)["web_front"]
    assert rig.container("web") == before
    rig.engine.remove_container(other, force=True)
    trial.make_good()


@pytest.mark.parametrize(("transition", "twin"), [("stop-first", "old"), ("adopted", "windlass-old")])
def test_what_runs_goes_on_whenever_a_stranger_comes(transition: str, twin: str, on_model: MakeAgent) -> None:
    """Also in the middle of the turn: then what was there goes on, and the next one waits."""
    trial = Trial(TRANSITIONS[transition], on_model, IMAGE)
    for number in range(1, trial.count() + 1):
        trial.begin()
        rig, came = trial.agent, list[str]()

        def comes(rig: FatedRig = rig, came: list[str] = came) -> None:
            if rig.engine.inspect_container(f"{WEB}.{twin}") is None:
                came.append(stranger(rig, f"{WEB}.{twin}"))

        rig.engine.lot.fall(number, Fate.MEDDLED, comes)
        rig.towards(trial.later)
        rig.engine.lot.mend()
        assert rig.container("web")["State"]["Running"], f"came at call {number}"
        rig.settle(trial.later, TURNS)
        assert rig.container("web")["State"]["Running"], f"came at call {number}"
        for one in came:
            rig.engine.remove_container(one, force=True)
        trial.make_good()
        assert_as_wanted(rig, trial.later)
