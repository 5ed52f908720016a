"""A plain directory as a source: no history, no commits, the files as they lie on disk.

The one thing to know: each `sync` reads everything into memory, so a snapshot stays what it was while files change. A
work tree of git is read the same way, uncommitted changes and all; only `.git` is left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Refused
from agent.model import Entry, EntryKind, Revision, Snapshot
from agent.source.content import MAX_ENTRIES, MAX_FILE, checked_path, fits, genuine, readable, too_many, unreadable

_MAX_TOTAL = 64 << 20  # bytes held of one directory


@dataclass(frozen=True)
class _Found:
    """A file or a link. `data` is None for a file that is too large or that we may not read."""

    entry: Entry
    data: bytes | None
    why: str = ""


class DirectorySource:
    """A `Source` of the files below `path`. What is accepted is remembered only as long as the process lives.

    Symlinks are entries and are never followed; sockets, devices and pipes are no entries; a sub-directory that may
    not be entered is as if it were empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.origin = f"dir:{hashlib.sha256(os.fsencode(self._path)).hexdigest()[:12]}"
        self._last: Snapshot | None = None
        self._good: dict[str, Snapshot] = {}
        self._snapshots: weakref.WeakValueDictionary[str, Snapshot] = weakref.WeakValueDictionary()

    def sync(self) -> Snapshot:
        """As `Source.sync`. Raises `Refused` when the directory is missing, too large or holds a bad name."""
        found = _read(self._path)
        revision = Revision(f"dir-{_digest(found)}")
        snapshot = self._snapshots.get(revision.id) or Snapshot(revision, _HeldTree(found))
        self._snapshots[revision.id] = self._last = snapshot
        return snapshot

    def last(self) -> Snapshot | None:
        return self._last

    def good(self, stack: str) -> Snapshot | None:
        return self._good.get(stack)

    def accept(self, stack: str, revision: str) -> None:
        """As `Source.accept`. A revision that nobody holds any more cannot be recorded, and `good` stays as it was."""
        snapshot = self._snapshots.get(revision)
        if snapshot is not None:
            self._good[stack] = snapshot


class _HeldTree:
    """A `model.Tree` that is all in memory."""

    def __init__(self, found: Mapping[str, _Found]) -> None:
        self._found = found
        self._entries = {path: one.entry for path, one in found.items()}

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def read(self, path: str) -> bytes:
        """As `Tree.read`; also `BadManifest` for a file that is too large, that we may not read, or an LFS pointer."""
        readable(path, self._entries.get(path))
        one = self._found[path]
        if one.data is None:
            raise unreadable(path, one.why)
        return genuine(path, one.data)


def _read(top: Path) -> dict[str, _Found]:
    if not top.is_dir():
        raise Refused(f"{top} is no directory", reason="DirectoryNotFound")
    try:
        return dict(sorted(_bounded(top, _walk(top)).items()))
    except OSError as error:
        raise Refused(f"{top} cannot be read: {error.strerror}", reason="DirectoryUnreadable") from error


def _bounded(top: Path, walk: Iterator[tuple[str, _Found]]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    room = _MAX_TOTAL
    for path, one in walk:
        if len(found) >= MAX_ENTRIES:
            raise too_many(str(top))
        room -= len(one.data or b"")
        if room < 0:
            raise Refused(f"{top} holds more than {_MAX_TOTAL >> 20} MiB of files", reason="DirectoryTooLarge")
        found[path] = one
    return found


def _walk(top: Path) -> Iterator[tuple[str, _Found]]:
    """Every file and link. Directories are entered by descriptor: none can be swapped for a link meanwhile."""
    root = os.fsencode(top.resolve())
    for directory, directories, names, fd in os.fwalk(root, follow_symlinks=False):
        directories[:] = sorted(name for name in directories if name != b".git")
        for name in sorted([*directories, *names]):
            if name == b".git":  # in a work tree of its own or a submodule it is a file
                continue
            one = _look(name, fd)
            if one is not None:
                yield checked_path(os.path.relpath(os.path.join(directory, name), root)), one  # noqa: PTH118


def _look(name: bytes, directory: int) -> _Found | None:
    """What stands under a name; None for what is no file or link, or is gone by now."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(name, dir_fd=directory)
            return _Found(Entry(EntryKind.SYMLINK, len(target)), target)
        return _load(name, directory, status) if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError:
        return None


def _load(name: bytes, directory: int, status: os.stat_result) -> _Found:
    kind = EntryKind.EXECUTABLE if status.st_mode & stat.S_IXUSR else EntryKind.FILE
    if not fits(name.decode(errors="replace"), status.st_size):
        return _Found(Entry(kind, status.st_size), None)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        with os.fdopen(fd, "rb") as file:
            data = file.read(MAX_FILE + 1)  # it may have grown since
    except OSError as error:
        return _Found(Entry(kind, status.st_size), None, error.strerror or str(error))
    return _Found(Entry(kind, len(data)), data)


def _digest(found: Mapping[str, _Found]) -> str:
    """Of paths, modes and contents; of the size alone where there is no content."""
    digest = hashlib.sha256()
    for path, one in found.items():
        content = b"" if one.data is None else hashlib.sha256(one.data).digest()
        digest.update(f"{path}\0{one.entry.kind}\0{one.entry.size}\0".encode() + content)
    return digest.hexdigest()[:40]
