"""A directory that is never on a disk, for secrets: neither a backup nor a stolen disk has them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agent.errors import Refused
from agent.kinds.file_writing import is_for_another

PRIVATE_MODE = 0o700  # containers read through their mounts, nobody else comes by here
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def make_private(path: Path) -> None:
    """Make the directory, for its owner alone. Raises `Refused` (`SecretsOnDisk`) where it is not in memory, and
    `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=PRIVATE_MODE)
        if is_for_another(owner := path.parent.stat()):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    if not _is_in_memory(path):
        advice = "mount a tmpfs there, or name another directory (secrets_dir in the settings)"
        raise Refused(f"{path}, where secrets are to be written, is on a disk: {advice}", reason="SecretsOnDisk")


def _is_in_memory(path: Path) -> bool:
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        about, _, rest = line.partition(" - ")
        if about.split()[2] == wanted:
            return rest.split()[0] in _IN_MEMORY
    return False
