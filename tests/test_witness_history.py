"""What the witness writes down: the history and the last status, also where nothing can be written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from agent import witness as module
from agent.converge import Ended, Started
from agent.jobs import JobEnd, JobResult
from agent.store import Store
from tests.telemetry.made import change, did, done, report, turn
from tests.telemetry.stage import Stage


def test_a_status_that_is_as_it_was_is_not_written_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[object] = []
    monkeypatch.setattr(stage.witness.store, "save_overview", saved.append)
    for made in (did(done(change())), report(), report(started=9000.0)):
        stage.witness.reported(made)
    stage.settle()
    assert len(saved) == 1


def test_what_was_done_is_in_the_history_and_the_saved_status(stage: Stage) -> None:
    one = turn()
    stage.witness.progressed(one, Started(change()))
    stage.witness.progressed(one, Ended(done(change())))
    stage.witness.reported(did(done(change()), run_id=one.run_id))
    stage.witness.close()
    (run,) = stage.witness.store.history()
    assert (run.run_id, run.stack, run.result) == (one.run_id, "web", "success")
    saved = stage.witness.store.overview()
    assert saved
    assert saved["stacks"][0]["sync"] == "synced"


def test_a_history_that_cannot_be_written_costs_one_line_and_its_return_another(stage: Stage, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    stage.witness.store = Store(tmp_path / "no" / "such" / "place" / "state.db")
    (tmp_path / "no").write_text("a file where a directory is needed")
    for _ in range(3):
        stage.witness.reported(report())
    stage.settle()
    assert [(line["event"], line["log_level"]) for line in stage.said()] == [("history", "error")]
    stage.witness.store = Store(aside)
    stage.witness.reported(report())
    stage.settle()
    assert [line["event"] for line in stage.said()] == ["history", "history is back"]


def test_a_run_of_a_job_is_told_and_one_from_before_this_process_is_history_alone(stage: Stage) -> None:
    stage.witness.overview = replace(stage.witness.overview, started=1000.0)
    named = ("web", "backup", "web-backup-1", "0 3 * * *")
    stage.witness.job_ended(JobEnd("old", *named, JobResult.FAILED, 900.0, 50.0, 1, "exit code 1"))
    stage.witness.job_ended(JobEnd("new", *named, JobResult.FAILED, 990.0, 20.0, 3, "exit code 3"))
    (line,) = stage.said("job")
    assert (line["log_level"], line["stack"], line["service"], line["result"]) == ("error", "web", "backup", "failed")
    assert (line["seconds"], line["exit_code"], line["message"]) == (20.0, 3, "exit code 3")
    assert stage.metric('windlass_job_runs_total{result="failed",service="backup",stack="web"}') == 1
    stage.settle()
    assert [run.run_id for run in stage.witness.store.history()] == ["new", "old"]


@dataclass
class LockedStore:
    """A history that nobody gets to write until it is let go of."""

    free: threading.Event = field(default_factory=threading.Event)
    written: list[str] = field(default_factory=list)

    def record(self, _report: Any) -> None:
        self.free.wait(30)
        self.written.append("run")

    def save_overview(self, document: dict[str, Any]) -> None:
        self.free.wait(30)
        self.written.append(f"overview of {len(document['stacks'])}")


@pytest.fixture
def locked(stage: Stage) -> Iterator[LockedStore]:
    store = LockedStore()
    stage.witness.store = cast("Store", store)
    yield store
    store.free.set()


def test_what_waits_for_a_history_that_is_locked_has_an_end(stage: Stage, locked: LockedStore) -> None:
    for number in range(3 * module.MOST):
        stage.witness.reported(report(stack=f"s{number % 7}"))
    locked.free.set()
    stage.settle()
    overviews = [line for line in locked.written if line != "run"]
    assert locked.written.count("run") == module.MOST
    assert len(overviews) <= 2
    assert overviews[-1] == "overview of 7", "the newest one is what is kept"
    stage.witness.reported(report())
    stage.settle()
    assert locked.written.count("run") == module.MOST + 1, "there is room again"


def test_the_end_does_not_wait_for_a_history_that_is_locked(
    stage: Stage, locked: LockedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENDS", 0.05)
    for _ in range(5):
        stage.witness.reported(report())
    stage.witness.close()
    assert stage.said()[-1]["reason"] == "StateLocked"
    locked.free.set()
    stage.witness.writer.shutdown(wait=True)
    assert locked.written == ["run"], "what had begun ends, and no more begins"
