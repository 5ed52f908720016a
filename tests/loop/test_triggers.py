"""What is followed goes on being followed, whatever ends it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import watchfiles

from agent.engine import Event
from agent.errors import Unreachable
from agent.kinds.base import INSTANCE, STACK
from agent.model import Failure, Key
from agent.ports import AskSource, LookAt
from agent.triggers import Watch, reason_of, watch_directory, watch_events, watch_files

STARTED = Event("container", "start", "0" * 64, "web-api-1", {INSTANCE: "default", STACK: "web"})


@dataclass
class Heard:
    """Everything that a watch tells, in order."""

    told: queue.Queue[object] = field(default_factory=queue.Queue)

    def stream_opened(self) -> None:
        self.told.put("opened")

    def stream_broke(self, failure: Failure) -> None:
        self.told.put(failure.reason)

    def heard(self, kind: str) -> None:
        self.told.put(kind)

    def watched(self, failure: Failure | None) -> None:
        self.told.put(failure.reason if failure else "watched")

    def next(self, count: int) -> list[object]:
        return [self.told.get(timeout=10) for _ in range(count)]


@dataclass
class FakeStream:
    """Ends as it is told to, once each, and then stays open."""

    ends: list[Exception]
    tells: tuple[Event, ...] = ()

    def events(
        self, on_event: Callable[[Event], None], *, on_open: Callable[[], None], stop: Callable[[], bool]
    ) -> None:
        on_open()
        for event in self.tells:
            on_event(event)
        if self.ends:
            raise self.ends.pop(0)
        while not stop():
            threading.Event().wait(0.01)


@pytest.fixture
def begun() -> Iterator[Callable[[Watch], None]]:
    """Starts watches, and ends them with the test."""
    watches: list[Watch] = []

    def begin(watch: Watch) -> None:
        watches.append(watch)
        watch.start()

    yield begin
    for watch in watches:
        watch.stop()


def test_a_stream_that_breaks_is_opened_again_and_everything_is_looked_at(begun: Callable[[Watch], None]) -> None:
    heard, stream = Heard(), FakeStream([Unreachable("gone", reason="EngineUnavailable")], (STARTED,))
    begun(watch_events(stream, "default", heard.told.put, heard))
    first = ["opened", LookAt("event"), "container", LookAt("event", stack="web", started_name="web-api-1")]
    assert heard.next(9) == [*first, "EngineUnavailable", *first]


def pauses_of(watch: Watch) -> queue.Queue[float]:
    """The pauses that a watch is to make, none of which is waited for."""
    found, pause = queue.Queue[float](), watch._pause

    def told() -> float:
        found.put(pause())
        return 0.0

    watch._pause = told  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize(("tells", "is_soon"), [((), False), ((STARTED,), True)], ids=["silent", "with an event"])
def test_a_stream_that_opens_and_ends_at_once_is_opened_less_and_less_often_unless_it_tells_something(
    begun: Callable[[Watch], None], tells: tuple[Event, ...], is_soon: bool
) -> None:
    """Each opening has the whole host looked at."""
    heard, gone = Heard(), Unreachable("gone", reason="EngineUnavailable")
    watch = watch_events(FakeStream([gone] * 20, tells), "default", heard.told.put, heard)
    pauses = pauses_of(watch)
    begun(watch)
    found = [pauses.get(timeout=10) for _ in range(10)]
    assert max(found) < 0.3 if is_soon else found[-1] > 3.0


def test_directories_that_are_not_there_yet_are_looked_for_as_often_as_ever(
    begun: Callable[[Watch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack whose files are written for the first time may come at any time."""
    monkeypatch.setattr("agent.triggers.NOW_AND_THEN", 1)
    watch = watch_files([tmp_path / "files"], lambda _: None, lambda _: None)
    pauses = pauses_of(watch)
    begun(watch)
    assert max(pauses.get(timeout=10) for _ in range(10)) < 0.3


def test_a_bug_ends_neither_the_watch_nor_itself_in_silence(
    begun: Callable[[Watch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs: queue.Queue[BaseException | None] = queue.Queue()
    monkeypatch.setattr(threading, "excepthook", lambda args: bugs.put(args.exc_value))
    heard, bug = Heard(), ValueError("an event that nobody thought of")
    begun(watch_events(FakeStream([bug]), "default", heard.told.put, heard))
    assert heard.next(5) == ["opened", LookAt("event"), "InternalError", "opened", LookAt("event")]
    assert bugs.get(timeout=10) is bug


def test_what_an_event_is_a_reason_to_look_at() -> None:
    assert reason_of(STARTED, "default") == LookAt("event", stack="web", started_name="web-api-1")
    assert reason_of(replace(STARTED, action="die"), "default") == LookAt("event", stack="web")
    assert reason_of(STARTED, "another") == LookAt("event", keys=frozenset({Key("container", "web-api-1")}))


def test_whose_container_was_attached_may_be_told_by_its_id_alone() -> None:
    event = Event("network", "connect", "1" * 64, "bridge", {"name": "bridge", "container": "0" * 64})
    assert reason_of(event, "default") == LookAt("event", keys=frozenset({Key("network", "bridge")}), id="0" * 64)


@pytest.mark.parametrize(
    ("told", "written", "others"),
    [
        ("web:latest", ["web", "web:latest", "docker.io/library/web", "library/web:latest"], ["web:1", "x/web"]),
        ("web:1", ["web:1", "docker.io/web:1", "index.docker.io/library/web:1"], ["web", "x/web:1"]),
        ("me/web:latest", ["me/web", "docker.io/me/web"], ["library/me/web", "web"]),
        ("registry:5000/web:latest", ["registry:5000/web"], ["docker.io/registry:5000/web"]),
    ],
)
def test_a_tag_concerns_whoever_writes_the_reference_in_any_way(
    told: str, written: list[str], others: list[str]
) -> None:
    keys = reason_of(Event("image", "tag", "sha256:1", told), "default").keys
    assert keys >= {Key("image", name) for name in written}
    assert keys.isdisjoint({Key("image", name) for name in others})


def test_of_a_load_it_is_not_told_which_names_moved() -> None:
    assert reason_of(Event("image", "load", "sha256:1", "sha256:1"), "default") == LookAt("event")


def test_a_change_in_the_directory_asks_the_source(begun: Callable[[Watch], None], tmp_path: Path) -> None:
    heard = Heard()
    begun(watch_directory(tmp_path, heard.told.put, heard))
    assert heard.next(2) == ["watched", AskSource("file")]
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    assert heard.next(1) == [AskSource("file")]


def told_at(
    begun: Callable[[Watch], None], monkeypatch: pytest.MonkeyPatch, changed: Callable[[int], str]
) -> list[int]:
    """At which seconds the source is asked, of ten minutes in which a file changes each second, `changed` says which,
    "" being none."""
    now, told, over = [0], list[int](), threading.Event()

    def changes(*_: Path, **__: object) -> Iterator[set[tuple[int, str]]]:
        for now[0] in range(600):
            yield {(1, name)} if (name := changed(now[0])) else set()
        over.set()
        raise OSError("the ten minutes are over")

    monkeypatch.setattr(watchfiles, "watch", changes)
    begun(watch_directory(Path("/files"), lambda _: told.append(now[0]), Heard(), clock=lambda: float(now[0])))
    assert over.wait(10)
    return told


def test_what_changes_all_the_time_is_a_reason_to_look_less_and_less_often(
    begun: Callable[[Watch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database may lie beside the file of its stack; a change of that file is heeded at once all the same."""
    told = told_at(begun, monkeypatch, lambda at: "/files/compose.yaml" if at == 300 else "/files/data/base.db")
    assert told[:6] == [0, 1, 3, 7, 15, 31]
    assert 300 in told
    assert len(told) < 20


def test_what_changes_now_and_then_is_a_reason_each_time(
    begun: Callable[[Watch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_at(begun, monkeypatch, lambda at: "/files/site/index.html" if at % 10 == 5 else "")
    assert told == [0, *range(5, 600, 10)]


def test_a_change_of_a_mounted_file_is_a_reason_to_look_at_its_stack(
    begun: Callable[[Watch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also below a directory that was not there at first."""
    monkeypatch.setattr("agent.triggers.NOW_AND_THEN", 50)
    heard, files, secrets = Heard(), tmp_path / "files", tmp_path / "secrets"
    file = files / "web" / "0123" / "app.conf"
    file.parent.mkdir(parents=True)
    file.write_text("port = 80")
    begun(watch_files([files, secrets], heard.told.put, lambda failure: heard.told.put(failure.reason)))
    edited_until(file, heard, LookAt("file", stack="web"))
    secret = secrets / "db" / "4567" / "token"
    secret.parent.mkdir(parents=True)
    edited_until(secret, heard, LookAt("file", stack="db"))


def edited_until(file: Path, heard: Heard, reason: LookAt) -> None:
    """Nobody says when a directory has come to be watched."""
    until, told = time.monotonic() + 20, set[object]()
    while reason not in told:
        assert time.monotonic() < until, told
        file.write_text(f"{time.monotonic()}")
        time.sleep(0.3)
        while not heard.told.empty():
            told.add(heard.told.get())


@pytest.mark.parametrize("error", [OSError("OS file watch limit reached"), RuntimeError("Too many open files")])
def test_a_directory_that_cannot_be_watched_is_told_and_tried_again(
    begun: Callable[[Watch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ends, really = [error, error], watchfiles.watch

    def limited(*paths: Path, **options: object) -> Iterator[object]:
        if ends:
            raise ends.pop(0)
        return iter(really(*paths, **options))  # type: ignore[arg-type]

    monkeypatch.setattr(watchfiles, "watch", limited)
    heard = Heard()
    begun(watch_directory(tmp_path, heard.told.put, heard, shortest=0.01))
    assert heard.next(4) == ["WatchFailed", "WatchFailed", "watched", AskSource("file")]
