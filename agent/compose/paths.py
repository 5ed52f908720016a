"""Paths as Compose writes them, and what they mean in the tree. Nothing here looks at a disk."""

from __future__ import annotations

import posixpath
import re

_WINDOWS = re.compile(r"[a-zA-Z]:[\\/]")


class Escape(ValueError):  # noqa: N818 - what happened, as the others of agent.errors
    """The path leads out of the repository."""


def clean(path: str) -> str:
    """The shortest spelling of a path, without `.`, `..` where it can go, and doubled slashes."""
    cleaned = posixpath.normpath(path) if path else path
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def is_absolute(path: str) -> bool:
    """Also for a path of Windows, which is never meant from a directory of ours."""
    return path.startswith(("/", "\\\\")) or bool(_WINDOWS.match(path))


def joined(base: str, path: str) -> str:
    """An absolute path stays as it is written; a relative one is meant from `base`."""
    return path if is_absolute(path) else clean(posixpath.join(base, path))


def moved(way: str, path: str) -> str:
    """A path that is meant from a directory, as one that is meant from where the `way` to that directory starts."""
    return path if path.startswith("~") else joined(way, path)


def way(start: str, end: str) -> str:
    """The way from a directory of the tree to another one; "" to itself."""
    found = posixpath.relpath(f"/{end}", f"/{start}")
    return "" if found == "." else found


def in_tree(directory: str, path: str) -> str:
    """The path in the tree ("" is its root) of a path that is relative to `directory`. Raises `Escape`."""
    resolved = posixpath.normpath(posixpath.join("/", directory, path)) if not path.startswith("/") else None
    if resolved is None or _climbs(directory, path):
        raise Escape(path)
    return resolved.lstrip("/")


def _climbs(directory: str, path: str) -> bool:
    depth = len([part for part in directory.split("/") if part not in ("", ".")])
    for part in path.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False


def ancestors(path: str) -> list[str]:
    """The path and every directory above it, the nearest first: `a/b/c` gives `a/b/c`, `a/b`, `a`."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)] if path else []
