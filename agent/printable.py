"""Text that may be shown: what a stranger wrote cannot move the cursor, end the line or turn its direction."""

from __future__ import annotations

import re

_OF_AN_ATTEMPT = re.compile(r"\b[0-9a-f]{12,64}\b|:\d+(?=->)")  # ids of the engine, ports of a connection


def printable(text: str) -> str:
    """Without line ends, terminal escapes and characters that reorder a line: those are written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def without_attempt(text: str) -> str:
    """Without what another attempt would say otherwise, so that two that fail for the same reason say the same."""
    return _OF_AN_ATTEMPT.sub("", text)
