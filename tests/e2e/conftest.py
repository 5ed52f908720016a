from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agents import Agent, Fleet, running


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.make(tmp_path)


@pytest.fixture
def agent(tmp_path: Path, docker_host: str, prefix: str, fleet: Fleet) -> Agent:
    """An agent that follows the fleet, not started yet. What it makes is named after the prefix and removed by it."""
    return Agent(tmp_path, docker_host, prefix, str(fleet.bare))


@pytest.fixture
def started(agent: Agent) -> Iterator[Agent]:
    with running(agent):
        yield agent
