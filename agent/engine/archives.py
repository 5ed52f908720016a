"""A file as a container has it. The engine gives it packed, with its owner and its mode."""

from __future__ import annotations

import io
import tarfile
from typing import NamedTuple

from agent.engine.answers import ABSENT, no_sense
from agent.engine.calls import Calls
from agent.errors import Refused

BELOW_A_FILE = "not a directory"  # how the engine refuses a path that goes on behind a file, instead of with 404
MOST = 8 << 20  # bytes of an archive that are read: what is in a container may be of any size


class Inside(NamedTuple):
    """What a file in a container holds, and whose it is there."""

    mode: int
    uid: int
    gid: int
    content: bytes


def read(calls: Calls, container: str, path: str) -> Inside | None:
    """The plain file at the path in a container, running or not; None where there is none, or it is too large to be
    read."""
    subject = f"read {path} in container {container[:12]}"
    try:
        raw = calls.read(
            "container_archive",
            subject,
            lambda client: client.begin("/containers/{0}/archive", container, most=MOST, path=path),
        )
    except Refused as error:
        if error.message.endswith(BELOW_A_FILE):
            return None
        raise
    try:
        return None if raw is ABSENT else _first(raw)
    except tarfile.TarError as error:
        if len(raw) == MOST:
            return None
        raise no_sense(subject) from error


def _first(raw: bytes) -> Inside | None:
    """The first entry of an archive. Raises `TarError` where the end of it is missing, or it is none."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        entry = archive.next()
        file = archive.extractfile(entry) if entry and entry.isreg() else None
        return Inside(entry.mode & 0o7777, entry.uid, entry.gid, file.read()) if entry and file else None
