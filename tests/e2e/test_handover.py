"""A port of the host that goes from one stack to another with one commit."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, free_port, running, until

pytestmark = pytest.mark.engine


def compose(image: str, version: str, ports: str = "[]") -> str:
    """The old one takes a second to stop, in which its port is its own."""
    return (
        "x-windlass: {rollout: {monitor: 300ms}}\nservices:\n"
        f"  web: {{image: '{image}', command: [sleep, '600'], stop_grace_period: 1s, ports: {ports},"
        f" labels: {{version: '{version}'}}}}\n"
    )


def test_a_port_goes_from_one_stack_to_another(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    giver, taker, port = f"{prefix}a", f"{prefix}b", f"['127.0.0.1:{free_port()}:80']"
    files = {name: f"stacks/{name}/compose.yaml" for name in (giver, taker)}
    with running(agent):
        first = fleet.push({files[giver]: compose(busybox, "1", port), files[taker]: compose(busybox, "1")}, "First")
        until(lambda: agent.synced_at(giver, first) and agent.synced_at(taker, first), "the first commit deployed")
        second = fleet.push({files[giver]: compose(busybox, "2"), files[taker]: compose(busybox, "2", port)}, "Second")
        until(lambda: agent.synced_at(giver, second) and agent.synced_at(taker, second), "the port moved")
        published = sdk.inspect_container(f"{taker}-web-1")["NetworkSettings"]["Ports"]["80/tcp"]
        assert published
        assert agent.metric(f'windlass_rollbacks_total{{result="success",stack="{taker}"}}') in (None, 0.0)
