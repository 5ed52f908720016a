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

DIRECTORY_MODE = 0o755  # the users that containers run as have to read what is in it
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW


class Found(Enum):
    """What is in a file's place."""

    EQUAL = "as wanted"
    OTHER = "edited"
    NOTHING = "missing"
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


def look(directory: int, name: str, mode: int, content: bytes) -> Found:
    """How what is under the name compares with a file of that mode and content."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return Found.NOTHING
    if stat.S_ISDIR(status.st_mode):
        return Found.BLOCKED
    if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != mode or status.st_size != len(content):
        return Found.OTHER
    # without O_NONBLOCK, a pipe that took the file's place in this moment would keep us waiting
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        return Found.EQUAL if file.read(len(content) + 1) == content else Found.OTHER


def write(directory: int, name: str, mode: int, content: bytes) -> None:
    """Put the file in its place, over whatever file or link is there. What a cut attempt left is written over."""
    draft = f".windlass-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=directory)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def _make(directory: int, name: str) -> bool:
    """Whether it was made now."""
    try:
        os.mkdir(name, DIRECTORY_MODE, dir_fd=directory)
    except FileExistsError:
        return False
    return True
