"""`volume ls` and `volume rm`: a name is typed twice before data goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agent.cli import volume as command
from agent.errors import Refused
from agent.orphans import Orphan
from tests.cli.conftest import Run
from tests.cli.fakes import Agent

DATA = Orphan("old_data", "old", "2026-11-01T10:00:00Z")


@dataclass
class Orphans:
    left: list[Orphan] = field(default_factory=lambda: [DATA])

    def all(self) -> tuple[Orphan, ...]:
        return tuple(self.left)

    def remove(self, name: str) -> Orphan:
        if name != DATA.name:
            raise Refused(f"volume {name} is not removed: there is no such volume", reason="VolumeKept")
        self.left.remove(DATA)
        return DATA


@pytest.fixture
def orphans(agent: Agent) -> Orphans:
    agent.orphaned = Orphans()
    return agent.orphaned


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=stream, stderr=stream))


def test_they_are_listed(run: Run, orphans: Orphans) -> None:
    assert run("volume", "ls").stdout.splitlines()[1].split() == ["old_data", "old", "2026-11-01T10:00:00Z"]
    document = json.loads(run("volume", "ls", "-o", "json").stdout)
    assert document["orphaned"] == [{"name": "old_data", "stack": "old", "made": "2026-11-01T10:00:00Z"}]
    orphans.left.clear()
    assert run("volume", "ls").stderr == "No volume is orphaned.\n"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("answer", "code", "left"), [("old_data\n", 0, []), ("y\n", 1, [DATA]), ("old_dat\n", 1, [DATA])]
)
def test_the_name_is_to_be_typed_again(run: Run, orphans: Orphans, answer: str, code: int, left: list[Orphan]) -> None:
    result = run("volume", "rm", "old_data", text=answer)
    assert (result.exit_code, orphans.left) == (code, left)
    assert "Its data will be gone. Type the name of the volume old_data" in result.stderr


def test_without_a_terminal_it_is_to_be_confirmed(run: Run, orphans: Orphans) -> None:
    result = run("volume", "rm", "old_data")
    assert (result.exit_code, "add --confirm old_data" in result.stderr) == (64, True)
    assert run("volume", "rm", "old_data", "--confirm", "other").exit_code == 1
    assert orphans.left == [DATA]
    assert run("volume", "rm", "old_data", "--confirm", "old_data").stdout == "Removed volume old_data and its data.\n"
    assert orphans.left == []


def test_what_is_no_orphan_is_not_removed(run: Run, orphans: Orphans) -> None:
    result = run("volume", "rm", "web_data", "--confirm", "web_data")
    assert (result.exit_code, "VolumeKept" in result.stderr) == (1, True)


@pytest.mark.parametrize("words", [["rm"], ["ls", "old_data"], ["prune"], []])
def test_what_makes_no_sense_is_refused(run: Run, orphans: Orphans, words: list[str]) -> None:
    assert run("volume", *words).exit_code == 64
    assert orphans.left == [DATA]
