"""A plain directory as a source: no history, no commits, the files as they lie on disk.

The one thing to know: a stack's directory holds its data as well, of any size. So each `sync` reads what gets parsed
(YAML and .env files) into memory, where a snapshot keeps it, and takes of all else the size and the time of its last
change; such a file is read when it is asked for. A work tree of git is read the same way, uncommitted changes and all;
only `.git` is left out.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Refused
from agent.model import Revision, Snapshot
from agent.provenance import NoPast
from agent.source.content import checked_path, fits, genuine, is_text, readable, under, unreadable
from agent.source.disk import load_at, load_below, origin_of
from agent.tree import Entry, EntryKind

_MAX_ENTRIES = 200_000
_MAX_HELD = 64 << 20  # bytes of parsed files held of one directory


@dataclass(frozen=True)
class _Found:
    """A file or a link. `data` is None for what is not held; `changed` is then the time of its change, in ns."""

    entry: Entry
    data: bytes | None
    changed: int = 0


@dataclass(frozen=True)
class _Seen:
    """What one reading found, and the directories that neither it nor one before it could enter."""

    found: Mapping[str, _Found]
    unread: frozenset[str] = frozenset()


class DirectorySource:
    """A `Source` of the files below `path`. What is accepted is remembered only as long as the process lives.

    Symlinks are entries and are never followed; sockets, devices, pipes and names that are no text are no entries. A
    sub-directory that may not be entered is as it was read last; where it never was, the tree tells that it is unread:
    mostly it is data.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.origin = origin_of(self._path)
        self.past = NoPast()
        self._last: Snapshot | None = None
        self._seen = _Seen({})  # by the last `sync`
        self._good: dict[str, Snapshot] = {}
        self._snapshots: weakref.WeakValueDictionary[str, Snapshot] = weakref.WeakValueDictionary()

    def sync(self) -> Snapshot:
        """As `Source.sync`. Raises `Refused` when the directory is missing, too large or cannot be read."""
        self._seen = seen = _read(self._path, self._seen)
        revision = Revision(f"dir-{_digest(seen)}")
        snapshot = self._snapshots.get(revision.id) or Snapshot(revision, _SnapshotTree(self._path, seen))
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

    def forget(self, stack: str) -> None:
        """As `Source.forget`."""
        self._good.pop(stack, None)


class _SnapshotTree:
    """A `Tree`; what is parsed is in memory, the rest is read from below `top`."""

    def __init__(self, top: Path, seen: _Seen) -> None:
        self._top, self._found = top, seen.found
        self._entries = {path: one.entry for path, one in seen.found.items()}
        self._paths = list(seen.found)  # sorted as they were read
        self.unread = dict.fromkeys(sorted(seen.unread), os.strerror(errno.EACCES))

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def beneath(self, directory: str) -> Iterable[str]:
        return under(self._paths, directory)

    def read(self, path: str) -> bytes:
        """As `Tree.read`; also `BadManifest` for a file that is too large, that we may not read, or an LFS pointer."""
        readable(path, self._entries.get(path))
        data = self._found[path].data
        if data is None:
            try:
                data = load_below(self._top, path)
            except OSError as error:
                raise unreadable(path, error.strerror or str(error)) from error
        return genuine(path, data)


def _read(top: Path, before: _Seen) -> _Seen:
    if not top.is_dir():
        raise Refused(f"{top} is no directory", reason="DirectoryNotFound")
    try:
        unread: set[str] = set()
        found = _bounded(top, _walk(top, before, unread))
        return _Seen(dict(sorted(found.items())), frozenset(unread))
    except OSError as error:
        raise Refused(f"{top} cannot be read: {error.strerror}", reason="DirectoryUnreadable") from error


def _bounded(top: Path, walk: Iterator[tuple[str, _Found]]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    room = _MAX_HELD
    for path, one in walk:
        room -= len(one.data or b"")
        if len(found) >= _MAX_ENTRIES or room < 0:
            text = f"{top} holds more than {_MAX_ENTRIES} files or {_MAX_HELD >> 20} MiB of YAML"
            raise Refused(f"{text}: name the directory of the stacks itself", reason="DirectoryTooLarge")
        found[path] = one
    return found


def _walk(top: Path, before: _Seen, unread: set[str]) -> Iterator[tuple[str, _Found]]:
    """Every file and link. Directories are entered by descriptor: none can be swapped for a link meanwhile. Of one that
    may not be entered, what was found in it `before`: nobody knows that this is gone. It is noted as `unread` where
    nothing was. Raises `OSError`."""
    root = os.fsencode(top.resolve())
    for directory, directories, names, fd in os.fwalk(root, onerror=_unless_gone, follow_symlinks=False):
        directories[:] = sorted(name for name in directories if name != b".git")
        closed = {name for name in directories if _is_closed(name, fd)}
        for name in sorted([*directories, *names]):
            if name == b".git":  # in a work tree of its own or a submodule it is a file
                continue
            path = _named(os.path.relpath(os.path.join(directory, name), root))  # noqa: PTH118
            one = _look(name, fd) if path is not None else None
            if path is not None and one is not None:
                yield path, one
            elif path is not None and name in closed:
                known = _known(path, before)
                unread |= known.unread
                yield from known.found.items()
        directories[:] = [name for name in directories if name not in closed]


def _known(directory: str, before: _Seen) -> _Seen:
    """What was found before in a directory that may not be entered now."""
    inside = under(list(before.found), directory)  # sorted as they were read
    if not inside:
        return _Seen({}, frozenset({directory}))
    still = frozenset(under(sorted(before.unread), directory))
    return _Seen({path: before.found[path] for path in inside}, still)


def _is_closed(name: bytes, directory: int) -> bool:
    return not os.access(name, os.R_OK | os.X_OK, dir_fd=directory, effective_ids=True)


def _unless_gone(error: OSError) -> None:
    """What cannot be read (no descriptor is left, the disk fails) is not gone: nobody's stacks are to go for it."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _named(raw: bytes) -> str | None:
    """The path as text. None for one that no Compose file can name: data may have any name."""
    try:
        return checked_path(raw)
    except Refused:
        return None


def _look(name: bytes, directory: int) -> _Found | None:
    """What stands under a name; None for what is no file or link, or is gone by now."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(name, dir_fd=directory)
            return _Found(Entry(EntryKind.SYMLINK, len(target)), target)
        return _look_at_file(name, directory, status) if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError:
        return None


def _look_at_file(name: bytes, directory: int, status: os.stat_result) -> _Found:
    kind = EntryKind.EXECUTABLE if status.st_mode & stat.S_IXUSR else EntryKind.FILE
    text = name.decode(errors="replace")
    if is_text(text) and fits(text, status.st_size):
        with suppress(PermissionError):  # it is told when somebody asks for the content
            data = load_at(name, directory)
            return _Found(Entry(kind, len(data)), data)
    return _Found(Entry(kind, status.st_size), None, status.st_mtime_ns)


def _digest(seen: _Seen) -> str:
    """Of paths, modes and contents; of size and time where the content is not held; and of what could not be read."""
    digest = hashlib.sha256("".join(f"{path}\0\0" for path in sorted(seen.unread)).encode())
    for path, one in seen.found.items():
        content = b"" if one.data is None else hashlib.sha256(one.data).digest()
        digest.update(f"{path}\0{one.entry.kind}\0{one.entry.size}\0{one.changed}\0".encode() + content)
    return digest.hexdigest()[:40]
