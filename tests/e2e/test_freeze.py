"""A freeze window of windlass.yaml, with the process, a repository and an engine."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.contents import two_services
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


@pytest.mark.slow
def test_new_content_waits_while_what_runs_is_healed_also_by_the_next_process(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    a, b = f"{prefix}a", f"{prefix}b"
    web, path = f"{a}-web-1", f"stacks/{a}/compose.yaml"
    freeze = f'freeze:\n  - {{cron: "* * * * *", for: 1h, reason: the audit, stacks: [{a}]}}\n'
    with running(agent):
        head = fleet.push({path: two_services(busybox), f"stacks/{b}/compose.yaml": two_services(busybox)}, "First")
        until(lambda: all(agent.synced_at(name, head) for name in (a, b)), "the first commit deployed")
        second = {path: two_services(busybox, "two"), f"stacks/{b}/compose.yaml": two_services(busybox, "two")}
        head = fleet.push({"windlass.yaml": freeze, **second}, "Second")
        until(lambda: agent.synced_at(b, head), "the other stack deployed")
        until(lambda: "new content waits until" in agent.stack(a)["message"], "the freeze told")
        found = agent.stack(a)
        assert (found["sync"], found["health"], found["failure"]) == ("out of sync", "healthy", None)
        assert "the audit" in found["message"]
        until(lambda: agent.stack(a)["message"].endswith("(2 to do)"), "what it would do told")
        assert agent.metric(f'windlass_plan_changes{{action="replace",stack="{a}"}}') == 2
        before = identity(sdk, web)
        sdk.remove_container(web, force=True)
        healed = until(lambda: identity(sdk, web), "healed", patience=10)
        assert healed != before
        assert "MESSAGE=one" in sdk.inspect_container(web)["Config"]["Env"]

    with running(agent):
        until(lambda: "new content waits until" in agent.stack(a).get("message", ""), "the freeze told again")
        sdk.remove_container(web, force=True)
        until(lambda: identity(sdk, web), "healed to the last good content", patience=10)
        assert "MESSAGE=one" in sdk.inspect_container(web)["Config"]["Env"]
        head = fleet.push({"windlass.yaml": None}, "Lift the freeze")
        until(lambda: agent.synced_at(a, head), "the new content deployed")
        assert "MESSAGE=two" in sdk.inspect_container(web)["Config"]["Env"]
        events = [line["event"] for line in agent.log_lines() if line.get("stack") == a]
        assert "frozen" in events
        assert events.index("thawed") > events.index("frozen")


@pytest.mark.slow
def test_what_a_person_applied_in_a_window_is_not_taken_back_by_the_next_agent(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    with running(agent):
        head = fleet.push({path: two_services(busybox)}, "First")
        until(lambda: agent.synced_at(stack, head), "the first commit deployed")
        until(lambda: not agent.stack(stack)["on_trial"], "the first commit known to be good")
    freeze = 'freeze:\n  - {cron: "* * * * *", for: 1h}\n'
    hotfix = fleet.push({"windlass.yaml": freeze, path: two_services(busybox, "two")}, "A hotfix, in spite of all")
    applied = agent.windlass("apply", str(fleet.work), "--yes")
    assert applied.returncode == 0, applied.stderr
    before = identity(sdk, f"{stack}-web-1")
    with running(agent):
        until(lambda: agent.synced_at(stack, hotfix), "known as synced")
        assert identity(sdk, f"{stack}-web-1") == before


def test_a_mistake_in_it_is_told_with_its_place_and_what_runs_stays(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack = f"{prefix}a"
    head = fleet.push({f"stacks/{stack}/compose.yaml": two_services(busybox)}, "First")
    until(lambda: started.synced_at(stack, head), "deployed")
    fleet.push({"windlass.yaml": "freeze:\n  - cron: 0 22 * * 9\n    for: 60h\n"}, "Mistaken")
    failure = until(lambda: started.status()["source"]["failure"], "the mistake told")
    (problem,) = failure["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("windlass.yaml", 2, 5)
    assert identity(sdk, f"{stack}-web-1")
    assert started.windlass("validate", str(fleet.work)).returncode == 4
