"""What the settings become: the source, and its credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadSettings
from agent.good_images import GoodImages
from agent.images import Image
from agent.jsonfile import JsonFile
from agent.parts import make_engine, make_host, make_source
from agent.settings import load
from agent.source import Source
from agent.statedir import StateDir


def source_of(tmp_path: Path, **given: str) -> Source:
    settings = load(None, {name.replace("__", "."): value for name, value in given.items()})
    return make_source(settings, StateDir(tmp_path / "state"), lambda *told: None)


@pytest.mark.parametrize("repo", ["./nosuch", "nosuch", "../nosuch/x.git", "git.example.com/fleet"])
def test_a_directory_that_is_not_there_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSettings, match="there is no such directory"):
        source_of(tmp_path, repo=repo)


def test_a_directory_may_be_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert source_of(tmp_path, repo="./fleet").origin == source_of(tmp_path, repo=str(tmp_path / "fleet")).origin
    assert source_of(tmp_path, repo="clone").origin == source_of(tmp_path, repo=f"file://{tmp_path}/clone").origin


def test_a_token_that_is_not_there_at_the_start_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "token"
    given = {"repo": "https://git.example.com/fleet.git", "git__token_file": str(file)}
    with pytest.raises(BadSettings, match=r"git.token_file: .* cannot be read"):
        source_of(tmp_path, **given)
    file.write_text("token")
    assert source_of(tmp_path, **given).origin.startswith("git:")


@pytest.mark.parametrize(
    ("given", "prunes"),
    [({}, False), ({"prune_images": "true"}, True), ({"prune_images": "true", "prune": "false"}, False)],
)
def test_pulled_images_are_pruned_only_where_the_operator_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], prunes: bool
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("agent.parts.make_kinds", lambda *_, **rest: asked.update(rest) or {})
    settings = load(None, given)
    engine = make_engine(settings, {})
    make_host(engine, StateDir(tmp_path), settings, "here", lambda _: None)
    kept = asked["kept"]
    assert (kept is not None) is prunes
    GoodImages(JsonFile(tmp_path / "images.json")).note("web", {"web-1": Image("sha256:1")})
    if kept:
        assert (kept(frozenset()), kept({"web"})) == ({"sha256:1"}, frozenset())
    engine.close()
