"""The process and who starts and ends it, beside an engine that is made up: what no real one does on demand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.engine.fake import EMPTY_HOST, FakeEngine, fake_engine, pull_without_end

COMPOSE = "services:\n  web:\n    image: registry.example/web:1\n"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine with nothing on it."""
    with fake_engine(tmp_path) as engine:
        engine.answers = dict(EMPTY_HOST)
        yield engine


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.make(tmp_path)


@pytest.fixture
def agent(tmp_path: Path, fake: FakeEngine, fleet: Fleet) -> Agent:
    return Agent(tmp_path, fake.url, "process", str(fleet.bare))


def test_a_pull_under_way_does_not_hold_up_the_end(agent: Agent, fake: FakeEngine, fleet: Fleet) -> None:
    fake.answers["/images/create"] = pull_without_end
    fleet.push({"stacks/web/compose.yaml": COMPOSE})
    with running(agent):
        until(lambda: any(line["event"] == "pulling" for line in agent.log_lines()), "the pull")
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 10
        assert fake.given_up.wait(5)
    lines = agent.log_lines()
    assert not [line for line in lines if line["level"] == "error"]
    (pulling, *_) = [line for line in lines if line["event"] == "pulling"]
    assert pulling["run"]
    assert pulling["revision"]
