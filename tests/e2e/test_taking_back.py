"""A change that does not become good, from the push to what runs afterwards."""

from __future__ import annotations

import signal

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.test_agent import identity

pytestmark = pytest.mark.engine


def compose(image: str, version: str, api: str = "sleep 600", more: str = "") -> str:
    """Two services; `api` proves itself within a second, and so does whatever else there is."""
    return f"""\
x-windlass: {{rollout: {{monitor: 1s}}}}
services:
  web:
    image: {image}
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
  api:
    image: {image}
    command: [sh, -c, "{api}"]
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
{more}"""


def version(sdk: docker.APIClient, name: str) -> str:
    environment = [str(entry) for entry in sdk.inspect_container(name)["Config"]["Env"]]
    return next(entry.partition("=")[2] for entry in environment if entry.startswith("VERSION="))


def accepted(agent: Agent, stack: str) -> str:
    """The commit that the agent would go back to."""
    file = agent.home / "state" / "mirror" / "refs" / "windlass" / "good" / stack
    return file.read_text().strip() if file.exists() else ""


def since(sdk: docker.APIClient, name: str) -> tuple[str, str]:
    """What changes when a container is made anew, and when it is started anew."""
    found = sdk.inspect_container(name)
    return found["Id"], found["State"]["StartedAt"]


def test_the_whole_stack_goes_back_and_stays_there_until_there_is_something_new(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web, api = f"{stack}-web-1", f"{stack}-api-1"
    with running(agent):
        first = fleet.push({path: compose(busybox, "one")}, "First")
        until(lambda: agent.synced_at(stack, first), "the first commit deployed")
        good = identity(sdk, api)
        until(lambda: accepted(agent, stack) == first, "the first commit known to be good")
        fleet.push({path: compose(busybox, "two", "echo cannot connect; exit 7")}, "Second")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "CrashOnStart"
        assert "exit code 7" in failure["message"]
        assert "cannot connect" in failure["message"]
        series = f'windlass_rollbacks_total{{result="success",stack="{stack}"}}'
        until(
            lambda: (agent.metric(series) or 0) + (agent.metric(series.replace("success", "noop")) or 0), "taken back"
        )
        until(lambda: identity(sdk, web) and version(sdk, web) == "one", "what was changed with it gone back")
        assert identity(sdk, api) == good, "the old container itself"
        assert agent.stack(stack)["sync"] == "out of sync"
        sdk.remove_container(web, force=True)
        until(lambda: identity(sdk, web), "what is good healed meanwhile")
        assert version(sdk, web) == "one"
        agent.kill()
    before = [since(sdk, name) for name in (web, api)]
    with running(agent):
        until(lambda: agent.stack(stack).get("failure"), "the failure known to the next process")
        fleet.push({"README.md": "unrelated"}, "Unrelated")
        until(lambda: agent.status()["source"]["revision"]["subject"] == "Unrelated", "the unrelated commit seen")
        agent.await_passes(stack)
        assert [since(sdk, name) for name in (web, api)] == before, "what is good is left alone"
        for result in ("success", "error"):
            series = f'windlass_actions_total{{action="replace",kind="container",result="{result}"}}'
            assert not agent.metric(series), "it is not tried again"
        third = fleet.push({path: compose(busybox, "three")}, "Third")
        until(lambda: agent.synced_at(stack, third), "the mended commit deployed")
        assert version(sdk, web) == version(sdk, api) == "three"


def test_a_new_service_that_does_not_get_healthy_is_taken_back_and_tried_again_when_asked(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    ill = f"  ill:\n    image: {busybox}\n    healthcheck: {{test: [CMD, 'false'], interval: 200ms, retries: 2}}\n"
    with running(agent):
        first = fleet.push({path: compose(busybox, "one")}, "First")
        until(lambda: agent.synced_at(stack, first), "the first commit deployed")
        until(lambda: accepted(agent, stack) == first, "the first commit known to be good")
        fleet.push({path: compose(busybox, "one", more=ill)}, "Ill")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "Unhealthy"
        assert "service ill" in failure["message"]
        until(lambda: not identity(sdk, f"{stack}-ill-1"), "taken back")
        agent.signal(signal.SIGHUP)
        until(lambda: identity(sdk, f"{stack}-ill-1"), "tried again")
        until(lambda: not identity(sdk, f"{stack}-ill-1"), "taken back once more")
