"""What stands in for a listener or a question that nobody gave."""

from __future__ import annotations


def ignore(*_what: object) -> None:
    """Nobody listens."""


def never(*_what: object) -> bool:
    """Nobody says that it is so."""
    return False
