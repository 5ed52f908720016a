"""What is asked of the agent by signals and by commands, on a real engine."""

from __future__ import annotations

import signal
from contextlib import suppress

import docker
import docker.errors
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.contents import compose
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


def two_slow_to_stop(image: str, message: str) -> str:
    """Two services, one behind the other; the first does not heed the signal that asks it to stop."""
    return f"""\
services:
  web: &service
    image: {image}
    environment: {{MESSAGE: {message}}}
    stop_signal: SIGCONT
    stop_grace_period: 3s
  later:
    <<: *service
    depends_on: [web]
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""


def messages(sdk: docker.APIClient, stack: str) -> dict[str, str]:
    """Every container of the stack, by name: the message that it was given, "" where it does not run."""
    found = {}
    for one in sdk.containers(all=True, filters={"name": f"{stack}-"}):
        with suppress(docker.errors.NotFound):  # it has just gone
            report = sdk.inspect_container(one["Id"])
            given = dict(entry.split("=", 1) for entry in report["Config"]["Env"])["MESSAGE"]
            found[report["Name"].removeprefix("/")] = given if report["State"]["Running"] else ""
    return found


@pytest.mark.slow
def test_sigterm_in_the_middle_of_a_change_lets_it_end_and_begins_no_other(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web, later = f"{stack}-web-1", f"{stack}-later-1"

    with running(agent):
        head = fleet.push({path: two_slow_to_stop(busybox, "one")})
        until(lambda: agent.synced_at(stack, head), "deployed")
        head = fleet.push({path: two_slow_to_stop(busybox, "two")})
        until(lambda: f"{web}.next" in messages(sdk, stack), "the replacement of the first, begun")
        assert agent.stop() == 0
    assert messages(sdk, stack) == {web: "two", later: "one"}
    with running(agent):
        until(lambda: agent.synced_at(stack, head), "the rest by the next process")
        assert messages(sdk, stack) == {web: "two", later: "two"}


@pytest.mark.slow
def test_sighup_asks_at_once(agent: Agent, fleet: Fleet, prefix: str, busybox: str) -> None:
    agent.extra = ("--interval", "1h")
    stack = f"{prefix}a"
    head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
    with running(agent):
        until(lambda: agent.synced_at(stack, head), "deployed at the start")
        head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox, "two")})
        agent.signal(signal.SIGHUP)
        until(lambda: agent.synced_at(stack, head), "deployed at the signal", patience=20)


@pytest.mark.slow
def test_a_second_agent_on_the_same_state_is_refused(started: Agent) -> None:
    until(started.status, "the first agent")
    second = started.windlass("run", "--repo", started.repo, "--listen", "")
    assert second.returncode == 5
    assert "another windlass" in second.stderr


def test_once_does_one_turn_and_ends(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    fleet.push({f"stacks/{prefix}a/compose.yaml": compose(busybox)})
    done = agent.windlass("run", "--repo", agent.repo, "--instance", agent.instance, "--listen", "", "--once")
    assert done.returncode == 0, done.stderr
    assert identity(sdk, f"{prefix}a-web-1")


@pytest.mark.slow
def test_apply_of_a_root_removes_a_stack_that_is_gone_from_it_and_keeps_its_data(
    agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    root = agent.home / "root"
    for name in (f"{prefix}a", f"{prefix}b"):
        (root / name).mkdir(parents=True)
        data = "    volumes: [data:/data]\n"
        (root / name / "compose.yaml").write_text(compose(busybox, extra=data) + "volumes:\n  data:\n")
    assert agent.windlass("apply", str(root), "--yes").returncode == 0
    assert identity(sdk, f"{prefix}b-web-1")
    (root / f"{prefix}b" / "compose.yaml").unlink()
    one = agent.windlass("apply", str(root / f"{prefix}a"), "--yes")
    assert one.returncode == 0, one.stderr
    assert identity(sdk, f"{prefix}b-web-1"), "a single stack says nothing of the others"
    applied = agent.windlass("apply", str(root), "--yes")
    assert applied.returncode == 0, applied.stderr
    assert not sdk.containers(all=True, filters={"name": f"{prefix}b-"})
    assert not sdk.networks(names=[f"{prefix}b_back"])
    assert sdk.inspect_volume(f"{prefix}b_data")
    assert identity(sdk, f"{prefix}a-web-1")


@pytest.mark.parametrize(
    ("check", "code"),
    [("test -e /tmp/ready", 0), pytest.param("false", 3, marks=pytest.mark.slow)],
    ids=["in time", "never"],
)
def test_once_waits_for_health(agent: Agent, fleet: Fleet, prefix: str, busybox: str, check: str, code: int) -> None:
    """The container says that it is ready some seconds after it was started."""
    ready = f"""\
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3; touch /tmp/ready; while true; do sleep 1; done"]
    healthcheck: {{test: ["CMD-SHELL", "{check}"], interval: 500ms, retries: 12}}
"""
    fleet.push({f"stacks/{prefix}a/compose.yaml": compose(busybox, extra=ready)})
    done = agent.windlass("run", "--repo", agent.repo, "--instance", agent.instance, "--listen", "", "--once")
    assert done.returncode == code, done.stderr
    assert agent.windlass("status", "--exit-code").returncode == code


def test_once_that_is_ended_before_its_time_does_not_say_that_all_is_done(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    never = '    healthcheck: {test: ["CMD", "false"], interval: 1s, start_period: 10m}\n'
    fleet.push({f"stacks/{prefix}a/compose.yaml": compose(busybox, extra=never)})
    agent.extra = ("--once",)
    with running(agent):
        until(lambda: identity(sdk, f"{prefix}a-web-1"), "made")
        assert agent.stop() == 143


def test_plan_and_apply_of_a_path(agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str) -> None:
    directory = agent.home / f"{prefix}a"
    directory.mkdir()
    (directory / "compose.yaml").write_text(compose(busybox))
    pending = agent.windlass("plan", str(directory), "--detailed-exitcode")
    assert pending.returncode == 2, pending.stderr
    assert f"{prefix}a-web-1" in pending.stdout
    assert not identity(sdk, f"{prefix}a-web-1"), "a plan changes nothing"
    applied = agent.windlass("apply", str(directory), "--yes")
    assert applied.returncode == 0, applied.stderr
    done = [line for line in applied.stderr.splitlines() if "✔" in line and f"{prefix}a-web-1" in line]
    assert len(done) == 1, f"each step is carried out once: {applied.stderr}"
    assert identity(sdk, f"{prefix}a-web-1")
    assert agent.windlass("plan", str(directory), "--detailed-exitcode").returncode == 0
    (directory / "compose.yaml").write_text(compose(busybox).replace("image:", "imagee:"))
    refused = agent.windlass("apply", str(directory), "--yes")
    assert refused.returncode == 4
    assert f"{directory.name}/compose.yaml:3:5" in refused.stderr
