"""Which files of a build context are left out: `.dockerignore`.

Patterns are matched part by part of the path, so that no pattern of a stranger's takes long.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple


class Pattern(NamedTuple):
    """The parts of a path, with `**` for any number of them. `keeps`: what it matches is not left out after all."""

    parts: tuple[str, ...]
    keeps: bool


def read_patterns(text: str) -> list[Pattern]:
    """The patterns of a `.dockerignore`, in their order; lines that begin with `#` are comments."""
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines():
        said = line.strip()
        keeps = said.startswith("!")
        path = posixpath.normpath(said[1:].strip() if keeps else said) if said else ""
        parts = tuple(part.replace("[^", "[!") for part in path.split("/") if part not in ("", ".", ".."))
        if parts and not said.startswith("#"):
            patterns.append(Pattern(parts, keeps))
    return patterns


def is_ignored(path: str, patterns: Sequence[Pattern]) -> bool:
    """Whether the file is left out: the last pattern decides that matches it or a directory that it is in."""
    parts = path.split("/")
    ignored = False
    for pattern in patterns:
        if pattern.keeps == ignored and _matches_above(parts, pattern.parts):
            ignored = not pattern.keeps
    return ignored


def _matches_above(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the pattern matches the path or any directory above it.

    `reached` holds how many parts of the pattern can have been used up by what was seen of the path.
    """
    reached = _past_any({0}, pattern)
    for part in parts:
        after = set()
        for index in reached:
            if index < len(pattern):
                if pattern[index] == "**":
                    after.add(index)
                elif fnmatchcase(part, pattern[index]):
                    after.add(index + 1)
        reached = _past_any(after, pattern)
        if len(pattern) in reached:
            return True
    return False


def _past_any(reached: set[int], pattern: Sequence[str]) -> set[int]:
    """Also behind each `**`, which may stand for nothing."""
    further = set(reached)
    for index in sorted(reached):
        while index < len(pattern) and pattern[index] == "**":
            index += 1  # noqa: PLW2901 - the next part, from each that was reached
            further.add(index)
    return further
