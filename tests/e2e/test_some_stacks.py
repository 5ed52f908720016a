"""Some stacks of a repository on a real engine, with and without pruning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.agents import Agent
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


def write(home: Path, name: str, image: str, *services: str) -> None:
    (home / name).mkdir(exist_ok=True)
    lines = [f'  {one}: {{image: "{image}", stop_grace_period: 0s}}' for one in services]
    (home / name / "compose.yaml").write_text("\n".join(["services:", *lines, ""]))


@pytest.mark.slow
def test_only_the_stacks_that_are_named_are_changed_and_pruning_can_be_left_out(
    agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str, tmp_path: Path
) -> None:
    one, two, home = f"{prefix}one", f"{prefix}two", str(tmp_path)
    write(tmp_path, one, busybox, "web", "old")
    write(tmp_path, two, busybox, "web")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "compose.yaml").write_text("services: {web: {restrat: no}}")

    first = agent.windlass("apply", home, "--stack", one, "--yes", "--no-wait")
    assert first.returncode == 0, first.stderr
    assert identity(sdk, f"{one}-web-1")
    assert not identity(sdk, f"{two}-web-1")

    write(tmp_path, one, busybox, "web")
    file = tmp_path / "plan.json"
    options = ("--stack", one, "--stack", two, "--no-prune", "-o", "json", "--out", str(file))
    planned: dict[str, Any] = json.loads(agent.windlass("plan", home, *options).stdout)
    assert {(change["action"], change["name"]) for change in planned["changes"] if change["kind"] == "container"} == {
        ("create", f"{two}-web-1"),
        ("hold", f"{one}-old-1"),
    }
    applied = agent.windlass("apply", str(file), "--yes")
    assert applied.returncode == 0, applied.stderr
    assert identity(sdk, f"{two}-web-1")
    assert identity(sdk, f"{one}-old-1")

    second = agent.windlass("apply", home, "--stack", one, "--yes")
    assert second.returncode == 0, second.stderr
    assert not identity(sdk, f"{one}-old-1")
    assert identity(sdk, f"{two}-web-1"), "another stack, not named, is not in the way"
    unknown = agent.windlass("plan", home, "--stack", f"{prefix}three")
    assert unknown.returncode == 4
    assert f'there is no stack "{prefix}three" here' in unknown.stderr
