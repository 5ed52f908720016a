"""The files of one revision of a source, as whoever reads them gets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol


class EntryKind(StrEnum):
    FILE = "file"
    EXECUTABLE = "executable"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


class Entry(NamedTuple):
    """One path of a tree: what it is, and its size in bytes (0 for a submodule)."""

    kind: EntryKind
    size: int


class Tree(Protocol):
    """The files of one revision. Paths are relative, with `/`, never with `..`; directories are implied by files."""

    def entries(self) -> Mapping[str, Entry]:
        """Every path of the tree with what it is. To go through all of them can be dear: a tree may be a whole disk."""

    def beneath(self, directory: str) -> Iterable[str]:
        """Every path below a directory, "" for all of them, in any order; none where it is no directory."""

    def read(self, path: str) -> bytes:
        """The bytes of a regular file. `KeyError` for a path that `entries` does not hold or that is no file."""
