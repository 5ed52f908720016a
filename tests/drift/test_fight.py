"""Something that changes a container back, all the time, beside an agent that mends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.conftest import agent, fleet

__all__ = ["agent", "fleet"]
pytestmark = pytest.mark.engine
COMPOSE = "services: {{web: {{image: {image}, restart: unless-stopped, stop_grace_period: 0s}}}}\n"


@contextmanager
def fighting(sdk: Any, container: str) -> Iterator[None]:
    """Set the restart policy back whenever it is put right."""
    over = threading.Event()

    def fight() -> None:
        while not over.wait(0.02):
            if sdk.inspect_container(container)["HostConfig"]["RestartPolicy"]["Name"] != "no":
                sdk.update_container(container, restart_policy={"Name": "no"})

    thread = threading.Thread(target=fight)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
def test_the_field_that_loops_is_named_and_the_stack_left_alone_for_longer_and_longer(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web = f"{prefix}a", f"{prefix}a-web-1"
    corrected = f'windlass_drift_corrected_total{{kind="container",stack="{stack}"}}'
    repeating = f'windlass_drift_repeating{{stack="{stack}"}}'
    head = fleet.push({f"stacks/{stack}/compose.yaml": COMPOSE.format(image=busybox)})
    with running(agent):
        until(lambda: agent.synced_at(stack, head), "the first commit deployed")
        until(lambda: agent.stack(stack)["health"] == "healthy" and not agent.stack(stack)["on_trial"], "proved good")
        assert agent.metric(repeating) == 0
        with fighting(sdk, web):
            until(lambda: agent.stack(stack)["fights"], "a fight")
            until(lambda: agent.stack(stack)["fights"][0]["times"] >= 6, "mended after two pauses")
            (fight,) = agent.stack(stack)["fights"]
        assert fight["wait"] == 2 ** (fight["times"] - 3), "seconds, twice as many each time"
        assert fight["seconds"] >= 2 + 4
        assert 6 <= (agent.metric(corrected) or 0) <= fight["times"] + 1
        assert "restart is changed back by something else" in agent.stack(stack)["message"]
        assert f"container/{web} healed" in agent.windlass("status").stdout
        assert agent.metric(repeating) == 1
        lines = [line for line in agent.log_lines() if line["event"] == "drift returns"]
        assert next((line["name"], line["fields"], line["times"]) for line in lines) == (web, ["restart"], 4)
