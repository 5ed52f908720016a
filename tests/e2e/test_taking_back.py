"""A change that does not become good, from the push to what runs afterwards."""

from __future__ import annotations

import signal

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import accepted, identity, since, version

pytestmark = pytest.mark.engine


def compose(image: str, version: str, api: str = "sleep 600", more: str = "") -> str:
    """Two services; `api` proves itself within a second, and so does whatever else there is."""
    return f"""\
x-windlass: {{rollout: {{monitor: 1s}}}}
services:
  web:
    image: {image}
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
  api:
    image: {image}
    command: [sh, -c, "{api}"]
    environment: {{VERSION: "{version}"}}
    stop_grace_period: 0s
{more}"""


def quick(text: str) -> str:
    return text.replace("monitor: 1s", "monitor: 300ms")


def first_good(agent: Agent, fleet: Fleet, stack: str, text: str) -> str:
    """The commit that brings the stack, once it is known to be good."""
    commit = fleet.push({f"stacks/{stack}/compose.yaml": text}, "First")
    until(lambda: agent.synced_at(stack, commit), "the first commit deployed")
    until(lambda: accepted(agent, stack) == commit, "the first commit known to be good")
    return commit


def test_the_whole_stack_goes_back_and_stays_there_until_there_is_something_new(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web, api = f"{stack}-web-1", f"{stack}-api-1"
    with running(agent):
        first_good(agent, fleet, stack, compose(busybox, "one"))
        good = identity(sdk, api)
        fleet.push({path: compose(busybox, "two", "echo cannot connect; exit 7")}, "Second")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "CrashOnStart"
        assert "exit code 7" in failure["message"]
        assert "cannot connect" in failure["message"]
        series = f'windlass_rollbacks_total{{result="success",stack="{stack}"}}'
        until(
            lambda: (agent.metric(series) or 0) + (agent.metric(series.replace("success", "noop")) or 0), "taken back"
        )
        until(lambda: identity(sdk, web) and version(sdk, web) == "one", "what was changed with it gone back")
        assert identity(sdk, api) == good, "the old container itself"
        assert agent.stack(stack)["sync"] == "out of sync"
        sdk.remove_container(web, force=True)
        until(lambda: identity(sdk, web), "what is good healed meanwhile")
        assert version(sdk, web) == "one"
        agent.kill()
    before = [since(sdk, name) for name in (web, api)]
    with running(agent):
        until(lambda: agent.stack(stack).get("failure"), "the failure known to the next process")
        fleet.push({"README.md": "unrelated"}, "Unrelated")
        until(lambda: agent.status()["source"]["revision"]["subject"] == "Unrelated", "the unrelated commit seen")
        agent.await_passes(stack)
        assert [since(sdk, name) for name in (web, api)] == before, "what is good is left alone"
        for result in ("success", "error"):
            series = f'windlass_actions_total{{action="replace",kind="container",result="{result}"}}'
            assert not agent.metric(series), "it is not tried again"
        third = fleet.push({path: compose(busybox, "three")}, "Third")
        until(lambda: agent.synced_at(stack, third), "the mended commit deployed")
        assert version(sdk, web) == version(sdk, api) == "three"


def test_a_command_that_cannot_be_run_is_told_everywhere_without_the_password_in_it(
    agent: Agent, fleet: Fleet, prefix: str, busybox: str
) -> None:
    stack, secret = f"{prefix}a", "hunter2-of-the-database"
    good = quick(compose(busybox, "one"))
    bad = good.replace("[sh, -c, ", '["serve --password=${DB_PASSWORD}", ').replace('"one"', '"two"')
    with running(agent):
        first_good(agent, fleet, stack, good)
        files = {f"stacks/{stack}/compose.yaml": bad, f"stacks/{stack}/.env": f"DB_PASSWORD={secret}\n"}
        head = fleet.push(files, "Second")
        failure = until(lambda: agent.stack(stack).get("failure"), "the failure told")
        assert failure["reason"] == "StartFailed"
        assert 'exec: "serve --password=***' in failure["message"]
        told = [agent.get(path)[1] for path in ("/", "/metrics", "/api/v1/status")]
        told.append(until(lambda: tells(agent, stack, head), "what came of it in the history"))
    notes = [file.read_bytes() for file in (agent.home / "state").glob("*") if file.is_file()]
    assert any(b"serve --password=***" in note for note in notes), "it is noted that the content was rejected, and why"
    assert not [text for text in (*told, agent.log.read_text()) if secret in text]
    assert not [note for note in notes if secret.encode() in note]


def tells(agent: Agent, stack: str, commit: str) -> str:
    """The history of the stack, "" where it does not tell of the commit yet."""
    said = agent.windlass("history", stack, "-o", "json").stdout
    return said if commit in said and "StartFailed" in said else ""


@pytest.mark.slow
def test_who_comes_after_an_agent_that_was_killed_takes_back_what_it_had_begun(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    api = f"{stack}-api-1"
    late = compose(busybox, "one", "sleep 2; echo cannot connect; exit 7").replace("monitor: 1s", "monitor: 5s")
    with running(agent):
        first = first_good(agent, fleet, stack, compose(busybox, "one"))
        good = identity(sdk, api)
        fleet.push({path: late}, "Second")
        until(lambda: identity(sdk, api) not in ("", good), "the new container runs and is not proved yet")
        agent.kill()
    with running(agent):
        failure = until(lambda: agent.stack(stack).get("failure"), "the failure told")
        assert failure["reason"] == "CrashOnStart"
        assert "cannot connect" in failure["message"]
        until(lambda: identity(sdk, api) == good, "the old container is back")
        assert accepted(agent, stack) == first
        assert agent.stack(stack)["sync"] == "out of sync", "the content is rejected and not tried again"


def test_a_new_service_has_the_time_to_become_healthy_that_its_rollout_gives_it(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    """Which is less than its check would, and it is taken back once that is over."""
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    check = "healthcheck: {test: [CMD, 'false'], interval: 1s, start_period: 20m}"
    late = f"  late: {{image: {busybox}, stop_grace_period: 0s, {check}, x-windlass: {{rollout: {{timeout: 1s}}}}}}\n"
    with running(agent):
        first = first_good(agent, fleet, stack, quick(compose(busybox, "one")))
        fleet.push({path: quick(compose(busybox, "one", more=late))}, "Late")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "HealthTimeout"
        assert "service late does not get healthy (gave up after 1 s)" in failure["message"]
        until(lambda: not identity(sdk, f"{stack}-late-1"), "taken back")
        assert accepted(agent, stack) == first


@pytest.mark.slow
def test_a_new_service_that_does_not_get_healthy_is_taken_back_and_tried_again_when_asked(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    ill = f"  ill:\n    image: {busybox}\n    healthcheck: {{test: [CMD, 'false'], interval: 200ms, retries: 2}}\n"
    with running(agent):
        first_good(agent, fleet, stack, compose(busybox, "one"))
        fleet.push({path: compose(busybox, "one", more=ill)}, "Ill")
        failure = until(lambda: agent.stack(stack)["failure"], "the failure told")
        assert failure["reason"] == "Unhealthy"
        assert "service ill" in failure["message"]
        until(lambda: not identity(sdk, f"{stack}-ill-1"), "taken back")
        agent.signal(signal.SIGHUP)
        until(lambda: identity(sdk, f"{stack}-ill-1"), "tried again")
        until(lambda: not identity(sdk, f"{stack}-ill-1"), "taken back once more")


@pytest.mark.slow
def test_what_is_on_trial_when_the_agent_is_killed_is_so_with_the_next_one(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    ill = f"  ill:\n    image: {busybox}\n    healthcheck: {{test: [CMD, 'false'], interval: 1s, retries: 3}}\n"
    with running(agent):
        first = first_good(agent, fleet, stack, quick(compose(busybox, "one")))
        second = fleet.push({path: quick(compose(busybox, "one", more=ill))}, "Ill")
        until(lambda: agent.synced_at(stack, second), "made, and not proved yet")
        agent.kill()
    assert accepted(agent, stack) == first
    with running(agent):
        failure = until(lambda: agent.stack(stack).get("failure"), "the failure told")
        assert (failure["reason"], "service ill" in failure["message"]) == ("Unhealthy", True)
        until(lambda: not identity(sdk, f"{stack}-ill-1"), "taken back")
    assert accepted(agent, stack) == first


@pytest.mark.slow
def test_what_a_rollout_paused_at_stays_so_with_the_next_agent_until_somebody_asks(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    pauses = "    stop_grace_period: 0s\n    deploy: {update_config: {failure_action: pause}}\n"

    def text(api: str) -> str:
        return quick(compose(busybox, "one", api)).replace("    stop_grace_period: 0s\n", pauses)

    def reasons(agent: Agent) -> list[str]:
        return [line["reason"] for line in agent.log_lines() if line.get("stack") == stack and line.get("reason")]

    with running(agent):
        first_good(agent, fleet, stack, text("sleep 600"))
        good = identity(sdk, f"{stack}-api-1")
        fleet.push({path: text("exit 7")}, "Bad")
        until(lambda: (agent.stack(stack).get("failure") or {}).get("reason") == "RolloutPaused", "paused")
        agent.kill()
    tried = reasons(agent).count("CrashOnStart")
    with running(agent):
        until(lambda: (agent.stack(stack).get("failure") or {}).get("reason") == "RolloutPaused", "still paused")
        agent.await_passes(stack, 1)
        assert reasons(agent).count("CrashOnStart") == tried, "it is not tried once more"
        assert identity(sdk, f"{stack}-api-1") == good
        assert agent.windlass("sync", stack).returncode == 0
        until(lambda: reasons(agent).count("CrashOnStart") > tried, "tried again")


def test_what_is_new_and_waits_for_another_one_by_crashing_has_the_time_of_its_health_check(
    agent: Agent, fleet: Fleet, prefix: str, busybox: str
) -> None:
    """Like what is replaced: it has restarted twice by the time that it stays up."""
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    script = "echo >> /tmp/starts; [ $$(wc -l < /tmp/starts) -gt 2 ] || exit 1; sleep 600"
    check = "{test: [CMD, 'true'], interval: 300ms}"
    late = f"""\
  late:
    image: {busybox}
    command: [sh, -c, "{script}"]
    restart: always
    stop_grace_period: 0s
    healthcheck: {check}
"""
    with running(agent):
        first_good(agent, fleet, stack, quick(compose(busybox, "one")))
        second = fleet.push({path: quick(compose(busybox, "one", more=late))}, "Second")
        until(lambda: accepted(agent, stack) == second or agent.stack(stack)["failure"], "judged")
        assert agent.stack(stack)["failure"] is None
        never = late.replace("late:", "never:").replace("-gt 2", "-gt 99")
        fleet.push({path: quick(compose(busybox, "one", more=late + never))}, "Third")
        failure = until(lambda: agent.stack(stack)["failure"], "what goes on crashing taken back")
        assert (failure["reason"], "service never is degraded: restarted" in failure["message"]) == ("Unhealthy", True)
        assert accepted(agent, stack) == second
