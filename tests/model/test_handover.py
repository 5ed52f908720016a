"""A port of the host that goes from one stack to another, each of which has turns of its own, on the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model import Report
from tests.model.host import ModelHost
from tests.model.rig import ModelRig

IMAGE = "app:1"
PORT = "ports: ['8080:80']"


class Agent(ModelRig):
    """The agent, as far as it is about one stack."""

    def __init__(self, host: ModelHost, home: Path, stack: str) -> None:
        super().__init__(host, home, stack)
        self.identity = replace(self.identity, instance="host-1")
        self.scope = replace(self.scope, instance="host-1")
        self.restart()

    def turn(self, service: str) -> Report:
        text = f"services: {{web: {{image: '{IMAGE}', {service}}}}}\nx-windlass: {{rollout: {{monitor: 1ns}}}}\n"
        return self.towards(self.stack_of(text))

    @property
    def runs(self) -> str:
        return str(self.container("web")["Id"])


@pytest.fixture
def host() -> ModelHost:
    return ModelHost({IMAGE: {"Cmd": ["forever"]}})


@pytest.fixture
def agents(host: ModelHost, tmp_path: Path) -> Iterator[tuple[Agent, Agent]]:
    made = Agent(host, tmp_path / "giver", "giver"), Agent(host, tmp_path / "taker", "taker")
    yield made
    for one in made:
        one.engine.close()


def test_nothing_is_stopped_for_a_port_until_the_other_stack_lets_go_of_it(agents: tuple[Agent, Agent]) -> None:
    giver, taker = agents
    assert giver.turn(PORT).synced
    assert taker.turn("labels: {v: '1'}").synced
    before, calls = taker.runs, taker.engine.lot.changes
    report = taker.turn(PORT)
    assert report.failure is not None
    assert report.failure.reason == "PortInUse"
    assert report.failure.message.startswith(
        "container/taker-web-1: waits for port 8080/tcp, which container/giver-web-1"
    )
    assert (taker.runs, taker.engine.lot.changes) == (before, calls)
    assert giver.turn("labels: {v: '2'}").synced
    assert taker.turn(PORT).synced


def test_what_may_have_to_go_on_keeps_its_port_from_other_stacks(host: ModelHost, agents: tuple[Agent, Agent]) -> None:
    """An agent that died while the new one was not proved yet left the old one beside it, stopped."""
    giver, taker = agents
    giver.turn(PORT)
    old = host.container("giver-web-1")
    host.stop(old.id)
    host.rename(old.id, "giver-web-1.old")
    report = taker.turn(PORT)
    assert "container/giver-web-1.old" in (report.failure.message if report.failure else "")
    assert giver.turn("labels: {v: '2'}").synced
    assert host.called("giver-web-1.old") is None
    assert taker.turn(PORT).synced
