"""What the settings become: the source, and its credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import BadSettings
from agent.parts import make_source
from agent.settings import load
from agent.source import Source
from agent.statedir import StateDir


def source_of(tmp_path: Path, **given: str) -> Source:
    settings = load(None, {name.replace("__", "."): value for name, value in given.items()})
    return make_source(settings, StateDir(tmp_path / "state"), lambda *told: None)


def test_a_token_that_is_not_there_at_the_start_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "token"
    given = {"repo": "https://git.example.com/fleet.git", "git__token_file": str(file)}
    with pytest.raises(BadSettings, match=r"git.token_file: .* cannot be read"):
        source_of(tmp_path, **given)
    file.write_text("token")
    assert source_of(tmp_path, **given).origin.startswith("git:")
