"""The files of this machine as a tree: each is looked at when it is asked for, and nothing is walked before that.

The one thing to know: there are two kinds. `bounded` is a repository that lies in a directory: no link is followed,
and nothing outside of it has a name. `whole_disk` is for what somebody names at his own prompt: it reaches and follows
whatever he may read, as `docker compose` does. What was read once stays as it was.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from agent.errors import Refused
from agent.model import Revision
from agent.source.content import MAX_FILE, checked_path, genuine, readable, unreadable
from agent.tree import Entry, EntryKind

_MOST_LISTED = 200_000
_NOT_FOLLOWED = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def bounded(top: Path) -> DiskTree:
    """What lies below a directory. Raises `Refused` where there is none."""
    if not top.is_dir():
        raise Refused(f"{top} is no directory", reason="DirectoryNotFound")
    return DiskTree(top, _Bounded(top))


def whole_disk() -> DiskTree:
    """Everything; the path of `/etc/hosts` is `etc/hosts`."""
    return DiskTree(Path("/"), _Unbounded())


def work_tree_of(directory: Path) -> Path:
    """The git work tree that an absolute directory lies in, or the directory itself.

    Also the directory itself where the way up leads over a link: its parents are not then those of the files.
    """
    for above in (directory, *directory.parents):
        if has_git(above):
            return above
        if os.path.islink(above):  # noqa: PTH114 - as in `has_git`
            break
    return directory


def has_git(directory: Path) -> bool:
    """Whether a directory is the top of a work tree, as far as one may look into it."""
    return os.path.exists(directory / ".git")  # noqa: PTH110 - Path raises where one may not


def origin_of(directory: Path) -> str:
    """The `Source.origin` of an absolute directory."""
    return f"dir:{hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]}"


def load_below(top: Path, path: str) -> bytes:
    """The content of a file below `top`, over no link; cut behind `MAX_FILE`. Raises `OSError`."""
    *directories, name = path.split("/")
    with ExitStack() as opened:
        fd = os.open(top, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        opened.callback(os.close, fd)
        for directory in directories:
            fd = os.open(directory, _NOT_FOLLOWED | os.O_DIRECTORY, dir_fd=fd)
            opened.callback(os.close, fd)
        return load_at(name, fd)


def load_at(name: str | bytes, directory: int) -> bytes:
    """The content of a file, no link, in an open directory; cut behind `MAX_FILE`. Raises `OSError`."""
    return _content(os.open(name, _NOT_FOLLOWED, dir_fd=directory))


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read(MAX_FILE + 1)  # it may have grown since


class _Eye(Protocol):
    def look(self, path: str) -> Entry | None:
        """What stands at a path of the tree."""

    def load(self, path: str) -> bytes:
        """The content of a file. Raises `OSError`."""

    def enters(self, directory: str) -> bool:
        """Whether what lies below a directory may be listed."""


class DiskTree:
    """A `Tree` of what lies below `top` at the moment of asking."""

    def __init__(self, top: Path, eye: _Eye) -> None:
        self.top = top
        self._eye = eye
        self._entries = _Entries(eye.look, self.beneath)
        self._read: dict[str, bytes] = {}
        self.unread: dict[str, str] = {}  # as far as it was listed by now, see `agent.tree.unread`

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def beneath(self, directory: str) -> Iterable[str]:
        """As `Tree.beneath`. Raises `Refused` for more paths than anybody means, and where listing fails by no fault of
        the directory."""
        listed = []
        for path in _walk(self.top, directory, self.unread) if self._eye.enters(directory) else ():
            listed.append(path)
            if len(listed) > _MOST_LISTED:
                text = f"{self.top / directory} holds more than {_MOST_LISTED} files: name the stack's directory itself"
                raise Refused(text, reason="DirectoryTooLarge")
        return listed

    def read(self, path: str) -> bytes:
        """As `Tree.read`; also `BadManifest` for a file that is too large, that we may not read, or an LFS pointer."""
        if path not in self._read:
            readable(path, self._entries.get(path))
            try:
                data = self._eye.load(path)
            except OSError as error:
                raise unreadable(path, error.strerror or str(error)) from error
            self._read[path] = genuine(path, data)
        return self._read[path]

    @property
    def files_read(self) -> tuple[str, ...]:
        return tuple(sorted(self._read))

    def revision(self) -> Revision:
        """The same as long as the files that were read so far hold the same."""
        digest = hashlib.sha256()
        for path in self.files_read:
            kind = self._entries[path].kind
            digest.update(f"{path}\0{kind}\0".encode() + hashlib.sha256(self._read[path]).digest())
        return Revision(f"dir-{digest.hexdigest()[:40]}")


class _Entries(Mapping[str, Entry]):
    """Every path with what it is, looked at once."""

    def __init__(self, look: Callable[[str], Entry | None], beneath: Callable[[str], Iterable[str]]) -> None:
        self._look = look
        self._beneath = beneath
        self._known: dict[str, Entry | None] = {}

    def __getitem__(self, path: str) -> Entry:
        if path not in self._known:
            self._known[path] = self._look(path)
        entry = self._known[path]
        if entry is None:
            raise KeyError(path)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._beneath(""))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Bounded:
    """Looks below one directory and over no link. What a repository could not hold is not there."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._directories = {"": True}

    def look(self, path: str) -> Entry | None:
        if not _is_named(path) or not self._is_directory(path.rpartition("/")[0]):
            return None
        status = _status(self._top / path)
        if status is not None and stat.S_ISLNK(status.st_mode):
            return Entry(EntryKind.SYMLINK, status.st_size)
        return _file(status)

    def load(self, path: str) -> bytes:
        return load_below(self._top, path)

    def enters(self, directory: str) -> bool:
        return not directory or (_is_named(directory) and self._is_directory(directory))

    def _is_directory(self, path: str) -> bool:
        if path not in self._directories:
            above = self._is_directory(path.rpartition("/")[0])
            status = _status(self._top / path) if above else None
            self._directories[path] = status is not None and stat.S_ISDIR(status.st_mode)
        return self._directories[path]


class _Unbounded:
    """Looks anywhere, over links as well."""

    def look(self, path: str) -> Entry | None:
        return _file(_status(Path("/", path), follow=True)) if "\0" not in path else None

    def load(self, path: str) -> bytes:
        return _content(os.open(Path("/", path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))

    def enters(self, directory: str) -> bool:  # noqa: ARG002 - the shape of an eye
        return True


def _is_named(path: str) -> bool:
    """Whether a repository could hold a path of that spelling."""
    try:
        return bool(checked_path(path.encode()))
    except (Refused, UnicodeEncodeError):
        return False


def _status(path: Path, *, follow: bool = False) -> os.stat_result | None:
    """None for what is not there or may not be looked at."""
    try:
        return path.stat(follow_symlinks=follow)
    except OSError:
        return None


def _file(status: os.stat_result | None) -> Entry | None:
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    kind = EntryKind.EXECUTABLE if status.st_mode & stat.S_IXUSR else EntryKind.FILE
    return Entry(kind, status.st_size)


def _walk(top: Path, directory: str, unread: dict[str, str]) -> Iterator[str]:
    """Every file and link below a directory; what lies in `.git` is none. A directory that may not be entered is noted
    as `unread`: mostly it is data, but nobody knows."""
    pending = [directory]
    while pending:
        below = pending.pop()
        try:
            listed = _listed(top / below)
        except PermissionError as error:
            unread[below] = error.strerror or str(error)
            continue
        for entry in listed:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                pending += [path] if entry.name != ".git" else []
            elif (entry.is_symlink() or entry.is_file(follow_symlinks=False)) and _is_named(path):
                yield path


def _listed(directory: Path) -> list[os.DirEntry[str]]:
    """What a directory holds; nothing where it is gone by now. Raises `PermissionError` where it may not be entered,
    and `Refused` where that fails for another reason (no descriptor is left, the disk fails): it is not gone then."""
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise
    except OSError as error:
        raise Refused(f"{directory} cannot be read: {error.strerror}", reason="DirectoryUnreadable") from error
