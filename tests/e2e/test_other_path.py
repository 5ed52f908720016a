"""The agent follows another directory of its repository from now on."""

from __future__ import annotations

import json

import docker
import pytest

from tests.e2e.agents import Agent, Fleet
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


@pytest.mark.slow
def test_what_was_made_from_another_directory_goes_on_and_is_told(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    text = f"services: {{web: {{image: '{busybox}', stop_grace_period: 0s}}}}\n"
    text += "x-windlass: {rollout: {monitor: 300ms}}\n"
    old, both, new = f"{prefix}old", f"{prefix}both", f"{prefix}new"
    files = {f"hosts/a/{name}/compose.yaml": text for name in (old, both)}
    files |= {f"hosts/b/{name}/compose.yaml": text for name in (both, new)}
    fleet.push(files)
    once = ("run", "--once", "--repo", agent.repo, "--instance", agent.instance, "--listen", "")
    first = agent.windlass(*once, "--path", "hosts/a")
    assert first.returncode == 0, first.stderr
    kept = {name: identity(sdk, f"{name}-web-1") for name in (old, both)}

    second = agent.windlass(*once, "--path", "hosts/b")
    assert second.returncode == 0, second.stderr
    assert identity(sdk, f"{new}-web-1")
    assert {name: identity(sdk, f"{name}-web-1") for name in (old, both)} == kept, "nothing is removed or restarted"
    assert "made by this instance from another source" in second.stderr
    assert json.loads(agent.windlass("status", "-o", "json").stdout)["elsewhere"] == [old]
