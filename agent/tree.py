"""The files of one revision of a source, as whoever reads them gets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable


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


@runtime_checkable
class _HasGaps(Protocol):
    """A tree of which something may not have been readable: a directory that is closed to whoever reads."""

    @property
    def unread(self) -> Mapping[str, str]: ...


def unread(tree: Tree) -> Mapping[str, str]:
    """The directories of a tree that were to be listed and could not be, each with why: what lies in them is not known,
    which is not that there is nothing. Those of a commit can be read."""
    return tree.unread if isinstance(tree, _HasGaps) else {}


@dataclass(frozen=True, eq=False)
class Noted:
    """A tree that notes what is asked of it. Whoever asks just that of another tree, and gets the same answers, reads
    the same from it: so what is not there counts as well."""

    tree: Tree
    _paths: set[str] = field(default_factory=set)
    _directories: set[str] = field(default_factory=set)

    def entries(self) -> Mapping[str, Entry]:
        return _NotedEntries(self.tree.entries(), self._paths, self._directories)

    def beneath(self, directory: str) -> Iterable[str]:
        self._directories.add(directory)
        return self.tree.beneath(directory)

    def read(self, path: str) -> bytes:
        self._paths.add(path)
        return self.tree.read(path)

    @property
    def asked(self) -> frozenset[str]:
        """The paths of files, and of directories that count with all that is in them ("" is the whole tree). What was
        asked for only since it might be a link, on the way to something else, is none of them."""
        asked = self._paths | self._directories
        on_the_way = {above for path in asked for above in _above(path)} - self._directories
        return frozenset(path for path in asked - on_the_way if self._directories.isdisjoint(_above(path)))


class _NotedEntries(Mapping[str, Entry]):
    def __init__(self, entries: Mapping[str, Entry], paths: set[str], directories: set[str]) -> None:
        self._entries, self._paths, self._directories = entries, paths, directories

    def __getitem__(self, path: str) -> Entry:
        self._paths.add(path)
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        self._directories.add("")
        return iter(self._entries)

    def __len__(self) -> int:
        self._directories.add("")
        return len(self._entries)


def itself(tree: Tree) -> Tree:
    """The tree, for whoever keeps it: what is asked of it later is not to be noted."""
    return tree.tree if isinstance(tree, Noted) else tree


def _above(path: str) -> list[str]:
    """Every directory above a path, the root among them."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts))] if path else []
