"""How images are fetched on this host, as its operator says: so many at once, and only where there is room."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.rollout import Pace

MIB = 1 << 20
INODES = 1000  # fewer free ones are none, for an image
TURN = 1.0  # seconds between two looks at whether a pull that waits is still wanted

_ADVICE = "remove what nobody needs there (docker system df tells what takes the room)"


@dataclass(frozen=True)
class ImageRules:
    """At most `pulls` images are fetched at once, over all stacks, and none is fetched or built while the engine has
    less than `min_free` bytes for its data, or next to no inodes. With a `min_free` of 0 nobody looks."""

    pulls: int = 3
    min_free: int = 512 * MIB


class Slots:
    """Places for pulls. Whoever waits for one rests, and so keeps nobody from other work."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def one(self, pace: Pace) -> Iterator[None]:
        """Raises `Overtaken` where it is told to stop before there is one."""
        patience = 0.0
        while not self._free.acquire(timeout=patience):
            if pace.stop():
                raise Overtaken("the pull was not begun, for who wanted it ends", reason="Stopped")
            pace.rest(0.0, "waits for other pulls")
            patience = TURN
        try:
            yield
        finally:
            self._free.release()


def refuse_without_room(engine: Engine, subject: str, least: int) -> None:
    """Raises `Refused` (`DiskFull`) where less than `least` bytes are free for the engine's data, or hardly a file can
    be made there; with 0 nobody looks. `subject` is what is about to be done, as "pull REFERENCE"."""
    directory = str(engine.info().get("DockerRootDir") or "")
    room = _room(engine.url, directory) if least else None
    if room is None:
        return
    if room.size < least:
        text = (
            f"{subject}: {directory} has {room.size // MIB} MiB free, and min_free_space is {least // MIB} MiB:"
            f" {_ADVICE}, or set min_free_space lower"
        )
        raise Refused(text, reason="DiskFull", attempted=False)
    if room.inodes is not None and room.inodes < INODES:
        text = (
            f"{subject}: {directory} has {room.inodes} inodes free, and an image may have thousands of files (df -i"
            f" tells of them): {_ADVICE}, or move the engine's data to a filesystem with more of them"
        )
        raise Refused(text, reason="DiskFull", attempted=False)


class _Room(NamedTuple):
    size: int  # bytes
    inodes: int | None  # None where the filesystem makes as many as are needed


def _room(url: str, directory: str) -> _Room | None:
    """What is free, None where the engine's data are not on this machine, or not to be seen from here."""
    if not url.startswith("unix://") or not directory:
        return None
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return _Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
