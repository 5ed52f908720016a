"""The state directory: what lies where, who may be in it, and the key of the fingerprints.

key       the secret of the fingerprints, made at the first use
lock      held by whoever changes the host from here, with the process id in it
state.db  history and status, safe to delete
rejections.json  content that did not become good, safe to delete
paused.json  containers whose rollout paused, safe to delete: then it is tried once more
images.json  which images each stack ran when it was last good, safe to delete
applied.json  at which files of which commits `apply` left each stack good, safe to delete
directives.json  what people at this host said: suspended, approved; who deletes it takes that back
approvals.json  what the approved hashes stood for and what went with a commit's word, safe to delete
protections.json  what is under protection without a label that says so
pulled.json  images that were pulled and may go once nobody needs them; what is not in it stays
pulls.json  when images with a pull policy were pulled, safe to delete
runs.json  which content each hook has been run for, safe to delete
hooks.json    what hooks of containers are given as their environment; without it they are run without
started.json  which containers have still to run their post_start hooks, safe to delete
mended.json  what containers that were changed in place are of by now, and which ones of docker compose were taken
          over, safe to delete: what was taken over then stays when its service leaves
networks.json  which networks of docker compose were taken over, safe to delete: they then stay when their stack leaves
volumes.json  and which volumes, safe to delete: they are not listed as orphaned then
mirror/   the repository, safe to delete
looked-at/  repositories of which a revision was planned, safe to delete
files/    files of the commits, by digest
stacks/   the stacks' own data: kept for ever

What is safe to delete is so once it is deleted. While one of the notes is there and cannot be read, the agent heeds
what it had read of it before; where it had not, it takes the safe side: see `agent.jsonfile`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Refused
from agent.held import STATE_READ_FAILED
from agent.jsonfile import give_to_owner

KEY_BYTES = 32


@dataclass(frozen=True)
class StateDir:
    """One agent's directory; `path` is absolute."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "state.db"

    def has_database(self) -> bool:
        """Whether an agent has written one. Raises `Refused` (`StateReadFailed`) for one that is not for us to read."""
        try:
            with self.database.open("rb"):
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            advice = "run this with sudo, or as the agent's user" if isinstance(error, PermissionError) else ""
            text = f"{self.database} cannot be read: {error.strerror}"
            raise Refused(": ".join(filter(None, (text, advice))), reason=STATE_READ_FAILED) from error

    @property
    def rejections(self) -> Path:
        return self.path / "rejections.json"

    @property
    def paused(self) -> Path:
        return self.path / "paused.json"

    @property
    def good_images(self) -> Path:
        return self.path / "images.json"

    @property
    def applied(self) -> Path:
        return self.path / "applied.json"

    @property
    def approvals(self) -> Path:
        return self.path / "approvals.json"

    @property
    def protections(self) -> Path:
        return self.path / "protections.json"

    @property
    def directives(self) -> Path:
        return self.path / "directives.json"

    @property
    def files(self) -> Path:
        """What stacks mount of their commits, in a directory for each."""
        return self.path / "files"

    @property
    def mirror(self) -> Path:
        return self.path / "mirror"

    @property
    def looked_at(self) -> Path:
        """For what is looked at once: the agent keeps its own mirror to itself while it runs."""
        return self.path / "looked-at"

    def make(self) -> None:
        """Make it, for its owner alone. Raises `Refused` (`StateWriteFailed`)."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def key(self) -> bytes:
        """The secret of the fingerprints, made now where there is none, or not all of it.

        Raises `Refused` (`StateWriteFailed`).
        """
        self.make()
        file = self.path / "key"
        try:
            if file.exists() and file.stat().st_size < KEY_BYTES:  # lost with the power, say: anybody could guess it
                file.unlink(missing_ok=True)  # another process may have seen it too
            if not file.exists():
                _write_once(file, secrets.token_bytes(KEY_BYTES))
            return file.read_bytes()
        except OSError as error:
            raise self._unusable(error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone while the block runs. Raises `Refused` (`Locked`) when another process is in it."""
        self.make()
        try:
            file = (self.path / "lock").open("a+")
            give_to_owner(file.fileno(), self.path)
        except OSError as error:
            raise self._unusable(error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                owner = file.read(20).strip() or "unknown"
                message = (
                    f"another windlass (process {owner}) works with {self.path}: stop it, or use another --state-dir"
                )
                raise Refused(message, reason="Locked") from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _unusable(self, error: OSError) -> Refused:
        text = f"the state directory {self.path} cannot be used: {error.strerror}"
        advice = (
            "run this with sudo, or as the agent's user" if isinstance(error, PermissionError) else "see to its disk"
        )
        return Refused(f"{text}: {advice}, or use --state-dir", reason="StateWriteFailed")


def _write_once(file: Path, content: bytes) -> None:
    """Another process may be making the same file: whoever is first wins, and no reader sees half of it. What a process
    that died left of its own is in nobody's way."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f"{file.name}.") as draft:
        draft.write(content)
        draft.flush()
        give_to_owner(draft.fileno(), file.parent)
        os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(draft.name, file)
