"""Reads and writes files below a directory in which a container may write too.

No symbolic link is followed on the way: every directory is opened relative to the one above it, so a link that appears
between two calls leads nowhere either. A file is whole or it is the old one: it is written beside its place and then
moved there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
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
    try:
        for part in parts:
            made = make and _make(current, part)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _OPEN, dir_fd=current)
            os.close(current)
            current = below
            if made:
                os.fchmod(current, DIRECTORY_MODE)  # whatever the umask is
        yield current
    finally:
        os.close(current)


class Form(NamedTuple):
    """What a file is to be. An owner of None is whoever writes it."""

    mode: int
    content: bytes
    uid: int | None = None
    gid: int | None = None

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


def _holds_anything(directory: int, name: str) -> bool:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _OPEN, dir_fd=directory)
    try:
        with os.scandir(descriptor) as entries:
            return any(entries)
    finally:
        os.close(descriptor)


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
