"""Hooks of a stack, from the push to what is told of them, with the whole agent."""

from __future__ import annotations

import json

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import accepted, identity

pytestmark = pytest.mark.engine


def compose(image: str, version: str, *, migrate: str = "true", api: str = "sleep 600") -> str:
    return f"""\
x-windlass:
  hooks: {{pre_deploy: migrate, on_failure: alarm}}
  rollout: {{monitor: 300ms}}
services:
  migrate: {{image: {image}, command: [sh, -c, "{migrate}"]}}
  alarm: {{image: {image}, command: [echo, alarm]}}
  web:
    image: {image}
    command: [sh, -c, "{api}"]
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
"""


def runs_of(sdk: docker.APIClient, name: str) -> list[str]:
    """When the container was started and with what it ended; empty while it is not there or not ended."""
    try:
        state = sdk.inspect_container(name)["State"]
    except docker.errors.NotFound:
        return []
    return [state["StartedAt"], str(state["ExitCode"])] if state["Status"] == "exited" else []


@pytest.mark.slow
def test_hooks_from_the_push_to_what_is_told(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web, migrate, alarm = (f"{stack}-{name}-1" for name in ("web", "migrate", "alarm"))
    with running(agent):
        first = fleet.push({path: compose(busybox, "one")}, "First")
        until(lambda: accepted(agent, stack) == first and agent.synced_at(stack, first), "the first commit good")
        good, ran = identity(sdk, web), runs_of(sdk, migrate)
        assert ran[1] == "0"
        fleet.push({path: compose(busybox, "two", migrate="echo token=hunter2 no such table; exit 7")}, "Second")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "HookFailed"
        assert "no such table" in failure["message"]
        alarmed = until(lambda: runs_of(sdk, alarm), "the hook for a failure run")
        assert identity(sdk, web) == good, "nothing else was touched"
        until(lambda: agent.stack(stack)["health"] == "healthy", "the stack as it was")
        runs = json.loads(agent.windlass("history", stack, "-n", "100", "-o", "json").stdout)["runs"]
        assert "pre_deploy failed: exit code 7" in json.dumps(runs)
        assert "hunter2" not in json.dumps(runs) + agent.log.read_text()
        agent.kill()
    with running(agent):
        until(lambda: agent.stack(stack).get("failure"), "the failure known to the next process")
        fleet.push({"README.md": "unrelated"}, "Unrelated")
        until(lambda: agent.status()["source"]["revision"]["subject"] == "Unrelated", "the unrelated commit seen")
        agent.await_passes(stack)
        assert runs_of(sdk, alarm) == alarmed, "it is run once for what failed"
        third = fleet.push({path: compose(busybox, "three", api="exit 1")}, "Third")
        until(lambda: third and runs_of(sdk, alarm) not in ([], alarmed), "run for the next that failed")
        fourth = fleet.push({path: compose(busybox, "four")}, "Fourth")
        until(lambda: agent.synced_at(stack, fourth), "the mended commit deployed")
        assert runs_of(sdk, migrate)[1] == "0"


ONCE_FOR_EVER = "; ".join(
    (
        "[ -e /shared/began ] && exit 0",
        "touch /shared/began",
        "trap 'exit 3' TERM",
        "echo began",
        "while true; do sleep 0.1; done",
    )
)


@pytest.mark.slow
def test_an_agent_that_is_to_end_while_a_hook_runs_ends_and_the_next_one_runs_it(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack = f"{prefix}a"
    web = f"{stack}-web-1"
    text = f"""\
x-windlass: {{rollout: {{monitor: 300ms}}}}
services:
  web:
    image: {busybox}
    command: [sleep, "600"]
    stop_grace_period: 0s
    volumes: ["shared:/shared"]
    pre_start: [{{command: [sh, -c, "{ONCE_FOR_EVER}"]}}]
volumes: {{shared: {{}}}}
"""

    def said() -> bytes:
        try:
            return bytes(sdk.logs(f"{web}.hook"))
        except docker.errors.NotFound:
            return b""

    first = fleet.push({f"stacks/{stack}/compose.yaml": text}, "First")
    with running(agent):
        until(lambda: b"began" in said(), "the hook runs")
        assert agent.stop() == 0, agent.tail()
    assert [one["Names"] for one in sdk.containers(all=True, filters={"name": web})] == [], "nothing half made is left"
    with running(agent):
        until(lambda: agent.synced_at(stack, first), "the hook run, and the service after it")
