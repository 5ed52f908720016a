"""What is to be said of a change that was done, beside that it was: nothing that makes it a failure."""

from __future__ import annotations

import threading


class Remarks:
    """Any thread may call; each carries out one change at a time and sees only its own."""

    def __init__(self) -> None:
        self._own = threading.local()

    def add(self, text: str) -> None:
        self._own.said = (*self._said(), text)

    def take(self) -> str:
        """All of them in one text, "" where there is none. They are forgotten then."""
        said, self._own.said = self._said(), ()
        return "; ".join(said)

    def _said(self) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self._own, "said", ())
        return found
