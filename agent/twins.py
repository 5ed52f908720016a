"""How an object is called while it is replaced: two of it are there then, and only one can have the name."""

from __future__ import annotations

NEXT, OLD = ".next", ".old"  # behind the name: what is to take its place, and what gave it up
FORMER = ".windlass-old"  # as OLD, of one that `docker compose` made: its name alone tells who set it aside


def base_name(name: str) -> str:
    """The name of an object without what marks it as a twin of a replacement."""
    return next((name.removesuffix(ending) for ending in (NEXT, FORMER, OLD) if name.endswith(ending)), name)
