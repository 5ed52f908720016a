"""A port of the host that goes from one stack to another with one commit."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, free_port, running, until

pytestmark = pytest.mark.engine


def compose(image: str, version: str, grace: str, ports: str = "[]") -> str:
    return (
        "x-windlass: {rollout: {monitor: 300ms}}\nservices:\n"
        f"  web: {{image: '{image}', command: [sleep, '600'], stop_grace_period: {grace}, ports: {ports},"
        f" labels: {{version: '{version}'}}}}\n"
    )


@pytest.mark.slow
def test_a_port_goes_from_one_stack_to_another(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    """The one that has it takes its time to stop, in which the port is its own."""
    giver, taker, port = f"{prefix}a", f"{prefix}b", f"['127.0.0.1:{free_port()}:80']"
    files = {name: f"stacks/{name}/compose.yaml" for name in (giver, taker)}

    def push(version: str, of_giver: str, of_taker: str) -> None:
        texts = {giver: compose(busybox, version, "2s", of_giver), taker: compose(busybox, version, "0s", of_taker)}
        head = fleet.push({files[name]: text for name, text in texts.items()}, version)
        until(lambda: all(agent.synced_at(name, head) for name in texts), f"commit {version} deployed")

    with running(agent):
        push("1", port, "[]")
        push("2", "[]", port)
        assert sdk.inspect_container(f"{taker}-web-1")["NetworkSettings"]["Ports"]["80/tcp"]
