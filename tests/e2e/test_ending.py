"""What does not end when the agent is told to end is left after a while, and made good by the next one."""

from __future__ import annotations

import signal
import time

import docker
import pytest

from agent.ports import Rhythm
from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.contents import ends_when_told
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine

ENDING = Rhythm().ending


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_stop_that_takes_longer_than_the_end_may_is_left_to_the_next_agent(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web = f"{stack}-web-1"
    with running(agent):
        first = fleet.push({path: ends_when_told(busybox, "one", "10m")})
        until(lambda: agent.synced_at(stack, first), "deployed")
        old = identity(sdk, web)
        second = fleet.push({path: ends_when_told(busybox, "two", "10m")})
        until(lambda: sdk.containers(all=True, filters={"name": f"{web}.next"}), "the replacement, begun")
        assert agent.process is not None
        agent.signal(signal.SIGTERM)
        told = time.monotonic()
        code, took = agent.process.wait(timeout=ENDING + 25), time.monotonic() - told
        agent.process = None
        assert code == 0, agent.tail()
        assert took > ENDING - 5, "it has its time to end"
    (left,) = [line for line in agent.log_lines() if line["event"] == "left"]
    assert (left["level"], left["jobs"]) == ("warning", [f"turn-{stack}"])
    assert identity(sdk, web) == old, "it is as if the agent had been killed"
    with running(agent):
        made = sdk.exec_create(old, ["touch", "/tmp/go"])["Id"]
        sdk.exec_start(made)
        until(lambda: agent.synced_at(stack, second), "the rest by the next process")
        assert identity(sdk, web) not in ("", old)
        assert [one["Id"] for one in sdk.containers(all=True, filters={"name": web})] == [identity(sdk, web)]
