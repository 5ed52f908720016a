"""The key of the fingerprints: made once, whatever a process that died before has left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import Refused
from agent.statedir import KEY_BYTES, StateDir
from agent.store import Store
from tests.nobody import NOBODY


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


def test_what_root_makes_for_the_agent_is_the_agents(tmp_path: Path) -> None:
    """Whose directory it is tells who the agent is: systemd makes it before the agent's first start, and a `sudo
    windlass plan` may be there before the agent has made a key."""
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODY, NOBODY)
    state = StateDir(tmp_path)
    state.key()
    with state.locked():
        Store(state.database).save_overview({})
        made = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    assert made == dict.fromkeys(["key", "lock", "state.db"], tmp_path.stat().st_uid)


def test_whoever_may_not_use_it_is_not_told_to_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    state = StateDir(tmp_path)
    state.key()
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(Refused, match="Permission denied: run this with sudo, or as the agent's user, or use") as told:
        state.key()
    assert "writable" not in told.value.message
