"""The witness tells each audience once what each of them needs: the log, the metrics, the history, the status."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.status import status_lines
from agent.converge import Ended, Resting, Started, Waiting
from agent.engine import PullProgress
from agent.model import Cause, Condition, Failure, Key, Plan, Requirement, Revision, Scope, Stack
from agent.pulls import Pulls
from agent.reconcile import Turn
from agent.telemetry.sdnotify import Notifier
from tests.loop.fakes import reading, stack
from tests.telemetry.made import API, BROKEN, OLDER, REVISION, UNREACHABLE, change, did, done, failed, report, turn
from tests.telemetry.stage import Stage


def test_a_turn_that_takes_long_is_in_the_status_before_it_ends(stage: Stage) -> None:
    """Else a rollout that hangs would look like a stack that is synced."""
    stage.witness.reported(did(done(change())))
    turn = Turn((Stack("web", (), Revision("b" * 40)),), Scope("one", "here", frozenset({"web"})), "git")
    step, other = change(), replace(change(), number=7)
    stage.witness.progressed(turn, Started(step))
    stage.witness.progressed(turn, Started(other))
    stage.witness.progressed(turn, Resting(step, "its health check has not passed yet", 1.0))
    stage.witness.alive()
    before = stage.witness.overview.stack("web")
    assert before is not None
    assert before.sync == "synced"
    stage.now[0] += 3.0
    stage.witness.alive()
    stage.witness.progressed(turn, Ended(done(other)))
    told = stage.witness.overview.stack("web")
    assert told is not None
    assert told.sync == "out of sync"
    assert told.message == (
        f"bbbbbbb under way: {step.action} {step.key}: its health check has not passed yet (and 1 more)"
    )
    stage.witness.reported(did(done(step), run_id=turn.run_id))
    stage.witness.alive()
    after = stage.witness.overview.stack("web")
    assert after is not None
    assert (after.sync, "under way" in after.message) == ("synced", False)


def test_the_run_of_a_job_makes_no_stack_out_of_sync(stage: Stage) -> None:
    turn = Turn((Stack("web", (), Revision("b" * 40)),), Scope("one", "here", frozenset({"web"})), "schedule")
    stage.witness.progressed(turn, Started(change(cause=Cause.SCHEDULE)))
    stage.now[0] += 60.0
    stage.witness.alive()
    assert stage.witness.overview.stacks == ()


def test_a_commit_that_stays_broken_is_told_once_and_its_end_once(stage: Stage) -> None:
    stage.witness.reported(failed(BROKEN))
    assert {line["event"] for line in stage.said()} == {"failed", "mistake", "not converged"}
    told = len(stage.said())
    for _ in range(5):
        stage.witness.reported(report(failure=BROKEN, synced=False))
    assert len(stage.said()) == told
    assert stage.metric('windlass_reconcile_failures_total{reason="ConfigInvalid",stack="web"}') == 1
    assert stage.metric('windlass_reconciles_total{result="noop",stack="web"}') == 5
    stage.witness.reported(report())
    assert [(line["event"], line["ended"]) for line in stage.said()[told:]] == [("recovered", "ConfigInvalid")]


@pytest.mark.parametrize("failure", [UNREACHABLE, Failure("NameConflict", "container/web-api-1: is somebody else's")])
def test_what_fails_look_after_look_is_told_once_and_counted_each_time(stage: Stage, failure: Failure) -> None:
    for _ in range(5):
        stage.witness.reported(failed(failure))
    assert [line["event"] for line in stage.said()] == ["failed", "not converged"]
    assert stage.metric(f'windlass_reconcile_failures_total{{reason="{failure.reason}",stack="web"}}') == 5
    assert stage.metric('windlass_reconciles_total{result="error",stack="web"}') == 5


def test_what_is_held_is_told_once_shows_in_the_status_and_counts_as_no_failure(stage: Stage) -> None:
    held = Failure("Protected", "container/web-api-1: is held")
    for _ in range(5):
        stage.witness.reported(report(failure=held, waits=True, synced=False))
    assert [(line["event"], line["log_level"], line["reason"]) for line in stage.said()] == [
        ("held", "warning", "Protected")
    ]
    status = stage.witness.overview.stack("web")
    assert status is not None
    assert (status.sync, status.message) == ("out of sync", held.message)
    assert stage.metric('windlass_reconcile_failures_total{reason="Protected",stack="web"}') is None
    assert stage.metric('windlass_stack_consecutive_failures{stack="web"}') == 0
    assert stage.metric('windlass_stack_synced{stack="web"}') == 0


def test_a_stack_that_comes_back_after_it_was_gone_fails_anew(stage: Stage) -> None:
    for _ in range(2):
        stage.witness.reported(failed(UNREACHABLE))
        stage.witness.forgotten("web")
    assert len(stage.said("failed")) == 2


def test_a_source_that_fails_is_in_the_log_the_status_and_a_metric(stage: Stage) -> None:
    empty = Failure("EmptyDesiredState", "no stack at all")
    for _ in range(3):
        stage.witness.source_read(None, empty, 60.0)
    assert [(line["log_level"], line["reason"]) for line in stage.said()] == [("error", "EmptyDesiredState")]
    assert stage.metric('windlass_source_failure{reason="EmptyDesiredState"}') == 1
    assert stage.witness.overview.source.failure
    assert "EmptyDesiredState" in stage.witness.ready()[1]
    stage.witness.source_read(None, None, 60.0)
    assert stage.said()[-1]["event"] == "source is back"
    assert stage.metric('windlass_source_failure{reason="EmptyDesiredState"}') == 0
    assert stage.witness.overview.source.failure is None


def test_a_note_that_cannot_be_read_is_in_the_log_the_status_and_a_metric(stage: Stage) -> None:
    file, why = Path("/state/directives.json"), Failure("StateReadFailed", "it cannot be read: remove it")
    stage.witness.state_read(file, why)
    assert [(line["log_level"], line["message"]) for line in stage.said()] == [("error", why.message)]
    assert stage.metric('windlass_state_unreadable{file="directives.json"}') == 1
    assert any(why.message in line for line in status_lines(stage.witness.overview, 1000.0))
    assert "StateReadFailed: cannot read directives.json" in stage.witness.overview.in_a_line()
    stage.witness.state_read(file, None)
    assert stage.said()[-1]["event"] == "state is back"
    assert stage.metric('windlass_state_unreadable{file="directives.json"}') == 0
    assert not stage.witness.overview.state


def test_stacks_of_another_source_are_told_once_as_long_as_nobody_wants_them(stage: Stage) -> None:
    stage.witness.elsewhere(frozenset({"db", "web"}))
    for _ in range(2):
        stage.witness.source_read(reading(stack("web", "a" * 40, "1")), None, 60.0)
    assert [line["stacks"] for line in stage.said("others")] == [["db"]]
    assert stage.metric("windlass_stacks_of_another_source") == 1
    assert any("db: made by this instance" in line for line in status_lines(stage.witness.overview, 1000.0))
    stage.witness.elsewhere(frozenset())
    stage.witness.source_read(reading(stack("web", "a" * 40, "1")), None, 60.0)
    assert [line["stacks"] for line in stage.said("others are gone")] == [["db"]]
    assert stage.metric("windlass_stacks_of_another_source") == 0


def test_every_line_about_a_turn_has_its_run_its_revision_and_its_stack(stage: Stage) -> None:
    pulls, both = Pulls(stage.witness.pulling), (turn(), turn(OLDER, "docs"))
    pull = change(key=Key("image", "api:2"))
    for one in both:
        for event in (Started(pull), Started(change())):
            pulls.listen(one, event)
            stage.witness.progressed(one, event)
    pulls(PullProgress("api:2", "0" * 12, "Downloading", 5, 9))
    pulls(PullProgress("other:1", "0" * 12, "Downloading", 5, 9))
    waits = Waiting(change(), Requirement(API, Condition.HEALTHY), "starting", 15.0)
    stage.witness.progressed(both[0], waits)
    lines = [dict(line) for line in stage.lines.entries]
    assert {line["event"] for line in lines} == {"begins", "pulling", "waits"}
    assert {(line["run"], line["revision"], line["stack"]) for line in lines if line["event"] == "pulling"} == {
        (both[0].run_id, REVISION.short, "web"),
        (both[1].run_id, OLDER.short, "docs"),
    }
    assert all(line["run"] and line["revision"] and line["stack"] for line in lines)


def test_a_pull_is_told_every_few_seconds_to_those_who_still_wait_for_it(stage: Stage) -> None:
    pulls, one, pull = Pulls(stage.witness.pulling), turn(), change(key=Key("image", "api:2"))
    pulls.listen(one, Started(pull))
    for second in range(12):
        stage.now[0] += 1
        pulls(PullProgress("api:2", "0" * 12, "Downloading", second, 12))
    assert [line["done"] for line in stage.said("pulling")] == [0, 5, 10]
    pulls.listen(one, Ended(done(pull)))
    stage.now[0] += 60
    pulls(PullProgress("api:2", "0" * 12, "Downloading", 12, 12))
    assert len(stage.said("pulling")) == 3


def test_a_stream_that_is_open_and_tells_nothing_is_not_up_until_it_does(stage: Stage) -> None:
    up = "windlass_docker_event_stream_up"

    def look(name: str, trigger: str = "interval", kind: str = "container") -> None:
        drift = change(cause=Cause.DRIFT, key=Key(kind, name))
        stage.witness.reported(did(done(drift), trigger=trigger))
        stage.witness.reported(report(trigger="interval"))

    stage.witness.stream_opened()
    look("a")
    stage.witness.heard("container")
    look("b", kind="file")
    look("c", trigger="event")
    look("d")
    assert stage.metric(up) == 1, "what was heard, what nobody tells of and what was told of is no sign"
    look("e")
    look("f")
    assert stage.metric(up) == 0
    assert [line["reason"] for line in stage.said("events")] == ["EventsNotHeard"]
    stage.witness.heard("container")
    assert stage.metric(up) == 1
    look("g")
    stage.witness.stream_opened()
    look("h")
    assert stage.metric(up) == 1


def test_drift_that_stays_is_no_sign_of_a_stream_that_tells_nothing(stage: Stage) -> None:
    stage.witness.stream_opened()
    for _ in range(3):
        stage.witness.reported(report(trigger="interval", plan=Plan((change(cause=Cause.DRIFT),)), synced=False))
    assert stage.metric("windlass_docker_event_stream_up") == 1


def test_an_engine_that_goes_and_comes_is_told_at_each_change(stage: Stage) -> None:
    witness = stage.witness
    for _ in range(3):
        witness.stream_broke(UNREACHABLE)
    assert stage.metric("windlass_docker_up") == 0
    assert witness.ready() == (False, ["EngineUnavailable", "SourceNotReadYet", "LoopLate"])
    for _ in range(3):
        witness.stream_opened()
    assert stage.metric("windlass_docker_up") == 1
    assert stage.metric("windlass_docker_event_stream_up") == 1
    assert [(line["event"], line["log_level"]) for line in stage.said()] == [("engine", "error"), ("engine", "info")]


def test_it_is_ready_when_engine_source_and_loop_are_well(stage: Stage) -> None:
    witness = stage.witness
    witness.stream_opened()
    witness.source_read(None, None, 60.0)
    witness.alive()
    assert witness.ready() == (True, [])
    stage.now[0] += 61
    assert witness.ready() == (False, ["LoopLate"])


def test_the_watchdog_is_fed_no_more_often_than_it_asks_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for note in ("ready", "watchdog", "status"):
        monkeypatch.setattr(Notifier, note, lambda *_, note=note: said.append(note))
    stage.witness.watchdog_every = 30.0
    for _ in range(61):
        stage.witness.alive()
        stage.now[0] += 1
    assert said == ["ready", "watchdog", "watchdog", "watchdog"]
    for _ in range(2):
        stage.witness.source_read(None, None, 60.0)
    assert said[4:] == ["status"]


def test_a_bug_is_told_with_its_traceback(stage: Stage) -> None:
    bug = ZeroDivisionError("a bug")
    stage.witness.crashed(bug)
    assert [(line["log_level"], line["exc_info"]) for line in stage.said()] == [("error", bug)]


def test_a_port_that_is_taken_is_told_once_and_so_is_its_end(stage: Stage) -> None:
    taken = Failure("PortInUse", "127.0.0.1:9465 is taken")
    for failure in (taken, taken, None, None):
        stage.witness.listening("http://127.0.0.1:9465", failure)
        assert bool(stage.witness.overview.http.failure) is bool(failure)
    assert [(line["event"], line["log_level"]) for line in stage.said()] == [("http", "error"), ("http", "info")]


def test_what_several_threads_see_at_once_is_all_in_the_status(stage: Stage) -> None:
    threads = [
        *(threading.Thread(target=stage.witness.reported, args=(report(stack=f"s{number}"),)) for number in range(40)),
        threading.Thread(target=stage.witness.stream_opened),
        threading.Thread(target=stage.witness.listening, args=("http://127.0.0.1:9465", None)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    overview = stage.witness.overview
    assert (len(overview.stacks), overview.engine.up, overview.http.url) == (40, True, "http://127.0.0.1:9465")


def test_a_directory_that_cannot_be_watched_is_told_once_and_so_is_its_end(stage: Stage) -> None:
    for failure in (None, Failure("WatchFailed", "no watches left"), Failure("WatchFailed", "none left"), None, None):
        stage.witness.watched(failure)
        assert bool(stage.witness.overview.source.watch) is bool(failure)
    assert [line["event"] for line in stage.said()] == ["watch", "watch is back"]
