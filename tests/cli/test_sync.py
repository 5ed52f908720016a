"""`sync`: what is written for the agent, and how its answer is waited for."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.errors import NoAgent
from agent.directives import HOST, Directives
from agent.model import Health
from agent.store import Store
from agent.telemetry.overview import Overview, StackStatus, Sync
from tests.cli.conftest import Run
from tests.cli.fakes import Agent

WELL = StackStatus("web", sync=Sync.SYNCED, health=Health.HEALTHY)
ILL = StackStatus("db", sync=Sync.SYNCED, health=Health.DEGRADED)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state.db")
    store.save_overview(Overview(stacks=(ILL, WELL)).document())
    return store


@pytest.fixture
def said(agent: Agent, store: Store, tmp_path: Path) -> Directives:
    agent.stored = store
    agent.said = Directives(tmp_path / "directives.json", by="anna")
    return agent.said


@pytest.mark.parametrize(
    ("words", "what", "hard"), [((), {HOST}, False), (("web", "db"), {"web", "db"}, False), (("--hard",), {HOST}, True)]
)
def test_the_agent_is_asked(run: Run, said: Directives, words: tuple[str, ...], what: set[str], hard: bool) -> None:
    result = run("sync", *words)
    assert (result.exit_code, result.output) == (0, "The agent is asked to look at once.\n")
    asked = said.now().asked
    assert (set(asked), {one.hard for one in asked.values()}) == (what, {hard})
    assert all(abs(one.at - time.time()) < 60 for one in asked.values())


@pytest.mark.parametrize(("words", "code"), [((), 3), (("web",), 0), (("db",), 3)])
def test_it_waits_for_the_answer_and_ends_as_status_does(
    run: Run, said: Directives, store: Store, words: tuple[str, ...], code: int
) -> None:
    before = replace(WELL, sync=Sync.OUT_OF_SYNC)
    store.save_overview(Overview(stacks=(ILL, before), answered=time.time() - 1).document())

    def answer() -> None:
        while not (asked := said.now().asked):
            time.sleep(0.01)
        at = max(one.at for one in asked.values())
        store.save_overview(Overview(stacks=(ILL, WELL), answered=at).document())

    agent = threading.Thread(target=answer)
    agent.start()
    result = run("sync", "--wait", *words)
    agent.join()
    assert result.exit_code == code
    assert ("web" in result.output, "db" in result.output) == (words != ("db",), words != ("web",))


def test_what_was_answered_before_the_clock_was_set_back_is_no_answer(run: Run, said: Directives, store: Store) -> None:
    answered = time.time() + 86400
    store.save_overview(Overview(stacks=(WELL,), answered=answered).document())
    result = run("sync", "--wait", "--timeout", "1s", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["failure"]["reason"]) == (1, "SyncTimeout")
    assert all(one.at > answered for one in said.now().asked.values())


def test_an_agent_that_does_not_answer_is_told_in_time(run: Run, said: Directives) -> None:
    result = run("sync", "--wait", "--timeout", "1s", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["failure"]["reason"]) == (1, "SyncTimeout")
    assert set(said.now().asked) == {HOST}


def test_a_stack_that_is_not_known_and_a_host_without_an_agent_are_refused(
    run: Run, said: Directives, agent: Agent
) -> None:
    result = run("sync", "wev")
    assert (result.exit_code, "did you mean 'web'" in result.output) == (64, True)
    agent.stored = NoAgent("x")
    assert run("sync").exit_code == 6
    assert not said.now().asked
