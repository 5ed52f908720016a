"""What is told while changes are made: in lines, and on a terminal."""

from __future__ import annotations

import io
import threading

import click
import pytest

from agent.cli.needs import Pulling
from agent.cli.progress import Lines, Live, Silence, outcome_line
from agent.converge import Ended, Event, Started, Waiting
from agent.model import Action, Cause, Change, Condition, Key, Outcome, Requirement, Status
from tests.cli.fakes import CREATE, HOLD, REPLACE, UPDATE

PULL = Change(7, Action.CREATE, Key("image", "busybox:1"), "web", Cause.COMMIT, "needed by container/web-api-1")
UNTIL = Requirement(Key("container", "web-db-1"), Condition.HEALTHY)


def wait(seconds: float, change: Change = REPLACE) -> Waiting:
    return Waiting(change, UNTIL, "2 checks failed", seconds)


def lines_of(capsys: pytest.CaptureFixture[str], *events: Event | Pulling) -> list[str]:
    with Lines() as hear:
        for event in events:
            hear(event)
    return click.unstyle(capsys.readouterr().err).splitlines()


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome(REPLACE, Status.DONE, seconds=3.94), "✔ replace container web-api-1   3.9 s"),
        (Outcome(REPLACE, Status.DONE, "a hook\n", seconds=1), r"✔ replace container web-api-1   1.0 s   a hook\n"),
        (Outcome(UPDATE, Status.FAILED, "no\n\x1b[1m"), r"✗ update  container web-redis-1   failed: no\n\x1b[1m"),
        (Outcome(UPDATE, Status.OVERTAKEN), "↻ update  container web-redis-1   overtaken"),
        (Outcome(UPDATE, Status.SKIPPED, "step 1 failed"), "· update  container web-redis-1   skipped: step 1 failed"),
        (Outcome(HOLD, Status.HELD, "keeps data"), "! hold    volume    cron_data   held: keeps data"),
    ],
)
def test_every_end_has_its_line(outcome: Outcome, line: str) -> None:
    assert click.unstyle(outcome_line(outcome)) == line


def test_a_wait_is_told_of_every_fifteen_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines_of(capsys, Started(REPLACE), *(wait(float(second)) for second in range(46)))
    assert told == [
        "… replace container web-api-1",
        *(
            f"… replace container web-api-1   still waiting until container web-db-1 is healthy ({second} s):"
            " 2 checks failed"
            for second in (15, 30, 45)
        ),
    ]


def test_a_gap_in_the_news_is_not_made_up_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(lines_of(capsys, wait(1), wait(50), wait(51), wait(59))) == 1


def test_two_waits_are_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(lines_of(capsys, wait(15), wait(15, UPDATE), wait(16), wait(16, UPDATE))) == 2


def test_a_pull_and_a_hold_begin_without_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(capsys, Started(HOLD), Pulling("busybox:1", 1, 2)) == []


def test_work_goes_on_when_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        attempts = 0

        def write(self, text: str) -> int:
            self.attempts += bool(text)  # click itself tries the stream with nothing
            raise BrokenPipeError

    gone = Gone()
    monkeypatch.setattr("sys.stderr", gone)
    with Lines() as hear:
        hear(Started(CREATE))
        hear(Started(REPLACE))
    assert gone.attempts == 1


def test_lines_of_many_threads_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as hear:
        threads = [threading.Thread(target=hear, args=(Ended(Outcome(REPLACE, Status.DONE)),)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told = click.unstyle(capsys.readouterr().err).splitlines()
    assert told == ["✔ replace container web-api-1   0.0 s"] * 20


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    with Silence() as hear:
        hear(Started(REPLACE))
    assert capsys.readouterr().err == ""


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    """A live region 60 columns wide whose clock stands at 100 s."""
    monkeypatch.setenv("COLUMNS", "60")
    with click.Context(click.Command("apply")):
        return Live(clock=lambda: 100.0)


def region(live: Live) -> list[str]:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=60)
    with console.capture() as capture:
        console.print(live.render())
    return [line[2:] for line in capture.get().splitlines()]  # without the turning icon


def test_the_live_region_has_one_line_for_each_step_under_way(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    with live as hear:
        for event in (
            Started(HOLD),
            Started(CREATE),
            Started(PULL),
            Started(REPLACE),
            Ended(Outcome(CREATE, Status.DONE)),
        ):
            hear(event)
        hear(Pulling("busybox:1", 9_800_000, 38_100_000))
        hear(Pulling("other:1", 1, 2))
        hear(wait(7))
        shown = region(live)
    assert shown == [
        "replace container web-api-1   0.0 s  waiting until contai…",
        "create  image     busybox:1   0.0 s  9.8 of 38.1 MB",
    ]
    assert "✔ create  network   web_metrics   0.0 s\n" in capsys.readouterr().err


def test_the_live_region_leaves_only_what_has_ended(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    with live as hear:
        hear(Started(REPLACE))
        hear(Ended(Outcome(REPLACE, Status.FAILED, "[bold]no[/bold] \x1b[5m")))
        assert region(live) == []
    told = capsys.readouterr().err
    assert r"✗ replace container web-api-1   failed: [bold]no[/bold] \x1b[5m" in told
