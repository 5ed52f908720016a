"""A small JSON object in a file that may be lost: notes of the agent to itself, and of people to the agent."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import Refused


class JsonFile:
    """Kept at the path; without one, for as long as the object lives. Any thread may call."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """What is kept; nothing where the file is missing, cannot be read or is no longer what it was."""
        try:
            return self._found()
        except OSError:
            return {}

    def change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Keep what `change` makes of what is kept. Raises `Refused`: `StateReadFailed` where what is kept cannot be
        read by us or for now, since it would be lost, and `StateWriteFailed`."""
        with self._lock:
            try:
                found = self._found()
            except OSError as error:
                raise Refused(f"{self._path} cannot be read: {error.strerror}", reason="StateReadFailed") from error
            self._kept = change(found)
            if self._path is not None:
                _write(self._path, json.dumps(self._kept, sort_keys=True))

    def _found(self) -> dict[str, Any]:
        """Raises `OSError` for a file that is there and cannot be read."""
        if self._path is None:
            return self._kept
        try:
            found = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    """All of it or nothing, also where the power fails: a file system may move a file before it has its bytes."""
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            _give_to_owner(file.fileno(), path.parent)
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", reason="StateWriteFailed") from error


def _give_to_owner(descriptor: int, directory: Path) -> None:
    """To whom the directory belongs: a command may be run by root, and the agent not."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
