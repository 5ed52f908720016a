"""The file and its mishaps: made when missing, set aside when corrupt, let be when it is of a newer release.

Each job opens the file anew, so one that was deleted or replaced meanwhile is noticed by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from agent.errors import Trouble
from agent.jsonfile import give_to_owner

VERSION = 1

_BUSY_SECONDS = 5.0
_NO_ROOM_BESIDE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")
_REASONS = {
    "SQLITE_FULL": "StateWriteFailed",
    "SQLITE_IOERR": "StateWriteFailed",
    "SQLITE_READONLY": "StateReadOnly",
    "SQLITE_BUSY": "StateLocked",
    "SQLITE_LOCKED": "StateLocked",
    "SQLITE_CORRUPT": "StateCorrupt",
    "SQLITE_NOTADB": "StateCorrupt",
}
_OS_REASONS = {errno.EROFS: "StateReadOnly", errno.ENOSPC: "StateWriteFailed", errno.EDQUOT: "StateWriteFailed"}
_SCHEMA = (
    """
    CREATE TABLE runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL,
        stack TEXT NOT NULL,
        trigger TEXT NOT NULL,
        revision TEXT NOT NULL,
        subject TEXT NOT NULL,
        author TEXT NOT NULL,
        result TEXT NOT NULL,
        started REAL NOT NULL,
        ended REAL NOT NULL,
        seconds REAL NOT NULL,
        repeats INTEGER NOT NULL,
        sameness TEXT NOT NULL,
        details BLOB NOT NULL
    )
    """,
    "CREATE INDEX runs_of_stack ON runs (stack, sequence)",
    "CREATE INDEX runs_of_id ON runs (run_id)",
    "CREATE TABLE overview (one INTEGER PRIMARY KEY CHECK (one = 1), document BLOB NOT NULL)",
    f"PRAGMA user_version = {VERSION}",
)

T = TypeVar("T")


class StoreUnavailable(Trouble):
    """The history cannot be written or read now. Nothing but history and status is the worse for it."""


class Database:
    """One SQLite file. `clock` gives seconds since the epoch, for the name of a file that is set aside."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._writing = threading.Lock()

    def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run the job in a transaction. A corrupt file is set aside and the job done on a new one."""
        with self._writing:
            try:
                return self._attempt(job)
            except StoreUnavailable as error:
                if error.reason != "StateCorrupt":
                    raise
            self._set_aside()
            return self._attempt(job)

    def read(self, job: Callable[[sqlite3.Connection], T], default: T) -> T:
        """Run the job on what is there; the default stands for a file that is missing or empty."""
        try:
            if not self.path.exists():
                return default
            return self._look(job, default, "mode=ro")
        except OSError as error:
            raise _unavailable(error, self.path) from error
        except sqlite3.Error as error:
            if not _name(error).startswith(_NO_ROOM_BESIDE):
                raise _unavailable(error, self.path) from error
        try:  # reading writes a file beside, too, unless SQLite is told that nobody else is there
            return self._look(job, default, "mode=ro&immutable=1")
        except sqlite3.Error as error:
            raise _unavailable(error, self.path) from error

    def check(self) -> None:
        """Look through the whole file; one that is corrupt is set aside. To be called once, at the start."""
        self.write(_quick_check)

    def set_aside(self) -> list[Path]:
        """The corrupt files that were set aside, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.name}.corrupt-*"))

    def size(self) -> int:
        """Bytes on disk, those not merged yet included."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):  # what is not there has no size
                total += Path(f"{self.path}{suffix}").stat().st_size
        return total

    def _attempt(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._make_file()
            with contextlib.closing(self._open("mode=rw")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    _migrate(connection)
                    return job(connection)
        except (sqlite3.Error, OSError) as error:
            raise _unavailable(error, self.path) from error

    def _look(self, job: Callable[[sqlite3.Connection], T], default: T, mode: str) -> T:
        with contextlib.closing(self._open(mode)) as connection:
            return job(connection) if _version(connection) else default

    def _open(self, mode: str) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path))}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)

    def _make_file(self) -> None:
        """For our eyes only. An existing file must not be opened here: closing it would drop SQLite's locks on it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            made = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(made, "wb"):
                give_to_owner(made, self.path.parent)

    def _set_aside(self) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        try:
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{suffix}").replace(f"{self.path}.corrupt-{stamp}{suffix}")
        except OSError as error:
            raise _unavailable(error, self.path) from error


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file. A file of a newer release is not ours to write."""
    version = _version(connection)
    if version > VERSION:
        raise StoreUnavailable(
            f"the history is of a newer release (schema {version}, this one writes {VERSION}):"
            " nothing is written until the agent is upgraded or the file is moved away",
            reason="StateTooNew",
        )
    if version == 0:
        for statement in _SCHEMA:
            connection.execute(statement)


def _quick_check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreUnavailable(f"the history is corrupt: {found}", reason="StateCorrupt")


def _unavailable(error: sqlite3.Error | OSError, path: Path) -> StoreUnavailable:
    if isinstance(error, OSError):
        reason = _OS_REASONS.get(error.errno or 0, "StateUnavailable")
        return StoreUnavailable(f"{path}: {error.strerror}", reason=reason)
    code = "_".join(_name(error).split("_")[:2])
    return StoreUnavailable(f"{path}: {error}", reason=_REASONS.get(code, "StateUnavailable"))


def _name(error: sqlite3.Error) -> str:
    """SQLite's own name of the error; Python's binding has errors that have none."""
    return str(getattr(error, "sqlite_errorname", ""))
