"""A mounted file that somebody edits on the host, beside an agent that polls once an hour."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.conftest import agent, fleet

__all__ = ["agent", "fleet"]
pytestmark = pytest.mark.engine
COMPOSE = "services: {{web: {{image: {image}, stop_grace_period: 0s, volumes: [./app.conf:/etc/app.conf:ro]}}}}\n"


def test_an_edited_file_is_noticed_without_a_poll(
    agent: Agent, fleet: Fleet, sdk: Any, prefix: str, busybox: str
) -> None:
    agent.extra = ("--interval", "1h")
    stack = f"{prefix}a"
    files = {f"stacks/{stack}/compose.yaml": COMPOSE.format(image=busybox), f"stacks/{stack}/app.conf": "port = 80\n"}
    head = fleet.push(dict(files))
    with running(agent):
        until(lambda: agent.synced_at(stack, head), "the first commit deployed")
        before = sdk.inspect_container(f"{stack}-web-1")
        [mount] = before["Mounts"]
        started, file = before["State"]["StartedAt"], Path(mount["Source"])

        def noticed_or_edited_again() -> bool:
            """Nobody says when a directory, which was not there when the agent began, has come to be watched."""
            if sdk.inspect_container(before["Id"])["State"]["StartedAt"] != started:
                return True
            file.write_text("port = 81\n")
            time.sleep(0.3)
            return False

        until(noticed_or_edited_again, "started anew", 30)
        until(lambda: file.read_text() == "port = 80\n", "the file as it was")
        until(lambda: agent.stack(stack)["sync"] == "synced", "as wanted again")
