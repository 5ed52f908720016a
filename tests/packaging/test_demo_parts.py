"""What the demo does with the engine and with what it made, without an engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from script import demo_parts


class FakeSite(demo_parts.Site):
    """An engine on which nothing happens."""

    cleaned = False

    def __init__(self, url: str, instance: str) -> None:
        self.url, self.instance = url, instance
        self._made = ["windlass/demo:1"]

    def in_the_way(self, prefix: str) -> list[str]:
        return []

    def load_images(self) -> None:
        """They are there."""

    def clean(self) -> None:
        self.cleaned = True


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, int]]:
    """How script/engine is called."""
    made: list[tuple[str, int]] = []

    def engine(command: str, user: int) -> str:
        made.append((command, user))
        return "unix:///nowhere/docker.sock"

    monkeypatch.setattr(demo_parts, "_engine", engine)
    monkeypatch.setattr(demo_parts, "Site", FakeSite)
    monkeypatch.setattr(demo_parts, "ENGINE", tmp_path / "engine")
    monkeypatch.setattr(demo_parts.AgentProcess, "pid", 77)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return made


US = os.getpid()


def test_all_is_taken_away_and_the_engine_let_go(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    with demo_parts.opened("x", keep=False) as (site, _, _):
        assert list(tmp_path.iterdir())
    assert calls == [("start", US), ("stop", US)]
    assert isinstance(site, FakeSite)
    assert site.cleaned
    assert not list(tmp_path.iterdir())


def test_what_is_kept_hands_the_engine_on_to_the_agent(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    """Once we have ended, a later script/test would end an engine that nobody alive uses."""
    with demo_parts.opened("x", keep=True) as (site, _, _):
        pass
    assert calls == [("start", US), ("start", 77), ("stop", US)]
    assert isinstance(site, FakeSite)
    assert not site.cleaned
    assert list(tmp_path.iterdir())


def test_nothing_is_kept_of_what_did_not_go_well(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    with pytest.raises(SystemExit), demo_parts.opened("x", keep=True) as (site, _, _):
        raise SystemExit(143)
    assert calls == [("start", US), ("stop", US)]
    assert isinstance(site, FakeSite)
    assert site.cleaned
    assert not list(tmp_path.iterdir())


def test_how_to_clean_depends_on_whose_engine_it_is(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    site = FakeSite("unix:///nowhere/docker.sock", "x-1")
    assert [command.split()[3] for command in site.how_to_clean(77)] == ["rm", "network", "volume", "rmi"]
    assert all("label=windlass.instance=x-1" in command for command in site.how_to_clean(77)[:3])
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "windlass-engine").write_text("/nowhere\n")
    assert site.how_to_clean(77)[-1].endswith(f"script/engine stop --dir {engine} --for 77")
