"""When an image was last pulled, and for what. The image itself cannot tell: an engine notes the time of a tag only
where somebody tags by hand, and a pulled image has no labels of ours.

The file may be lost: then what has a pull policy is pulled once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.jsonfile import JsonFile, Note

LONG = 30 * 86400.0  # seconds after which it is asked whether an image is still here


class LastPull(NamedTuple):
    """`at` is seconds since the epoch, `contents` the content of each stack that it was pulled for, by a digest."""

    at: float = 0.0
    contents: Mapping[str, str] = {}


class LastPulls:
    """Kept in a file of the state directory; without one, and while it cannot be written, for as long as the object
    lives: what was pulled can be used all the same. Any thread may call."""

    def __init__(self, path: Path | None = None) -> None:
        self._note = Note(JsonFile(path))

    def of(self, reference: str) -> LastPull:
        return _last_pull(self._note.known().get(reference))

    def note(
        self, reference: str, at: float, contents: Mapping[str, str], is_here: Callable[[str], bool] = lambda _: True
    ) -> set[str]:
        """Pulled now. What was pulled long ago and `is_here` no more is forgotten with that, for whoever wants it pulls
        it anyway: a tag for each build would have no end. Returns what is forgotten."""
        entry = {"at": at, "contents": dict(contents)}
        old = [one for one, kept in self._note.known().items() if one != reference and at - _last_pull(kept).at > LONG]
        gone = {one for one in old if not is_here(one)}
        self._note.change(lambda kept: {one: kept[one] for one in kept if one not in gone} | {reference: entry})
        return gone


def _last_pull(entry: Any) -> LastPull:
    try:
        return LastPull(float(entry["at"]), {str(stack): str(one) for stack, one in entry["contents"].items()})
    except (TypeError, KeyError, ValueError, AttributeError):  # nothing, or what another release wrote
        return LastPull()
