"""Suspend and resume, with the process, a repository and an engine."""

from __future__ import annotations

import time

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.contents import two_services
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


@pytest.mark.slow
def test_a_suspended_stack_is_left_as_it_is_and_healed_at_once_when_it_is_resumed(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web, path = f"{prefix}a", f"{prefix}a-web-1", f"stacks/{prefix}a/compose.yaml"
    other = f"{prefix}b"
    head = fleet.push({path: two_services(busybox), f"stacks/{other}/compose.yaml": two_services(busybox)}, "First")
    until(lambda: started.synced_at(stack, head) and started.synced_at(other, head), "the first commit deployed")

    assert started.windlass("suspend", stack + "x", "--reason", "why").returncode == 64
    assert started.windlass("suspend", stack, "--reason", "a migration").returncode == 0
    until(lambda: started.stack(stack)["health"] == "suspended", "suspended", patience=5)
    assert started.metric(f'windlass_stack_suspended{{stack="{stack}"}}') == 1
    assert started.stack(stack)["sync"] == "synced"
    sdk.remove_container(web, force=True)
    fleet.push({path: two_services(busybox, "two")}, "Second")
    until(lambda: "Second" in str(started.stack(stack)["target"]), "the new content planned")
    found = started.stack(stack)
    assert (found["sync"], found["failure"]) == ("out of sync", None)
    assert "a migration" in started.windlass("status").stdout
    assert not identity(sdk, web)
    applied = started.windlass("apply", str(fleet.work / "stacks" / stack), "--yes")
    assert (applied.returncode, "is suspended by" in applied.stderr) == (5, True), applied.stderr

    assert started.windlass("resume", stack).returncode == 0
    until(lambda: identity(sdk, web), "healed at once", patience=10)
    until(lambda: started.stack(stack)["sync"] == "synced", "the new content deployed")
    assert started.metric(f'windlass_stack_suspended{{stack="{stack}"}}') == 0
    assert [line["event"] for line in started.log_lines() if line["event"] in {"suspended", "resumed"}] == [
        "suspended",
        "resumed",
    ]

    def assert_watched(name: str) -> None:
        """A container goes, which is seen and told, and not made good."""
        until(lambda: started.stack(name)["health"] == "suspended", "suspended", patience=5)
        sdk.remove_container(f"{name}-web-1", force=True)
        planned = f'windlass_plan_changes{{action="create",stack="{name}"}}'
        until(lambda: started.metric(planned), "what would be done, in a metric")
        assert started.metric(f'windlass_drift_detected_total{{kind="container",stack="{name}"}}')
        assert not identity(sdk, f"{name}-web-1")

    assert started.windlass("suspend", "--all", "--reason", "a new disk").returncode == 0
    assert_watched(stack)
    assert_watched(other)
    assert started.windlass("resume", "--all").returncode == 0
    names = (f"{stack}-web-1", f"{other}-web-1")
    until(lambda: all(identity(sdk, name) for name in names), "both healed", patience=10)


def test_the_agent_looks_at_once_when_it_is_asked_to(started: Agent, fleet: Fleet, prefix: str, busybox: str) -> None:
    stack = f"{prefix}a"
    small = (
        f"services: {{web: {{image: {busybox}, stop_grace_period: 0s}}}}\nx-windlass: {{rollout: {{monitor: 300ms}}}}\n"
    )
    until(lambda: started.windlass("status").returncode == 0, "an agent that can be asked")
    head = fleet.push({f"stacks/{stack}/compose.yaml": small}, "First")
    asked = started.windlass("sync", "--wait")
    assert (asked.returncode, stack in asked.stdout) == (0, True), asked.stderr + asked.stdout
    assert started.synced_at(stack, head)
    assert started.windlass("sync", f"{stack}x").returncode == 64


@pytest.mark.slow
def test_a_service_that_is_stopped_by_hand_under_a_lease_stays_stopped_until_it_ends(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web, api = f"{prefix}a", f"{prefix}a-web-1", f"{prefix}a-api-1"
    head = fleet.push({f"stacks/{stack}/compose.yaml": two_services(busybox)}, "First")
    until(lambda: started.synced_at(stack, head), "the first commit deployed")
    before, began = identity(sdk, api), time.time()

    assert started.windlass("suspend", f"{stack}/api", "--reason", "a debugger", "--for", "12s").returncode == 0
    until(lambda: started.stack(stack)["health"] == "suspended", "the lease", patience=5)
    sdk.stop(api, timeout=0)
    sdk.stop(web, timeout=0)
    until(lambda: identity(sdk, web), "the other service put right", patience=10)
    assert not identity(sdk, api)
    assert started.stack(stack)["failure"] is None
    started.await_passes(stack)
    assert not identity(sdk, api)
    assert until(lambda: identity(sdk, api), "the lease at its end", patience=20) == before
    assert time.time() > began + 12
    until(lambda: started.synced_at(stack, head), "in sync again")


def test_an_agent_that_cannot_read_what_was_said_plans_and_changes_nothing(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, file = f"{prefix}a", agent.home / "state" / "directives.json"
    file.parent.mkdir(mode=0o700)
    file.write_text('{"suspended": ')
    head = fleet.push({f"stacks/{stack}/compose.yaml": two_services(busybox)}, "First")
    with running(agent):
        until(lambda: agent.stack(stack).get("suspended"), "told as suspended")
        assert agent.metric(f'windlass_plan_changes{{action="create",stack="{stack}"}}')
        assert agent.metric('windlass_state_unreadable{file="directives.json"}') == 1
        told = agent.windlass("status").stdout
        assert f"{file} cannot be understood" in told
        assert "remove it" in told
        refused = agent.windlass("resume", "--all")
        assert (refused.returncode, str(file) in refused.stderr) == (1, True), refused.stderr
        assert [line["message"] for line in agent.log_lines() if line["event"] == "state"], "once, and clearly"
        assert not identity(sdk, f"{stack}-web-1")
        file.unlink()
        until(lambda: agent.synced_at(stack, head), "deployed")
        assert agent.metric('windlass_state_unreadable{file="directives.json"}') == 0
