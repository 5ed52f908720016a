"""`suspend`, `resume`, and what `plan` and `apply` make of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from agent.cli.errors import NoAgent
from agent.directives import HOST, Directives
from agent.store import Store
from agent.suspension import Suspension
from agent.telemetry.overview import Overview, ServiceCount, StackStatus
from tests.cli.conftest import Run
from tests.cli.fakes import Agent, planned


@pytest.fixture
def said(agent: Agent, tmp_path: Path) -> Directives:
    """What the commands write, beside an agent that knows the stacks `web` and `db`."""
    agent.stored = Store(tmp_path / "state.db")
    stacks = (StackStatus("db"), StackStatus("web", services=ServiceCount(2, 2, ("api", "front"))))
    agent.stored.save_overview(Overview(stacks=stacks).document())
    agent.said = Directives(tmp_path / "directives.json", by="anna")
    return agent.said


def test_a_stack_is_suspended_for_a_time_and_resumed(run: Run, said: Directives) -> None:
    result = run("suspend", "web", "--reason", "a migration", "--for", "2h")
    assert (result.exit_code, result.output) == (
        0,
        "Stack web is suspended for 2 h. To end it: windlass resume web\n",
    )
    why = said.now().suspended["web"]
    assert (why.reason, why.by) == ("a migration", "anna")
    assert why.until is not None
    assert 7100 < why.until - time.time() <= 7200
    result = run("resume", "web")
    assert (result.exit_code, result.output) == (0, "Stack web is resumed.\n")
    assert not said.now().suspended
    assert run("resume", "web").output == "Nothing of it was suspended.\n"


def test_without_an_end_it_lasts(run: Run, said: Directives) -> None:
    assert "until it is resumed" in run("suspend", "--all", "--reason", "the move").output
    assert said.now().suspended == {HOST: Suspension("the move", "anna")}
    assert run("resume", "--all").output == "The whole host is resumed.\n"


def test_who_resumes_a_stack_of_a_suspended_host_is_told(run: Run, said: Directives) -> None:
    run("suspend", "--all", "--reason", "the move")
    run("suspend", "web/api", "--reason", "a debugger")
    result = run("resume", "web")
    assert result.output.splitlines() == ["Service web/api is resumed.", "The whole host is still suspended: the move"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["wbe"], "there is no stack named 'wbe': did you mean 'web'?"),
        (["zzz"], "there is no stack named 'zzz': known: db, web."),
        (["web/apis"], "there is no service in web named 'apis': did you mean 'api'?"),
        (["web/"], "there is no service in web named ''"),
        ([], "say either STACK or STACK/SERVICE, or --all"),
        (["web", "--all"], "say either STACK or STACK/SERVICE, or --all"),
        (["web", "--for", "soon"], '"soon" is no duration such as'),
        (["web", "--for", "0s"], '"0s" is over at once'),
        (["web", "--for", "99999999999h"], '"99999999999h" is more than a hundred years'),
        (["web", "--for", f"{'9' * 400}h"], "is more than a hundred years"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_is_written(
    run: Run, said: Directives, words: list[str], expected: str
) -> None:
    result = run("suspend", *words, "--reason", "why")
    assert result.exit_code == 64
    assert expected in result.output
    assert not said.now().suspended


def test_without_a_reason_it_says_that_none_was_given(run: Run, said: Directives) -> None:
    assert run("suspend", "web/api", "--for", "30m").exit_code == 0
    assert said.now().suspended["web/api"].reason == "no reason given"


def test_what_is_suspended_can_be_resumed_though_the_agent_no_longer_knows_it(run: Run, said: Directives) -> None:
    said.suspend("gone", "why", None)
    assert run("resume", "gone").output == "Stack gone is resumed.\n"


def test_where_no_agent_has_run_any_name_is_taken_and_that_is_said(run: Run, said: Directives, agent: Agent) -> None:
    agent.stored = NoAgent("/state")
    result = run("suspend", "web", "--reason", "why")
    assert result.exit_code == 0
    assert "no agent has run with this state directory yet" in result.stderr


def test_a_status_that_cannot_be_read_keeps_nobody_from_suspending(run: Run, agent: Agent, said: Directives) -> None:
    assert isinstance(agent.stored, Store)
    agent.stored.save_overview({"stacks": [{"name": "web", "health": "dormant"}]})
    result = run("suspend", "web", "--reason", "why")
    assert result.exit_code == 0
    assert "note: the saved status was written by another release" in result.stderr
    assert said.now().suspended["web"].reason == "why"


def test_json_tells_all_that_is_suspended(run: Run, said: Directives) -> None:
    run("suspend", "web", "--reason", "why")
    document = json.loads(run("suspend", "db", "--reason", "too", "-o", "json").stdout)
    assert document["suspended"] == [
        {"what": "db", "reason": "too", "by": "anna", "until": None},
        {"what": "web", "reason": "why", "by": "anna", "until": None},
    ]


def test_apply_leaves_what_is_suspended_alone_and_asks_nobody(run: Run, agent: Agent) -> None:
    agent.planned = planned(suspended={"web": Suspension("a migration", "anna")})
    result = run("apply", "--yes")
    assert result.exit_code == 5
    assert "stack web is suspended by anna: a migration. Nothing was changed" in result.stderr
    assert "windlass resume web" in result.stderr
    assert [asked[0] for asked in agent.asked] == ["plan"]


def test_plan_says_that_a_stack_is_suspended(run: Run, agent: Agent) -> None:
    agent.planned = planned(suspended={"web": Suspension("a migration", "anna")})
    result = run("plan")
    assert result.exit_code == 0
    assert "note: stack web is suspended by anna: a migration" in result.stderr


def test_plan_says_that_the_agent_waits_for_a_freeze_to_end(run: Run, agent: Agent) -> None:
    agent.planned = planned(frozen={"web": Suspension("weekend", "frozen", 1_800_000_000.0)})
    result = run("plan")
    assert result.exit_code == 0
    assert "note: a freeze window is open for stack web (weekend): the agent waits with new content" in result.stderr
