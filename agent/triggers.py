"""Reasons to look now: what the engine tells, and what changes in a watched directory. Each in a thread of its own.

A trigger says that something may have changed and nothing more, so an event that is lost, doubled or misunderstood
costs a little time only; and every time that something is followed anew, it is looked at whole.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from agent.engine import Event
from agent.errors import Refused, Trouble
from agent.kinds.base import INSTANCE, STACK
from agent.model import Failure, Key
from agent.occasions import Trigger
from agent.ports import AskSource, LookAt
from agent.source.content import is_text

Wake = Callable[[AskSource | LookAt], None]
Follow = Callable[[Callable[[], None], threading.Event], None]
SOON, LATER = 0.2, 5.0  # seconds; between them lie the pauses before an engine that went away is asked again
NOW_AND_THEN = 5000  # milliseconds between two looks for directories to watch that were not there yet
RARELY = 60.0  # the longest pause before a directory that could not be watched, or changes all the time, is tried again
CALM = 5.0  # seconds without a change after which the next one is told at once


class Stream(Protocol):
    """The part of the engine that is listened to."""

    def events(
        self, on_event: Callable[[Event], None], *, on_open: Callable[[], None], stop: Callable[[], bool]
    ) -> None: ...


class Listener(Protocol):
    """Who wants to know how the following fares."""

    def stream_opened(self) -> None: ...

    def stream_broke(self, failure: Failure) -> None: ...

    def heard(self, kind: str) -> None: ...

    def watched(self, failure: Failure | None) -> None:
        """Whether changes of the directory are noticed as they happen, or why not."""


class Watch:
    """Follows something for ever, in a thread that ends with the process.

    `follow` is given who to tell once it is well under way, and what says that it is to end. When it ends otherwise,
    it is begun again after a pause that doubles up to `longest` seconds, ±20 %: what is there again is met soon, and
    what is gone is not pestered. `broke` hears what ended it.
    """

    def __init__(
        self, name: str, follow: Follow, broke: Callable[[Failure], None], longest: float, shortest: float = SOON
    ) -> None:
        self._name, self._follow, self._broke = name, follow, broke
        self._shortest, self._longest = shortest, longest
        self._stopped = threading.Event()
        self._failures = 0

    def start(self) -> None:
        self._start_in(0.0)

    def stop(self) -> None:
        self._stopped.set()

    def _start_in(self, seconds: float) -> None:
        threading.Thread(target=self._run, args=(seconds,), name=self._name, daemon=True).start()

    def _run(self, pause: float) -> None:
        bug = True
        try:
            self._stopped.wait(pause)
            while not self._stopped.is_set():
                self._once()
                self._stopped.wait(self._pause())
            bug = False
        finally:
            if bug:  # which is told by the end of this thread; another one goes on, so nobody has to miss it
                self._broke(Failure("InternalError", f"the thread {self._name} has met a bug, and begins again"))
                self._start_in(self._pause())

    def _once(self) -> None:
        try:
            self._follow(self._well, self._stopped)
        except Trouble as error:
            self._broke(error.failure())

    def _well(self) -> None:
        self._failures = 0

    def _pause(self) -> float:
        seconds = min(self._longest, self._shortest * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not cryptography


def watch_events(stream: Stream, instance: str, wake: Wake, listener: Listener) -> Watch:
    """The engine's events as reasons to look."""

    def follow(well: Callable[[], None], stopped: threading.Event) -> None:
        def opened() -> None:
            listener.stream_opened()
            wake(LookAt(Trigger.EVENT))

        def tell(event: Event) -> None:
            well()  # and not before: one that opens and ends at once would have the host looked at over and over
            listener.heard(event.kind)
            wake(reason_of(event, instance))

        stream.events(tell, on_open=opened, stop=stopped.is_set)

    return Watch("events", follow, listener.stream_broke, LATER)


def reason_of(event: Event, instance: str) -> LookAt:
    """What to look at because of an event: the stack that it names, else whoever wants an object of that name or has
    the container that was attached to it or taken off."""
    if event.attributes.get(INSTANCE) == instance and event.attributes.get(STACK):
        started = event.name if event.action == "start" else ""
        return LookAt(Trigger.EVENT, stack=event.attributes[STACK], started_name=started)
    if event.is_vague:
        return LookAt(Trigger.EVENT)
    keys = frozenset(Key(event.kind, name) for name in event.names)
    return LookAt(Trigger.EVENT, keys=keys, id=event.attributes.get("container", ""))


def watch_directory(
    path: Path,
    wake: Wake,
    listener: Listener,
    shortest: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> Watch:
    """Ask the source whenever something below the directory changes, see `_Often`, and each time that it is watched
    anew."""

    def follow(well: Callable[[], None], stopped: threading.Event) -> None:
        try:
            for number, _ in enumerate(_changes(path, stopped, clock)):
                if number == 0:
                    well()
                    listener.watched(None)
                wake(AskSource(Trigger.FILE))
        except (OSError, RuntimeError) as error:  # the library has a RuntimeError of its own for want of watches
            said = f"{path} cannot be watched, so its changes are noticed at the next poll: {error}"
            raise Refused(said, reason="WatchFailed") from error

    return Watch("watch", follow, listener.watched, RARELY, shortest)


def watch_files(places: Sequence[Path], wake: Wake, broke: Callable[[Failure], None]) -> Watch:
    """Look at a stack whenever one of the files that were written for it is changed. They lie in `PLACE/STACK`; a place
    need not be there yet. The stack's own turn writes there too, so each of those is a reason for one more look."""

    def follow(well: Callable[[], None], stopped: threading.Event) -> None:
        there = [place for place in places if place.is_dir()]
        try:
            for stack in _stacks_below(there, stopped):
                well()
                if stack:
                    wake(LookAt(Trigger.FILE, stack=stack))
                if there != [place for place in places if place.is_dir()]:
                    return
        except (OSError, RuntimeError) as error:
            said = f"mounted files cannot be watched, so what is done to them is noticed at the next full look: {error}"
            raise Refused(said, reason="WatchFailed") from error

    return Watch("files", follow, broke, RARELY)


def _stacks_below(places: Sequence[Path], stopped: threading.Event) -> Iterator[str]:
    """The name of each stack when something of it changes, and "" from time to time."""
    from watchfiles import watch

    if not places:
        stopped.wait(NOW_AND_THEN / 1000)
        yield ""
        return
    for found in watch(
        *places,
        debounce=400,
        step=250,
        rust_timeout=NOW_AND_THEN,
        yield_on_timeout=True,
        stop_event=stopped,
        raise_interrupt=False,
    ):
        changed = [Path(path) for _, path in found]
        parts = (path.relative_to(place).parts for path in changed for place in places if path.is_relative_to(place))
        yield from sorted({name[0] for name in parts if name})
        yield ""


class _Often:
    """Whether changes are to be told now. What changes all the time, such as a database that lies beside its Compose
    file, is told less and less often: each time after twice the pause, until nothing has changed for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed_at, self._due_at, self._pause = -math.inf, 0.0, 0.0
        self._waits = False

    def tells(self, *, changed: bool) -> bool:
        """To be asked now and then, whether anything has `changed` since or not."""
        now = self._clock()
        if changed:
            if now - self._changed_at >= CALM:
                self._pause, self._due_at = 0.0, now
            self._changed_at, self._waits = now, True
        if not self._waits or now < self._due_at:
            return False
        self._pause = min(RARELY, max(1.0, 2 * self._pause))
        self._waits, self._due_at = False, now + self._pause
        return True


def _changes(path: Path, stopped: threading.Event, clock: Callable[[], float]) -> Iterator[None]:
    """Once when it is watched, then as it changes; what is parsed does not wait for the rest."""
    from watchfiles import watch

    is_watched, parsed, data = False, _Often(clock), _Often(clock)
    for found in watch(
        path,
        debounce=400,
        step=250,
        rust_timeout=1000,
        yield_on_timeout=True,
        stop_event=stopped,
        raise_interrupt=False,
    ):
        changed = {is_text(name) for _, name in found}
        tells = parsed.tells(changed=True in changed), data.tells(changed=False in changed)
        if any(tells) or not is_watched:
            is_watched = True
            yield
