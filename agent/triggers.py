"""Reasons to look now: what the engine tells, and what changes in a watched directory. Each in a thread of its own.

A trigger says that something may have changed and nothing more, so an event that is lost, doubled or misunderstood
costs a little time only; and every time that the stream of events is opened anew, the host is looked at whole.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.engine import Event
from agent.errors import Trouble
from agent.kinds.base import INSTANCE, STACK
from agent.model import Failure, Key
from agent.ports import AskSource, LookAt

Wake = Callable[[AskSource | LookAt], None]


class Stream(Protocol):
    """The part of the engine that is listened to."""

    def events(
        self, on_event: Callable[[Event], None], *, on_open: Callable[[], None], stop: Callable[[], bool]
    ) -> None: ...


class Listener(Protocol):
    """Who wants to know how the stream fares."""

    def stream_opened(self) -> None: ...

    def stream_broke(self, failure: Failure) -> None: ...

    def heard(self, kind: str) -> None: ...


class EventWatch(threading.Thread):
    """Turns the engine's events into reasons to look, and connects again for ever. Ends with the process."""

    def __init__(self, stream: Stream, instance: str, wake: Wake, listener: Listener) -> None:
        super().__init__(name="events", daemon=True)
        self._stream, self._instance, self._wake, self._listener = stream, instance, wake, listener
        self._stopped = threading.Event()
        self._failures = 0

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._stream.events(self._tell, on_open=self._opened, stop=self._stopped.is_set)
            except Trouble as error:
                self._listener.stream_broke(error.failure())
            self._stopped.wait(self._pause())

    def _opened(self) -> None:
        self._failures = 0
        self._listener.stream_opened()
        self._wake(LookAt("event"))

    def _tell(self, event: Event) -> None:
        self._listener.heard(event.kind)
        self._wake(reason_of(event, self._instance))

    def _pause(self) -> float:
        """0.2 s to 5 s, ±20 %: a daemon that restarts is met soon, one that is gone is not pestered."""
        seconds = min(5.0, 0.2 * 2.0 ** min(self._failures, 8))
        self._failures += 1
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not cryptography


def reason_of(event: Event, instance: str) -> LookAt:
    """What to look at because of an event: the stack that it names, else whoever wants an object of that name."""
    if event.attributes.get(INSTANCE) == instance and event.attributes.get(STACK):
        return LookAt("event", stack=event.attributes[STACK])
    return LookAt("event", key=Key(event.kind, event.name))


def watch_directory(path: Path, wake: Wake) -> threading.Thread:
    """Ask the source whenever something below the directory changes. Returns the started thread."""

    def watch() -> None:
        from watchfiles import watch as changes

        for _ in changes(path, debounce=400, step=100, raise_interrupt=False):
            wake(AskSource("file"))

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    return thread
