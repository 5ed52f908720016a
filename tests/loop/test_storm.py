"""A storm of events: none is answered for itself, and those of strangers not at all. Counted, not timed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.engine import Engine
from agent.kinds.base import INSTANCE, STACK
from agent.model import Failure, Report
from agent.reconcile import Turn
from agent.triggers import watch_events
from tests.engine.fake import EMPTY_HOST, FakeEngine, Request, fake_engine
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, make_loop, reading, running, stack, synced

COUNT = 20_000
BATCH = 100  # lines in one piece of the stream


def line(number: int, attributes: dict[str, str], kind: str = "container", action: str = "kill") -> dict[str, Any]:
    actor = {"ID": f"{number:064x}", "Attributes": attributes}
    return {"Type": kind, "Action": action, "Actor": actor, "timeNano": 10**18 + number}


def of_strangers(number: int) -> dict[str, Any]:
    if number % 2:
        return line(number, {"name": f"other:{number}"}, "image", "tag")
    return line(number, {"name": f"somebody_{number}", "maintainer": "nobody"})


def of_one_stack(number: int) -> dict[str, Any]:
    return line(number, {"name": "a-web-1", INSTANCE: "default", STACK: "a"})


@dataclass
class Storm:
    """What an engine tells once it is let go."""

    event: Callable[[int], dict[str, Any]]
    go: threading.Event = field(default_factory=threading.Event)

    def tell(self, request: Request) -> None:
        request.lines(end=False)
        assert self.go.wait(20)
        for first in range(0, COUNT, BATCH):
            lines = (json.dumps(self.event(number)) for number in range(first, first + BATCH))
            request.chunk("".join(f"{one}\n" for one in lines).encode())
        request.hang()


@dataclass
class Listener:
    heard_count: int = 0
    opened: threading.Event = field(default_factory=threading.Event)

    def stream_opened(self) -> None:
        self.opened.set()

    def stream_broke(self, failure: Failure) -> None:
        """When the test is over."""

    def heard(self, kind: str) -> None:
        self.heard_count += 1

    def watched(self, failure: Failure | None) -> None:
        """Not here."""

    def hears_all(self) -> None:
        until = time.monotonic() + 60
        while self.heard_count < COUNT:
            assert time.monotonic() < until, f"heard {self.heard_count}"
            time.sleep(0.02)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path) as server:
        server.answers |= EMPTY_HOST
        yield server


def test_a_storm_of_strangers_makes_no_turn(fake: FakeEngine) -> None:
    taken = told(fake, of_strangers, FakeTurns())
    assert taken.nothing_more()


def test_a_storm_about_one_stack_makes_one_more_turn_after_the_one_that_runs(fake: FakeEngine) -> None:
    over, turns = threading.Event(), FakeTurns()

    def slow(turn: Turn) -> Report:
        over.wait(60)
        return synced(turn)

    def slow_from_now_on() -> None:
        turns.react = slow

    told(fake, of_one_stack, turns, before=slow_from_now_on, after=over.set)
    assert [turns.next().scope.stacks for _ in range(2)] == [{"a"}, {"a"}]
    assert turns.nothing_more()


def told(
    fake: FakeEngine,
    event: Callable[[int], dict[str, Any]],
    turns: FakeTurns,
    before: Callable[[], object] = bool,
    after: Callable[[], object] = bool,
) -> FakeTurns:
    """The turns of two stacks that come of the storm, once all of it was heard."""
    storm, listener, audience = Storm(event), Listener(), FakeAudience()
    fake.answers["/events"] = storm.tell
    engine = Engine(fake.url, timeout=5)
    with running(make_loop(FakeDesires(reading(stack("a"), stack("b"))), turns, audience)) as loop:
        watch = watch_events(engine, "default", loop.wake, listener)
        for _ in "ab":
            audience.reports.get(timeout=5), turns.next()
        watch.start()
        assert listener.opened.wait(5)
        for _ in "ab":  # each opening of the stream is a reason to look at all
            audience.reports.get(timeout=5), turns.next()
        before()
        storm.go.set()
        listener.hears_all()
        after()
        time.sleep(0.3)
        watch.stop()
    engine.close()
    return turns
