"""`approve`, and what `plan` says of removals that wait for it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.directives import Directives
from agent.model import Action, Cause, Change, Key, Plan
from agent.planning.words import approve, too_much
from agent.store import Store
from agent.telemetry.overview import FailureStatus, Held, Overview, SourceStatus, StackStatus
from tests.cli.conftest import Run
from tests.cli.fakes import Agent, planned

HASH = "0123456789ab"


@pytest.fixture
def said(agent: Agent, tmp_path: Path) -> Directives:
    agent.said = Directives(tmp_path / "directives.json", by="anna")
    return agent.said


def approved_in(seconds: float, state_dir: Path) -> frozenset[str]:
    """What is still approved so many seconds from now."""
    return Directives(state_dir / "directives.json", lambda: time.time() + seconds).now().approved


def test_it_holds_for_an_hour(run: Run, said: Directives, tmp_path: Path) -> None:
    result = run("approve", HASH)
    assert (result.exit_code, result.output) == (0, "Approved for 1 h.\n")
    assert said.now().approved == {HASH}
    assert approved_in(3590, tmp_path) == {HASH}
    assert not approved_in(3601, tmp_path)


@pytest.mark.usefixtures("said")
def test_it_holds_for_as_long_as_is_said(run: Run, tmp_path: Path) -> None:
    assert run("approve", HASH, "--for", "5m").output == "Approved for 5 min.\n"
    assert approved_in(290, tmp_path) == {HASH}
    assert not approved_in(301, tmp_path)


@pytest.mark.parametrize("word", ["", "0123", "0123456789AB", "0123456789abc", "../../../etc"])
def test_what_is_no_hash_is_refused(run: Run, said: Directives, word: str) -> None:
    assert run("approve", word).exit_code == 64
    assert not said.now().approved


@pytest.mark.parametrize(
    ("overview", "told"),
    [
        (Overview(stacks=(StackStatus("a", held=(Held("container", "a-1", f"windlass approve {HASH}"),)),)), False),
        (Overview(source=SourceStatus(failure=FailureStatus("EmptyDesiredState", f"approve {HASH}"))), False),
        (Overview(stacks=(StackStatus("a"),)), True),
    ],
)
def test_a_hash_that_the_agent_does_not_know_is_taken_and_that_is_told(
    run: Run, said: Directives, agent: Agent, tmp_path: Path, overview: Overview, told: bool
) -> None:
    agent.stored = Store(tmp_path / "state.db")
    agent.stored.save_overview(overview.document())
    result = run("approve", HASH)
    assert ("the agent holds nothing with this hash now" in result.stderr) is told
    assert said.now().approved == {HASH}


def held(*removals: str) -> Plan:
    change = Change(0, Action.HOLD, Key("container", "a"), "web", Cause.PRUNE, "", code="PruneGuard")
    return Plan(
        tuple(
            replace(change, number=number, reason=too_much(2, 3, approve(one, 2)), approval=one)
            for number, one in enumerate(removals)
        )
    )


@pytest.mark.parametrize("digits", [8, 64])
def test_the_hash_of_a_plan_stands_for_what_is_held_in_it(
    run: Run, said: Directives, agent: Agent, digits: int
) -> None:
    agent.planned = planned(held(HASH, HASH))
    result = run("approve", agent.planned.hash[:digits])
    assert (result.exit_code, result.output) == (0, "Approved for 1 h.\n")
    assert said.now().approved == {HASH}


def test_the_hash_of_another_plan_and_that_of_one_without_removals_approve_nothing(
    run: Run, said: Directives, agent: Agent
) -> None:
    agent.planned = planned(held(HASH))
    result = run("approve", "01234567")
    assert (result.exit_code, "the plan is not 01234567 here and now, but 3f9c1a2b" in result.stderr) == (1, True)
    agent.planned = planned()
    result = run("approve", agent.planned.hash[:8])
    assert (result.exit_code, "holds no removals" in result.stderr) == (64, True)
    assert not said.now().approved


def test_a_plan_says_once_what_to_type(run: Run, agent: Agent) -> None:
    agent.planned = planned(held(HASH, HASH))
    lines = run("plan").stdout.splitlines()
    assert [line for line in lines if line.startswith("Let go")] == [
        f"Let go what is held, if it is meant, with: windlass approve {HASH}"
    ]
    agent.planned = planned(Plan((Change(0, Action.HOLD, Key("volume", "v"), "web", Cause.PRUNE, "kept"),)))
    assert "approve" not in run("plan").stdout


def test_what_waits_for_approval_is_a_difference(run: Run, agent: Agent) -> None:
    for code, expected in (("PruneGuard", 2), ("EmptyDesiredState", 2), ("KeepsData", 0)):
        change = Change(0, Action.HOLD, Key("container", "a"), "web", Cause.PRUNE, "much", code=code)
        agent.planned = planned(Plan((change,)))
        assert run("plan", "--detailed-exitcode").exit_code == expected
