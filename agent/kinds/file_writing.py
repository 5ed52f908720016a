"""Reads and writes files below a directory in which a container may write too.

No symbolic link is followed on the way: every directory is opened relative to the one above it, so a link that appears
between two calls leads nowhere either. A file is whole or it is the old one: it is written beside its place and then
moved there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

DIRECTORY_MODE = 0o755  # the users that containers run as have to read what is in it
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW


class Found(Enum):
    """What is in a file's place."""

    EQUAL = "as wanted"
    OTHER = "edited"
    NOTHING = "missing"  # or the empty directory that an engine makes of what it is to mount and does not find
    BLOCKED = "a directory"  # or anything else that a file cannot be moved over


@contextmanager
def opened(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the directory `root`/`parts`; with `make`, what is missing below `root` is made.

    Raises `NotADirectoryError` where a part is a symbolic link, `FileNotFoundError` where one is missing.
    """
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    owner = os.fstat(current)
    try:
        for part in parts:
            made = make and _make(current, part)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _OPEN, dir_fd=current)
            os.close(current)
            current = below
            if made:
                os.fchmod(current, DIRECTORY_MODE)  # whatever the umask is
                if is_for_another(owner):
                    os.fchown(current, owner.st_uid, owner.st_gid)
        yield current
    finally:
        os.close(current)


def is_for_another(owner: os.stat_result) -> bool:
    """Whether what is made in a directory of this owner is to be theirs: a command may be run by root, and the agent
    not."""
    return os.geteuid() == 0 and owner.st_uid != 0


class Form(NamedTuple):
    """What a file is to be. An owner of None is whoever writes it."""

    mode: int
    content: bytes
    uid: int | None = None
    gid: int | None = None

    def owned_as(self, owner: os.stat_result) -> Form:
        """With the owner of a directory in the place of root, where it does not matter who that is."""
        if not is_for_another(owner):
            return self
        uid = owner.st_uid if self.uid is None else self.uid
        return self._replace(uid=uid, gid=owner.st_gid if self.gid is None else self.gid)

    def fits(self, status: os.stat_result) -> bool:
        """All but the content, as far as its length tells."""
        return (
            stat.S_ISREG(status.st_mode)
            and stat.S_IMODE(status.st_mode) == self.mode
            and status.st_size == len(self.content)
            and self.uid in (None, status.st_uid)
            and self.gid in (None, status.st_gid)
        )


def look(directory: int, name: str, form: Form) -> Found:
    """How what is under the name compares with a file of that form."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return Found.NOTHING
    if stat.S_ISDIR(status.st_mode):
        return Found.BLOCKED if _holds_anything(directory, name) else Found.NOTHING
    if not form.fits(status):
        return Found.OTHER
    # without O_NONBLOCK, a pipe that took the file's place in this moment would keep us waiting
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        return Found.EQUAL if file.read(len(form.content) + 1) == form.content else Found.OTHER


def write(directory: int, name: str, form: Form) -> None:
    """Put the file in its place, over whatever file, link or empty directory is there. What a cut attempt left is
    written over."""
    draft = f".windlass-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=directory)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(form.content)
        file.flush()
        if (form.uid, form.gid) != (None, None):
            _give(file.fileno(), form.uid, form.gid)
        os.fchmod(file.fileno(), form.mode)
        os.fsync(file.fileno())
    with suppress(FileNotFoundError, NotADirectoryError):
        os.rmdir(name, dir_fd=directory)
    os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def others(directory: int, known: Collection[str]) -> Iterator[str]:
    """The paths below the directory that are neither known nor directories on the way to what is."""
    on_the_way = {str(above) for path in known for above in PurePosixPath(path).parents}
    yield from _beside(directory, "", {*known, *on_the_way}, on_the_way)


def _beside(directory: int, within: str, known: Set[str], on_the_way: Set[str]) -> Iterator[str]:
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        path = f"{within}{name}"
        if path not in known:
            yield path
        elif is_directory and path in on_the_way:
            with _opened_below(directory, name) as below:
                yield from _beside(below, f"{path}/", known, on_the_way)


def remove(directory: int, name: str) -> None:
    """Remove what is there under the name, be it a directory with all that is in it. No link is followed."""
    if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)


@contextmanager
def _opened_below(directory: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _OPEN, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _holds_anything(directory: int, name: str) -> bool:
    with _opened_below(directory, name) as below, os.scandir(below) as entries:
        return any(entries)


def _give(descriptor: int, uid: int | None, gid: int | None) -> None:
    try:
        os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
    except PermissionError as error:
        message = f"Windlass may not give it to uid {uid}, gid {gid}: run it as root, or leave both out"
        raise PermissionError(error.errno, message) from error


def _make(directory: int, name: str) -> bool:
    """Whether it was made now."""
    try:
        os.mkdir(name, DIRECTORY_MODE, dir_fd=directory)
    except FileExistsError:
        return False
    return True
