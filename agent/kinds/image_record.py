"""When an image was pulled last, and for what: neither stands on the image, for an engine notes the time of a tag only
where somebody tags by hand, and an image can carry nothing of ours.

The file is small and may be lost: then what has a pull policy is pulled once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agent.jsonfile import JsonFile


class Pulled(NamedTuple):
    """`at` is seconds since the epoch, `contents` the content of each stack that it was pulled for, by a digest."""

    at: float = 0.0
    contents: Mapping[str, str] = {}


class Record:
    """Kept in a file of the state directory; without one, for as long as the object lives. Any thread may call."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = JsonFile(path)

    def of(self, reference: str) -> Pulled:
        found = self._file.read().get(reference) or {}
        try:
            return Pulled(float(found["at"]), {str(stack): str(one) for stack, one in found["contents"].items()})
        except (TypeError, KeyError, ValueError, AttributeError):  # nothing, or what another release wrote
            return Pulled()

    def note(self, reference: str, at: float, contents: Mapping[str, str]) -> None:
        """Pulled now. Raises `Refused` (`StateWriteFailed`)."""
        entry = {"at": at, "contents": dict(contents)}
        self._file.change(lambda kept: {**kept, reference: entry})
