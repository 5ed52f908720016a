"""Text that may be shown: what a stranger wrote cannot move the cursor, end the line or turn its direction."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without line ends, terminal escapes and characters that reorder a line: those are written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
