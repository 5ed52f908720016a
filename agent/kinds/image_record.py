"""When an image was pulled last, and for what: neither stands on the image, for an engine notes the time of a tag only
where somebody tags by hand, and an image can carry nothing of ours.

The file is small and may be lost: then what has a pull policy is pulled once more.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.errors import Refused


class Pulled(NamedTuple):
    """`at` is seconds since the epoch, `contents` the content of each stack that it was pulled for, by a digest."""

    at: float = 0.0
    contents: Mapping[str, str] = {}


class Record:
    """Kept in a file of the state directory; without one, for as long as the object lives. Any thread may call."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, Any] = {}

    def of(self, reference: str) -> Pulled:
        found = self._read().get(reference) or {}
        try:
            return Pulled(float(found["at"]), {str(stack): str(one) for stack, one in found["contents"].items()})
        except (TypeError, KeyError, ValueError, AttributeError):  # nothing, or what another release wrote
            return Pulled()

    def note(self, reference: str, at: float, contents: Mapping[str, str]) -> None:
        """Pulled now. Raises `Refused` (`StateWriteFailed`)."""
        with self._lock:
            kept = {**self._read(), reference: {"at": at, "contents": dict(contents)}}
            if self._path is None:
                self._kept = kept
            else:
                _write(self._path, json.dumps(kept, sort_keys=True))

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return self._kept
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(text)
        beside.replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", reason="StateWriteFailed") from error
