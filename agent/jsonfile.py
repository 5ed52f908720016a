"""A small JSON object in a file that may be lost: notes of the agent to itself."""

from __future__ import annotations

import json
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
        """What is kept; nothing where the file is missing or no longer what it was."""
        if self._path is None:
            return self._kept
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Keep what `change` makes of what is kept. Raises `Refused` (`StateWriteFailed`)."""
        with self._lock:
            self._kept = change(self.read())
            if self._path is not None:
                _write(self._path, json.dumps(self._kept, sort_keys=True))


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(text)
        beside.replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", reason="StateWriteFailed") from error
