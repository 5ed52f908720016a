"""A job by the clock, with the process, a repository and an engine. The agent's clock can be set ahead."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until

pytestmark = pytest.mark.engine

AHEAD = """\
import runpy, sys, time
real, file = time.time, sys.argv.pop(1)
time.time = lambda: real() + float(open(file).read())
runpy.run_module("agent", run_name="__main__", alter_sys=True)
"""


COMPOSE = """\
services:
  job:
    image: {image}
    command: [sh, -c, "echo no room left; exit 3"]
    x-windlass: {{schedule: {{cron: "0 * * * *", timeout: 24h}}}}
"""


class AgentAhead(Agent):
    """Its clock goes ahead of the engine's by the seconds in a file."""

    def run_command(self) -> list[str]:
        python, _, _, *arguments = super().run_command()
        assert python == sys.executable
        return [python, "-c", AHEAD, str(self.home / "ahead"), *arguments]

    def set_ahead(self, seconds: float) -> None:
        fresh = self.home / "ahead.new"
        fresh.write_text(str(seconds))
        fresh.replace(self.home / "ahead")

    def job(self, stack: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.stack(stack).get("jobs") or [{}]
        return found[0]

    def history(self) -> list[dict[str, Any]]:
        """The runs of jobs, newest first."""
        runs: list[dict[str, Any]] = json.loads(self.windlass("history", "-o", "json").stdout)["runs"]
        return [run for run in runs if run["trigger"] == "schedule"]


@pytest.fixture
def ahead(tmp_path: Path, docker_host: str, prefix: str, fleet: Fleet) -> Iterator[AgentAhead]:
    agent = AgentAhead(tmp_path, docker_host, prefix, str(fleet.bare))
    agent.set_ahead(0)
    with running(agent):
        yield agent


def test_a_job_runs_at_its_time_and_by_hand_and_every_run_is_told(
    ahead: AgentAhead, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, container = f"{prefix}a", f"{prefix}a-job-1"
    head = fleet.push({f"stacks/{stack}/compose.yaml": COMPOSE.format(image=busybox)}, "First")
    until(lambda: ahead.synced_at(stack, head), "the first commit deployed")
    assert ahead.stack(stack)["health"] == "healthy"
    assert sdk.inspect_container(container)["State"]["Status"] == "created"
    assert "never ran" in ahead.windlass("status").stdout

    ahead.set_ahead(3601 - time.time() % 3600)
    until(lambda: ahead.job(stack).get("result") == "failed", "the run at its time, seen to its end", patience=10)
    (run,) = until(ahead.history, "the run in the history", patience=5)
    assert (run["stack"], run["result"], run["failure"]["reason"]) == (stack, "error", "JobFailed")
    assert run["failure"]["message"] == "job job: exit code 3\nno room left"
    assert [(step["action"], step["name"]) for step in run["changes"]] == [("run", container)]
    found = ahead.stack(stack)
    assert (found["sync"], found["health"], found["failure"]) == ("synced", "healthy", None)
    counted = f'windlass_job_runs_total{{result="failed",service="job",stack="{stack}"}}'
    assert ahead.metric(counted) == 1
    assert ahead.metric(f'windlass_job_last_run_succeeded{{service="job",stack="{stack}"}}') == 0
    assert "failed, exit code 3" in ahead.windlass("status").stdout

    sdk.start(container)
    until(lambda: len(ahead.history()) == 2, "the run that was begun by hand in the history", patience=10)
    lines = [line for line in ahead.log_lines() if line["event"] == "job"]
    assert [(line["result"], line["exit_code"], line["level"]) for line in lines] == [("failed", 3, "error")] * 2
    ahead.stop()
    ahead.set_ahead(0)
    ahead.start()
    until(lambda: ahead.job(stack).get("result") == "failed", "the run as the container tells of it")
    assert len(ahead.history()) == 2, "what was told is not told again"
    assert ahead.metric(counted) == 0
