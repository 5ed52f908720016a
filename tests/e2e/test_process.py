"""The process and who starts and ends it, beside an engine that is made up: what no real one does on demand."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.engine.fake import EMPTY_HOST, FakeEngine, Request, fake_engine, pull_without_end
from tests.source.servers import hanging

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


class Supervisor:
    """What systemd is to a service of `Type=notify`: a socket, and what has been said on it."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard

    def next(self, patience: float = 15.0) -> str:
        self._heard.settimeout(patience)
        return self._heard.recv(4096).decode()

    def until(self, note: str) -> list[str]:
        """What is said up to the note, and the note."""
        said = [self.next()]
        while note not in said[-1].splitlines():
            said.append(self.next())
        return said


@pytest.fixture
def supervisor(tmp_path: Path, agent: Agent) -> Iterator[Supervisor]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        agent.variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        yield Supervisor(heard)


def test_the_service_manager_is_told_of_the_beginning_the_work_and_the_end(
    agent: Agent, fleet: Fleet, supervisor: Supervisor
) -> None:
    with running(agent):
        first = supervisor.next().splitlines()
        assert first == ["READY=1", "STATUS=asks the source for the first time"]
        supervisor.until("STATUS=EmptyRepository: keeps what runs, no stack yet")
        head = fleet.push({"stacks/web/compose.yaml": COMPOSE})
        supervisor.until(f"STATUS=0 of 1 stacks synced, at {head[:7]}")
        supervisor.until("WATCHDOG=1"), supervisor.until("WATCHDOG=1")
        assert agent.stop() == 0
        supervisor.until("STOPPING=1")


def test_it_is_ready_though_neither_git_nor_the_engine_answers(
    agent: Agent, fake: FakeEngine, supervisor: Supervisor
) -> None:
    fake.answers["version"] = fake.answers["/version"] = Request.hang
    settings = agent.home / "agent.yaml"
    settings.write_text("git: {insecure_http: true}\n")
    with hanging() as port:
        agent.repo, agent.extra = f"http://127.0.0.1:{port}/fleet.git", ("--config", str(settings))
        with running(agent):
            assert supervisor.next().startswith("READY=1")
            supervisor.until("WATCHDOG=1"), supervisor.until("WATCHDOG=1")
            assert agent.get("/healthz")[0] == 200
            assert agent.get("/readyz")[0] == 503
            agent.kill()


def test_a_pull_under_way_does_not_hold_up_the_end(agent: Agent, fake: FakeEngine, fleet: Fleet) -> None:
    fake.answers["/images/create"] = pull_without_end
    fleet.push({"stacks/web/compose.yaml": COMPOSE})
    with running(agent):
        until(lambda: any(line["event"] == "pulling" for line in agent.log_lines()), "the pull")
        assert agent.stop() == 0
        assert fake.given_up.wait(5)
    lines = agent.log_lines()
    assert not [line for line in lines if line["level"] == "error"]
    (pulling, *_) = [line for line in lines if line["event"] == "pulling"]
    assert pulling["run"]
    assert pulling["revision"]


def test_a_pull_of_what_is_not_wanted_any_more_does_not_hold_up_the_next_commit(
    agent: Agent, fake: FakeEngine, fleet: Fleet
) -> None:
    def pulling() -> list[str]:
        return [line["image"] for line in agent.log_lines() if line["event"] == "pulling"]

    fake.answers["/images/create"] = pull_without_end
    fleet.push({"stacks/web/compose.yaml": COMPOSE})
    with running(agent):
        until(pulling, "the pull")
        fleet.push({"stacks/web/compose.yaml": COMPOSE.replace("web:1", "web:2")})
        until(lambda: "registry.example/web:2" in pulling(), "the pull for the next commit")
        assert fake.given_up.wait(5)
    assert not [line for line in agent.log_lines() if line["level"] == "error"]


def test_a_port_that_is_taken_is_told_and_taken_when_it_is_free(agent: Agent, fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", agent.port)) as taken, running(agent):
        until(lambda: "PortInUse" in agent.windlass("status").stdout, "the trouble in the status")
        fleet.push({"stacks/web/compose.yaml": COMPOSE})
        until(lambda: any(line["event"] == "new revision" for line in agent.log_lines()), "the agent at its work")
        errors = [line for line in agent.log_lines() if line["event"] == "http"]
        assert [(line["level"], line["reason"]) for line in errors] == [("error", "PortInUse")]
        taken.close()
        until(lambda: agent.get("/healthz")[0] == 200, "the server, where it should be")
        until(lambda: agent.status()["http"]["failure"] is None, "the end of the trouble")
