"""Text that may be shown: what a stranger wrote cannot move the cursor, end the line or turn its direction."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OF_AN_ATTEMPT = re.compile(r"\b[0-9a-f]{12,64}\b|:\d+(?=->)")  # ids of the engine, ports of a connection
_LONGEST = 4096  # characters of what is carried along


def printable(text: str) -> str:
    """Without line ends, terminal escapes and characters that reorder a line: those are written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def capped(text: str) -> str:
    """The text as a database, a document or a page can carry it: valid Unicode, and of a bounded length."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def listed(names: Iterable[object], most: int) -> str:
    """The names, each once; of more than `most` the first ones, and how many more there are."""
    once = list(dict.fromkeys(map(str, names)))
    more = len(once) - most
    return ", ".join(once[:most]) + (f" and {more} more" if more > 0 else "")


def without_attempt(text: str) -> str:
    """Without what another attempt would say otherwise, so that two that fail for the same reason say the same."""
    return _OF_AN_ATTEMPT.sub("", text)
