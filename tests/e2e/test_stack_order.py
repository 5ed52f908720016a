"""Stacks that wait for the health of others, `x-windlass.after`: what waits with them, and what does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, until
from tests.e2e.contents import compose
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine
CHECK = "    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 200ms, retries: 1000}"


def make_ready(sdk: docker.APIClient, name: str) -> None:
    """From now on the health check of the container passes."""
    sdk.exec_start(sdk.exec_create(name, ["touch", "/tmp/ready"])["Id"])


def waits(agent: Agent, stack: str) -> bool:
    return bool((agent.stack(stack).get("failure") or {}).get("reason") == "WaitsForStack")


def test_new_content_waits_for_the_health_of_another_stack_and_nothing_else_does(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    db, web, other = f"{prefix}db", f"{prefix}web", f"{prefix}other"

    def push(message: str) -> str:
        texts = {
            db: compose(busybox, message, CHECK),
            web: compose(busybox, message).replace("x-windlass: {", f"x-windlass: {{after: [{db}], "),
            other: compose(busybox),
        }
        return fleet.push({f"stacks/{name}/compose.yaml": text for name, text in texts.items()}, message)

    def looks() -> float:
        return started.metric(f'windlass_reconciles_total{{result="noop",stack="{db}"}}') or 0

    head = push("one")
    until(lambda: started.synced_at(other, head), "the stack that waits for nobody deployed")
    until(lambda: started.stack(db).get("health") == "progressing", "the stack that is waited for made")
    until(lambda: waits(started, web), "the waiting told")
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(started.windlass, "sync", "--wait")
        looked = looks()
        until(lambda: looks() >= looked + 2, "two more looks")
        assert not sdk.containers(all=True, filters={"name": f"{web}-"})
        assert not asks.done(), "who asked waits too"
        make_ready(sdk, f"{db}-web-1")
        until(lambda: started.synced_at(web, head), "the stack that waited deployed")
        answer = asks.result(timeout=30)
    assert (answer.returncode in {0, 3}, "waits for" in answer.stdout) == (True, False), answer.stdout + answer.stderr

    before = identity(sdk, f"{web}-web-1"), identity(sdk, f"{db}-web-1")
    head = push("two")
    until(lambda: identity(sdk, f"{db}-web-1") not in {"", before[1]}, "the stack that is waited for begun anew")
    until(lambda: waits(started, web), "the waiting told again")
    assert identity(sdk, f"{web}-web-1") == before[0]
    make_ready(sdk, f"{db}-web-1")
    until(lambda: started.synced_at(web, head), "its new content deployed")
    assert identity(sdk, f"{web}-web-1") != before[0]
