"""A registry that is slow delays whoever waits for it, and nobody else: a real agent, engine and registry."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import identity
from tests.engine import front as faults
from tests.engine.front import Front
from tests.engine.registry import Registry

pytestmark = pytest.mark.engine

BALLAST = 8_000_000  # bytes: a minute, at the pace of the registry


@pytest.fixture
def image(registry: Registry, front: Front, prefix: str, sdk: docker.APIClient) -> Iterator[str]:
    """The reference of an image that only the registry behind the front has."""
    reference, identity = registry.push(prefix, ballast=BALLAST)
    yield front.of(reference)
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}a"}):
        sdk.remove_container(container["Id"], force=True)
    if sdk.images(name=front.of(reference)):
        sdk.remove_image(identity, force=True)


def compose(image: str, version: str) -> str:
    return (
        "x-windlass: {rollout: {monitor: 300ms}}\n"
        f'services: {{web: {{image: "{image}", stop_grace_period: 0s, environment: {{VERSION: "{version}"}}}}}}\n'
    )


@pytest.mark.slow
def test_a_slow_registry_delays_nobody_else_and_is_waited_for(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str, front: Front, image: str
) -> None:
    slow, other, hurry = f"{prefix}a", f"{prefix}b", threading.Event()
    front.fault = faults.of_blobs(faults.slowly(hurry))
    paths = {name: f"stacks/{name}/compose.yaml" for name in (slow, other)}
    with running(agent):
        first = fleet.push({paths[slow]: compose(image, "one"), paths[other]: compose(busybox, "one")})
        until(lambda: agent.synced_at(other, first), "the other stack deployed")
        until(lambda: front.count("/blobs/"), "the pull under way")
        before = identity(sdk, f"{other}-web-1")
        sdk.remove_container(f"{other}-web-1", force=True)
        until(lambda: identity(sdk, f"{other}-web-1") not in ("", before), "the other stack healed")
        second = fleet.push({paths[other]: compose(busybox, "two")})
        until(lambda: agent.synced_at(other, second), "the next commit of the other stack deployed")
        assert not identity(sdk, f"{slow}-web-1"), "all that while the pull has gone on"
        assert (agent.get("/healthz")[0], agent.get("/readyz")[0]) == (200, 200)
        hurry.set()
        until(lambda: agent.synced_at(slow, second), "the slow stack deployed")
    lines = agent.log_lines()
    assert [line["image"] for line in lines if line["event"] == "pulling"][:1] == [image]
    assert not [line for line in lines if line["level"] == "error"]
