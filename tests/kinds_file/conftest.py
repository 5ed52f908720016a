"""The state directory and the kind that writes to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.kinds.file import FileKind


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
def kind(state: Path) -> FileKind:
    return FileKind(state)
