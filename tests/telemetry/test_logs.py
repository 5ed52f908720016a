"""Log lines: one object or one line each, whatever stands in them, with the run and the revision on every one."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from agent.converge import Ended, Event, Started, Waiting
from agent.model import Action, Condition, Failure, Key, Requirement, Result, Status
from agent.telemetry import logs
from tests.telemetry.made import BROKEN, OLDER, UNREACHABLE, change, did, done, failed, report

Configure = Callable[..., io.StringIO]


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Logging is the process's own: leave it as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(format: logs.Format, level: str = "info", **more: Any) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(format, level, stream, **more)
    return stream


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_run_carries_run_and_revision() -> None:
    stream = configured("json")
    logs.record(
        structlog.get_logger(), did(done(change(1), seconds=1.5), done(change(2), Status.FAILED, reason="Boom"))
    )
    lines = objects(stream)
    assert len(lines) == 3
    assert {(line["run"], line["revision"], line["stack"]) for line in lines} == {("r1", "9f2c1ab", "web")}
    step = lines[0]
    assert list(step)[:3] == ["timestamp", "level", "event"]
    facts = ("event", "action", "key", "cause", "why", "result", "seconds")
    assert [step[fact] for fact in facts] == [
        *("step", "create", "container/web-api-1", "commit", "is not there", "done", 1.5)
    ]
    assert (lines[1]["level"], lines[1]["reason"]) == ("error", "Boom")
    assert (lines[2]["event"], lines[2]["done"], lines[2]["failed"]) == ("converged", 1, 1)


def test_the_commit_is_told_that_brought_a_step_or_what_is_wrong() -> None:
    stream = configured("json")
    logs.record(structlog.get_logger(), did(done(replace(change(1), commit=OLDER)), done(change(2))))
    logs.record(structlog.get_logger(), replace(failed(BROKEN), commit=OLDER))
    steps = {(line["event"], line.get("commit"), line.get("subject"), line.get("author")) for line in objects(stream)}
    brought = ("31c09de", "first", "bert")
    assert {("step", *brought), ("step", None, None, None), ("failed", *brought)} <= steps


def test_what_is_to_be_said_of_a_step_that_was_done_is_a_warning() -> None:
    stream = configured("json")
    logs.record(
        structlog.get_logger(), did(replace(done(change(1)), detail="pre_stop of web, hook 0 ended with status 3"))
    )
    step, last = objects(stream)
    assert (step["level"], step["result"], step["detail"]) == (
        "warning", "done", "pre_stop of web, hook 0 ended with status 3",
    )  # fmt: skip
    assert last["event"] == "converged"


def test_a_failure_names_its_reason_and_every_mistake_with_its_place() -> None:
    stream = configured("json")
    logs.record(structlog.get_logger(), failed(BROKEN))
    first, *mistakes, last = objects(stream)
    assert (first["event"], first["reason"], first["level"]) == ("failed", "ConfigInvalid", "error")
    assert [mistake["place"] for mistake in mistakes] == ["web/compose.yaml:7:5", "web/compose.yaml:9:1"]
    assert last["event"] == "not converged"


def test_a_pass_with_nothing_to_do_is_quiet() -> None:
    made = report(outcomes=(done(change(action=Action.HOLD, key=Key("volume", "data")), Status.HELD),))
    everything = configured("json", "debug")
    logs.record(structlog.get_logger(), made)
    assert [line["level"] for line in objects(everything)] == ["debug", "debug"]
    usual = configured("json", "info")
    logs.record(structlog.get_logger(), made)
    assert usual.getvalue() == ""


IDS = ("3f2a9c1b4d5e", "0" * 64)
PORTS = [Failure("PortInUse", f"start container {one[:12]}: {one} 10.0.0.1:{len(one)}->8.8.8.8:53") for one in IDS]


@pytest.mark.parametrize(
    ("now", "before", "levels"),
    [
        pytest.param(BROKEN, None, {"error", "info"}, id="begins"),
        pytest.param(BROKEN, BROKEN, {"debug"}, id="goes on"),
        pytest.param(PORTS[0], PORTS[1], {"debug"}, id="goes on, in another attempt"),
        pytest.param(UNREACHABLE, BROKEN, {"error", "info"}, id="another reason"),
        pytest.param(Failure("PortInUse", "80"), Failure("PortInUse", "81"), {"error", "info"}, id="another message"),
        pytest.param(replace(BROKEN, problems=BROKEN.problems[:1]), BROKEN, {"error", "info"}, id="other mistakes"),
    ],
)
def test_a_failure_is_told_when_it_begins_and_when_it_changes(
    now: Failure, before: Failure | None, levels: set[str]
) -> None:
    stream = configured("json", "debug")
    logs.record(structlog.get_logger(), failed(now), before)
    assert {line["level"] for line in objects(stream)} == levels


def test_an_attempt_that_fails_as_before_tells_what_it_changed_and_nothing_else() -> None:
    stream = configured("json")
    steps = (done(change(1)), done(change(2), Status.FAILED), done(change(3), Status.SKIPPED))
    made = did(*steps, failure=UNREACHABLE, result=Result.ERROR)
    logs.record(structlog.get_logger(), made, UNREACHABLE)
    assert [(line["event"], line["result"]) for line in objects(stream)] == [("step", "done")]


def test_the_end_of_a_failure_is_told() -> None:
    stream = configured("json")
    logs.record(structlog.get_logger(), report(), BROKEN)
    assert [(line["event"], line["ended"]) for line in objects(stream)] == [("recovered", "ConfigInvalid")]


def test_what_is_under_way_is_told_to_who_watches() -> None:
    requirement = Requirement(Key("container", "web-db-1"), Condition.HEALTHY)
    events: list[Event] = [
        Started(change()),
        *(Waiting(change(), requirement, "starting", seconds) for seconds in (0.5, 1.6, 15.2, 16.1, 30.9)),
        Ended(done(change())),
    ]
    watched = configured("json", "debug")
    for event in events:
        logs.progress(structlog.get_logger(), event)
    lines = objects(watched)
    assert [line["event"] for line in lines] == ["begins", *["waits"] * 5, "ended"]
    assert [line["seconds"] for line in lines if line["level"] == "info"] == [15, 30]
    assert lines[1]["for"] == "container/web-db-1 healthy"


def test_libraries_log_through_the_same_lines() -> None:
    stream = configured("json")
    logging.getLogger("some.library").warning("took %d s", 3)
    logging.getLogger("some.library").info("said")
    logging.getLogger("urllib3.connectionpool").info("not said")
    assert [(line["level"], line["event"]) for line in objects(stream)] == [("warning", "took 3 s"), ("info", "said")]


def _boom() -> None:
    raise RuntimeError("boom\nforged line")


@pytest.mark.parametrize("format", ["json", "console", "journal"])
def test_a_traceback_is_told(format: logs.Format) -> None:
    stream = configured(format)
    try:
        _boom()
    except RuntimeError:
        structlog.get_logger().exception("a bug")
        logging.getLogger("x").exception("another")
    said = stream.getvalue()
    assert said.count("RuntimeError: boom") == 2
    if format == "journal":
        assert all(line.startswith("<3>") for line in said.splitlines())
    if format == "json":
        assert len(objects(stream)) == 2


NASTY = st.text(alphabet=st.characters(), max_size=30) | st.sampled_from(
    ["\r\n{}", "\x1b]8;;http://evil\x07", "\u202e\u2028", "\ud800", '"}', "\0"]
)
VALUES = st.recursive(
    NASTY | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=6,
)
NOT_ARGUMENTS = {
    "event",
    "level",
    "timestamp",
    "exc_info",
    "stack_info",
    "exception",
    "stack",
    "self",
    "positional_args",
}


@given(NASTY, st.dictionaries(NASTY.filter(lambda name: name not in NOT_ARGUMENTS), VALUES, max_size=4))
def test_each_json_line_is_one_object_in_plain_ascii(event: str, facts: dict[str, Any]) -> None:
    stream = configured("json")
    structlog.get_logger().info(event, **facts)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert re.fullmatch(r"[ -~]+", line)
    assert json.loads(line)["level"] == "info"


@given(NASTY, NASTY)
def test_each_console_line_is_one_line_of_plain_characters(event: str, value: str) -> None:
    stream = configured("console")
    structlog.get_logger().info(event, value=value)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert line.isprintable()


def test_a_console_line_reads_well() -> None:
    stream = configured("console")
    structlog.get_logger().bind(run="r1").warning("look here", why='a "word"', n=3, empty="")
    assert re.fullmatch(r'\d\d:\d\d:\d\dZ warning  look here run=r1 why="a \\"word\\"" n=3\n', stream.getvalue())


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_the_journal_gets_the_priority(level: str, priority: int) -> None:
    stream = configured("journal", "debug")
    getattr(structlog.get_logger(), level)("said", a=1)
    assert stream.getvalue() == f"<{priority}>said a=1\n"


def test_a_megabyte_is_cut() -> None:
    stream = configured("json")
    structlog.get_logger().info("x" * 1_000_000, fact="y" * 1_000_000, more=["z" * 1_000_000] * 100)
    assert len(stream.getvalue()) < 70_000


def test_colour_only_on_a_terminal() -> None:
    primary, secondary = os.openpty()
    with open(secondary, "w") as terminal:  # noqa: PTH123 - a descriptor
        logs.configure("console", "info", terminal)
        structlog.get_logger().error("red")
    assert b"\x1b[31m" in os.read(primary, 1000)
    os.close(primary)
    stream = configured("console")
    structlog.get_logger().error("plain")
    assert "\x1b" not in stream.getvalue()


def test_levels_are_counted_as_they_are_written() -> None:
    heard: list[str] = []
    configured("json", "info", count=heard.append)
    logger = structlog.get_logger()
    logger.debug("not written")
    logger.info("written")
    logging.getLogger("x").error("written too")
    assert heard == ["info", "error"]


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info", FullDisk())
    structlog.get_logger().info("lost")
    assert capsys.readouterr().err == ""


def test_the_journal_is_known_by_its_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert logs.to_journal(stream, f"{status.st_dev}:{status.st_ino}")
        assert not logs.to_journal(stream, "8:1")
        assert not logs.to_journal(stream, "")
    assert not logs.to_journal(io.StringIO(), "8:1")
