"""Who broke it: the commit that brought a change is named, however many came after it, and none where none did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.statedir import StateDir
from agent.store import Run, Store
from agent.store.runs import RunCommit
from tests.e2e.agents import Agent, Fleet

pytestmark = pytest.mark.engine


def level(image: str, value: int) -> str:
    return f"""
x-windlass: {{rollout: {{monitor: 300ms}}}}
services:
  web:
    image: "{image}"
    environment: {{LEVEL: "{value}", PLACE: "${{PLACE:-here}}"}}
    env_file: ../../shared/common.env
    stop_grace_period: 0s
"""


class Once:
    """An agent that takes one turn of everything whenever it is asked to."""

    def __init__(self, agent: Agent, stack: str, settings: Path) -> None:
        agent.extra = ("--once",)
        agent.variables = {"WINDLASS_CONFIG": str(settings)}
        settings.write_text("{}\n")
        self.agent, self.stack, self.settings = agent, stack, settings
        self.store = Store(StateDir(agent.home / "state").database)

    def turn(self) -> Run:
        """The run that is newest then."""
        self.agent.start()
        assert self.agent.process
        assert self.agent.process.wait(timeout=60) == 0, self.agent.tail()
        self.agent.process = None
        return self.store.history(self.stack, 1)[0]

    def planned(self, fleet: Fleet) -> tuple[str, str | None]:
        """Of the container: the cause in words, and the commit."""
        done = self.agent.windlass("plan", "--repo", str(fleet.bare), "-o", "json")
        assert done.returncode == 0, done.stderr
        (change,) = (one for one in json.loads(done.stdout)["changes"] if one["kind"] == "container")
        return change["cause_text"], (change["commit"] or {}).get("id")


@pytest.fixture
def once(agent: Agent, prefix: str, tmp_path: Path) -> Once:
    return Once(agent, f"{prefix}a", tmp_path / "agent.yaml")


def test_the_commit_is_named_that_brought_it_and_the_settings_where_none_did(
    once: Once, fleet: Fleet, busybox: str
) -> None:
    file = f"stacks/{once.stack}/compose.yaml"
    fleet.push({file: level(busybox, 1), "shared/common.env": "A=1\n"}, "Add it")
    once.turn()

    fleet.push({file: level(busybox, 2)}, "Raise the level")
    shared = fleet.push({"shared/common.env": "A=2\n"}, "Change what is shared")
    head = fleet.push({"README.md": "one\n"}, "Explain")
    named = f'git {shared[:7]} "Change what is shared" (Anna)'
    assert once.planned(fleet) == (named, shared)
    run = once.turn()
    assert (run.revision, run.commit) == (head, RunCommit(shared, "Change what is shared", "Anna"))
    assert named in once.agent.windlass("history").stdout.splitlines()[1]

    head = fleet.push({"README.md": "two\n"}, "Explain more")
    once.settings.write_text("variables: {PLACE: there}\n")
    assert once.planned(fleet) == ("settings: environment.PLACE changed", None)
    run = once.turn()
    assert (run.revision, run.commit) == (head, None)
    assert [(one.cause, one.reason) for one in run.changes] == [("settings", "environment.PLACE changed")]
