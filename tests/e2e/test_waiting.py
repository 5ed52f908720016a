"""What waits for something that takes its time, from the push on."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import accepted, identity

pytestmark = pytest.mark.engine


def compose(image: str, version: str, migrate: str = "") -> str:
    """`api`, and where it is given a command, `migrate` before it."""
    job = f"  migrate: {{image: {image}, command: {migrate}, stop_grace_period: 0s}}\n" if migrate else ""
    behind = "depends_on: {migrate: {condition: service_completed_successfully}}, " if migrate else ""
    return f"""\
x-windlass: {{rollout: {{monitor: 300ms}}}}
services:
  api: {{image: {image}, {behind}stop_grace_period: 0s, environment: {{VERSION: {version}}}}}
{job}"""


def test_a_turn_that_waits_for_a_job_ends_with_newer_content_and_with_the_agent(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    api, migrate = f"{stack}-api-1", f"{stack}-migrate-1"

    def waits() -> bool:
        return "still running" in str(agent.stack(stack))

    with running(agent):
        first = fleet.push({path: compose(busybox, "one")}, "First")
        until(lambda: accepted(agent, stack) == first, "the first commit known to be good")
        good = identity(sdk, api)
        fleet.push({path: compose(busybox, "two", "[sleep, '600']")}, "A long migration")
        until(waits, "what waits for the migration told")
        assert identity(sdk, api) == good, "the old one runs meanwhile"
        sdk.kill(api)
        until(lambda: sdk.inspect_container(api)["State"]["Running"], "the old one, which was killed, runs again")
        assert waits(), "the turn goes on"
        third = fleet.push({path: compose(busybox, "three")}, "Without it")
        until(lambda: agent.synced_at(stack, third), "the newer content, for which nobody waits")
        fleet.push({path: compose(busybox, "four", "[sleep, '600']")}, "A long migration once more")
        until(waits, "what waits again")
        assert agent.stop() == 0
    assert [line for line in agent.log_lines() if line["event"] == "left"] == []
    assert sdk.inspect_container(migrate)["State"]["Running"], "its work goes on"
