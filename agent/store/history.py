"""What is written to the history and read from it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from agent.jobs import JobEnd
from agent.model import Cause, Report, Result, Revision
from agent.occasions import Trigger
from agent.printable import capped
from agent.store.database import Database, StoreUnavailable
from agent.store.runs import (
    INTERRUPTED,
    RUNNING,
    Run,
    decode,
    details_of,
    encode,
    job_details,
    job_result,
    sameness,
)

_COLUMNS = "sequence, run_id, stack, trigger, revision, subject, author, result, started, ended, seconds, repeats"


class Store:
    """The history at `path`; it keeps the newest `keep` runs. Every method may raise `StoreUnavailable`.

    To be used from any thread; other processes may read meanwhile. `clock` gives seconds since the epoch.
    """

    def __init__(self, path: Path, *, keep: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, clock=clock)
        self._keep, self._clock = keep, clock

    def prepare(self) -> int:
        """At the agent's start: check the file, and mark what an earlier process began and did not end.

        Returns how many runs that were.
        """
        self._database.check()
        statement = "UPDATE runs SET result = ? WHERE result = ?"
        return self._database.write(lambda db: db.execute(statement, (INTERRUPTED, RUNNING)).rowcount)

    def begin(self, run_id: str, stack: str, trigger: str, revision: Revision | None) -> None:
        """Note that a run begins that will change something, before it does."""
        now = self._clock()
        row = (run_id, capped(stack), trigger, *_revision(revision), RUNNING, now, now, 0.0, "", b"{}")
        self._database.write(lambda db: _insert(db, None, row))

    def record(self, report: Report) -> None:
        """Keep what a run has come to. One that had nothing to do leaves no trace, unless it tells of what is held."""
        self._database.write(lambda db: self._record(db, report))

    def _record(self, db: sqlite3.Connection, report: Report) -> None:
        begun = db.execute(
            "SELECT sequence FROM runs WHERE run_id = ? AND stack = ? AND result IN (?, ?)",
            (report.run_id, capped(report.stack), RUNNING, INTERRUPTED),
        ).fetchone()
        sequence = begun[0] if begun else None
        ended = self._clock()
        same = sameness(report)
        if (report.result is Result.NOOP and not report.waits) or (
            same and _again(db, capped(report.stack), same, ended)
        ):
            db.execute("DELETE FROM runs WHERE sequence = ?", (sequence,))
            return
        row = (
            *(report.run_id, capped(report.stack), report.trigger, *_revision(report.revision), report.result),
            *(report.started or ended, ended, report.seconds, same, encode(details_of(report))),
        )
        _insert(db, sequence, row)
        self._cut(db)

    def job_ended(self, end: JobEnd) -> None:
        """Keep a run of a job, once however often it is told."""
        self._database.write(lambda db: self._job_ended(db, end))

    def _job_ended(self, db: sqlite3.Connection, end: JobEnd) -> None:
        if db.execute("SELECT 1 FROM runs WHERE run_id = ? AND stack = ?", (end.id, capped(end.stack))).fetchone():
            return
        ended, details = end.began + end.seconds, encode(job_details(end))
        named = (end.id, capped(end.stack), Trigger.SCHEDULE, *_revision(None), job_result(end))
        _insert(db, None, (*named, end.began, ended, end.seconds, "", details))
        self._cut(db)

    def job_successes(self) -> dict[tuple[str, str], float]:
        """When the last good run of each job ended that is kept, by its stack and its container."""
        query = "SELECT stack, details, ended FROM runs WHERE trigger = ? AND result = ? ORDER BY sequence"
        rows: list[tuple[str, bytes, float]]
        rows = self._database.read(lambda db: db.execute(query, (Trigger.SCHEDULE, Result.SUCCESS)).fetchall(), [])
        steps = ((stack, step, ended) for stack, data, ended in rows for step in decode(data).changes)
        return {(stack, step.name): ended for stack, step, ended in steps if step.cause == Cause.SCHEDULE}

    def _cut(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM runs WHERE sequence <= (SELECT max(sequence) FROM runs) - ?", (self._keep,))

    def history(self, stack: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs first, of one stack or of all."""
        condition, values = ("WHERE stack = ?", (stack, limit)) if stack is not None else ("", (limit,))
        return self._runs(f"{condition} ORDER BY sequence DESC LIMIT ?", values)

    def show(self, run: int | str) -> list[Run]:
        """The run with this number, or the runs of all stacks with this run id."""
        if isinstance(run, int) or (run.isascii() and run.isdecimal() and len(run) < 12):
            return self._runs("WHERE sequence = ?", (int(run),))
        return self._runs("WHERE run_id = ? ORDER BY sequence", (run,))

    def _runs(self, rest: str, values: tuple[str | int, ...]) -> list[Run]:
        query = f"SELECT {_COLUMNS}, details FROM runs {rest}"  # noqa: S608 - only texts of this module
        return self._database.read(lambda db: [_run(row) for row in db.execute(query, values)], [])

    def save_overview(self, document: Mapping[str, Any]) -> None:
        """Keep the latest status, for those who ask when no agent answers. `document` is its JSON form."""
        data = msgspec.json.encode(document)
        self._database.write(lambda db: db.execute("INSERT OR REPLACE INTO overview VALUES (1, ?)", (data,)))

    def overview(self) -> dict[str, Any] | None:
        """The status that was saved last, or None where there is none."""
        query = "SELECT document FROM overview"
        row = self._database.read(lambda db: db.execute(query).fetchone(), None)
        if not row:
            return None
        try:
            return msgspec.json.decode(row[0], type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise StoreUnavailable(f"the saved status cannot be read: {error}", reason="StateCorrupt") from error

    def size(self) -> int:
        """Bytes on disk; 0 where there is nothing."""
        return self._database.size()

    def set_aside(self) -> list[Path]:
        """Corrupt files that were replaced by new ones, oldest first: a loss to be told."""
        return self._database.set_aside()


def _revision(revision: Revision | None) -> tuple[str, str, str]:
    return (revision.id, capped(revision.subject), capped(revision.author)) if revision else ("", "", "")


def _insert(db: sqlite3.Connection, sequence: int | None, row: tuple[object, ...]) -> None:
    db.execute(
        "INSERT OR REPLACE INTO runs (sequence, run_id, stack, trigger, revision, subject, author, result, started,"
        " ended, seconds, sameness, details, repeats) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (sequence, *row),
    )


def _again(db: sqlite3.Connection, stack: str, same: str, ended: float) -> bool:
    """Count it to the stack's newest run if that failed, or held, in just the same way."""
    newest = "SELECT max(sequence) FROM runs WHERE stack = ? AND result != ?"
    counted = db.execute(
        f"UPDATE runs SET repeats = repeats + 1, ended = ? WHERE sequence = ({newest}) AND sameness = ?",  # noqa: S608
        (ended, stack, RUNNING, same),
    )
    return counted.rowcount > 0


def _run(row: tuple[Any, ...]) -> Run:
    *columns, data = row
    details = decode(data)
    run = Run(*columns)
    return replace(
        run, changes=details.changes, failure=details.failure, commit=details.commit, skipped=details.skipped
    )
