"""`windlass apply` of content that does not become good: the whole stack goes back, where it is known to what."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent, Fleet
from tests.e2e.seen import identity, version

pytestmark = pytest.mark.engine


def compose(image: str, version: str, api: str = "sleep 600", more: str = "") -> str:
    return f"""\
x-windlass: {{rollout: {{monitor: 300ms}}}}
services:
  web: {{image: "{image}", environment: {{VERSION: "{version}"}}, stop_grace_period: 0s}}
  api:
    image: {image}
    command: [sh, -c, "{api}"]
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
    depends_on: [web]
{more}"""


@pytest.fixture
def stack(prefix: str) -> str:
    return f"{prefix}a"


@pytest.fixture
def clone(fleet: Fleet, stack: str, busybox: str) -> Path:
    """The directory of a stack in a clone, committed at version one."""
    fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox, "one")}, "First")
    return fleet.work / "stacks" / stack


def test_the_whole_stack_goes_back_to_the_commit_that_was_applied_and_good(
    agent: Agent, fleet: Fleet, clone: Path, stack: str, sdk: docker.APIClient, busybox: str
) -> None:
    web, api = f"{stack}-web-1", f"{stack}-api-1"
    first = agent.windlass("apply", str(clone), "--yes")
    assert first.returncode == 0, first.stderr
    good = identity(sdk, api)
    fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox, "two", "echo cannot connect; exit 7")}, "Second")
    second = agent.windlass("apply", str(clone), "--yes", "-o", "json")
    assert second.returncode == 1, second.stderr
    said = json.loads(second.stdout)
    (back,) = said["taken_back"]
    assert (said["synced"], back["failure"]["reason"], back["revision"]["subject"]) == (False, "CrashOnStart", "First")
    assert version(sdk, web) == version(sdk, api) == "one", "also the one that had been replaced well"
    assert identity(sdk, api) == good, "the old container itself"
    runs = json.loads(agent.windlass("history", stack, "-o", "json").stdout)["runs"]
    assert [run["trigger"] for run in runs] == ["rollback", "manual", "manual"]


@pytest.mark.slow
def test_what_is_only_made_is_waited_for_and_taken_back(
    agent: Agent, fleet: Fleet, clone: Path, stack: str, sdk: docker.APIClient, busybox: str
) -> None:
    assert agent.windlass("apply", str(clone), "--yes").returncode == 0
    extra = f'  late: {{image: "{busybox}", command: [sh, -c, "sleep 0.5; exit 1"]}}\n'
    more = compose(busybox, "two", more=extra).replace("300ms", "1s")
    fleet.push({f"stacks/{stack}/compose.yaml": more}, "Second")
    second = agent.windlass("apply", str(clone), "--yes")
    assert second.returncode == 1, second.stderr
    assert f"! {stack}: taken back to git" in second.stderr
    assert "exit code 1" in second.stderr
    assert not identity(sdk, f"{stack}-late-1")
    assert version(sdk, f"{stack}-web-1") == "one"


@pytest.mark.slow
def test_where_nothing_is_known_to_have_been_good_that_is_said(
    agent: Agent, clone: Path, stack: str, sdk: docker.APIClient, busybox: str
) -> None:
    assert agent.windlass("apply", str(clone), "--yes").returncode == 0
    (agent.home / "state" / "applied.json").unlink()
    (clone / "compose.yaml").write_text(compose(busybox, "two", "exit 7"))
    second = agent.windlass("apply", str(clone), "--yes")
    assert second.returncode == 1
    assert "nothing that was good before is known of it" in second.stderr
    assert version(sdk, f"{stack}-web-1") == "two"


@pytest.mark.slow
def test_what_the_agent_left_good_is_gone_back_to(
    agent: Agent, fleet: Fleet, clone: Path, stack: str, sdk: docker.APIClient, busybox: str
) -> None:
    settings = agent.home / "agent.yaml"
    settings.write_text(f"repo: {fleet.bare}\n")
    agent.variables = {"WINDLASS_CONFIG": str(settings)}
    once = agent.windlass("run", "--once", "--listen", "")
    assert once.returncode == 0, once.stderr
    fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox, "two", "exit 7")}, "Second")
    second = agent.windlass("apply", str(clone), "--yes")
    assert second.returncode == 1
    assert f"! {stack}: taken back to git" in second.stderr
    assert version(sdk, f"{stack}-web-1") == "one"
