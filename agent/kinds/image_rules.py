"""How images are fetched on this host, as its operator says: so many at once, and only where there is room."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.rollout import Pace

MIB = 1 << 20
TURN = 1.0  # seconds between two looks at whether a pull that waits is still wanted


@dataclass(frozen=True)
class ImageRules:
    """At most `pulls` images are fetched at once, over all stacks, and none while the engine has less than `min_free`
    bytes for its data."""

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


def refuse_without_room(engine: Engine, reference: str, least: int) -> None:
    """Raises `Refused` (`DiskFull`) where less than `least` bytes are free for the engine's data."""
    directory = str(engine.info().get("DockerRootDir") or "")
    free = _free(engine.url, directory)
    if free is not None and free < least:
        text = (
            f"pull {reference}: {directory} has {free // MIB} MiB free, and min_free_space is {least // MIB} MiB:"
            " remove what nobody needs there (docker system df tells what takes the room), or set min_free_space lower"
        )
        raise Refused(text, reason="DiskFull")


def _free(url: str, directory: str) -> int | None:
    """Bytes, None where the engine's data are not on this machine, or not to be seen from here."""
    if not url.startswith("unix://") or not directory:
        return None
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
