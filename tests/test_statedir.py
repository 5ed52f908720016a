"""The key of the fingerprints: made once, whatever a process that died before has left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import Refused
from agent.statedir import KEY_BYTES, StateDir


def full_disk(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_key_is_made_after_a_disk_was_full_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container each process of the agent has the same id."""
    state = StateDir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_disk)
        with pytest.raises(Refused, match="cannot be used: No space left on device"):
            state.key()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"key.{os.getpid()}").touch()
    assert len(state.key()) == KEY_BYTES


def test_a_key_that_the_power_failed_for_is_made_anew(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    (tmp_path / "key").touch()
    made = state.key()
    assert len(made) == KEY_BYTES
    assert state.key() == made
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
