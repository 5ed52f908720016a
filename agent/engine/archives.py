"""A file as a container has it. The engine gives it packed, with its owner and its mode."""

from __future__ import annotations

import io
import tarfile
from typing import NamedTuple

from agent.engine.answers import ABSENT
from agent.engine.calls import Calls
from agent.errors import Overtaken, Refused

MOST = 8 << 20  # bytes of an archive that are read: what is in a container may be of any size


class Inside(NamedTuple):
    """What a file in a container holds, and whose it is there."""

    mode: int
    uid: int
    gid: int
    content: bytes


def read(calls: Calls, container: str, path: str) -> Inside | None:
    """The plain file at the path in a container, running or not; None where there is none, it is too large to be
    read, or the engine cannot look."""
    subject = f"read {path} in container {container[:12]}"
    try:
        raw = calls.read(
            "container_archive",
            subject,
            lambda client: client.begin("/containers/{0}/archive", container, most=MOST, path=path),
        )
    except (Refused, Overtaken):
        return None
    return None if raw is ABSENT else _first(raw)


def _first(raw: bytes) -> Inside | None:
    """The first entry of an archive, of which the end may be missing."""
    try:
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            entry = archive.next()
            file = archive.extractfile(entry) if entry and entry.isreg() else None
            content = file.read() if file else None
    except tarfile.TarError:
        return None
    if entry is None or content is None or len(content) != entry.size:
        return None
    return Inside(entry.mode & 0o7777, entry.uid, entry.gid, content)
