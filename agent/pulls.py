"""How far each image is on its way, and whose way it is: one sum for each, told to every turn that waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agent.account import is_pull
from agent.converge import Ended, Event, Started
from agent.engine import PullProgress
from agent.kind_names import IMAGE
from agent.model import Change, Key
from agent.reconcile import Turn
from agent.stand_ins import ignore, never

_DOWNLOADING, _COMPLETE = "Downloading", "Download complete"  # as the engine says it of a layer
Tell = Callable[[Turn, str, int, int], None]  # reference, bytes so far, bytes in all as far as they are known


class Pulls:
    """Adds up what several pulls at once report. `tell` is set before any pull begins, and hears from any thread.

    `stop`, set likewise, says when all are to be given up. `heard` is told at each word of the engine on a pull or a
    build, and `fetched` once a pull is over, however it ended, of which the engine said anything: its reference, the
    bytes that came, and the seconds since that. Several pulls of an image at once are one.

    The engine's words on a pull name the image and no turn, so `listen` has to hear of every step of the turns.
    """

    def __init__(
        self,
        tell: Tell = ignore,
        stop: Callable[[], bool] = never,
        heard: Callable[[Turn, Change], None] = ignore,
        fetched: Callable[[str, int, float], None] = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tell, self.stop, self._heard, self._fetched, self._clock = tell, stop, heard, fetched, clock
        self._layers: dict[str, dict[str, tuple[int, int]]] = {}
        self._begun: dict[str, float] = {}  # by reference, when the engine first said something of its pull
        self._waiting: dict[str, dict[str, tuple[Turn, Change]]] = {}  # by reference, by run
        self._lock = threading.Lock()

    def is_over(self, reference: str) -> bool:
        """Whether the pull of an image is to be given up: they all are, or newer content of whoever waits for it has no
        use for it. A registry may be so slow that the commit which mends that would wait for hours."""
        with self._lock:
            turns = list(self._waiting.get(reference, {}).values())
        return self.stop() or (bool(turns) and all(turn.dropped(Key(IMAGE, reference)) for turn, _ in turns))

    def listen(self, turn: Turn, event: Event) -> None:
        match event:
            case Started(change) if change.key.kind == IMAGE:
                with self._lock:
                    self._waiting.setdefault(change.key.name, {})[turn.run_id] = (turn, change)
            case Ended(outcome) if outcome.change.key.kind == IMAGE:
                self._end((outcome.change.key.name,), turn.run_id)

    def forget(self, turn: Turn) -> None:
        """The turn is over, also where a bug kept it from saying that its steps are."""
        with self._lock:
            references = tuple(self._waiting)
        self._end(references, turn.run_id)

    def _end(self, references: Iterable[str], run: str) -> None:
        """The run waits for none of these any more."""
        with self._lock:
            over = [self._let_go(reference) for reference in references if self._was_last(reference, run)]
        for reference, size, seconds in filter(None, over):
            self._fetched(reference, size, seconds)

    def _was_last(self, reference: str, run: str) -> bool:
        """Whether nobody waits for it once the run does not."""
        waiting = self._waiting.get(reference, {})
        waiting.pop(run, None)
        return not waiting

    def _let_go(self, reference: str) -> _Fetched | None:
        """The next pull of it begins at nothing. Returns what this one came to, None where the engine said nothing."""
        self._waiting.pop(reference, None)
        layers, begun = self._layers.pop(reference, {}), self._begun.pop(reference, None)
        if begun is None:
            return None
        return _Fetched(reference, sum(current for current, _ in layers.values()), self._clock() - begun)

    def __call__(self, progress: PullProgress) -> None:
        with self._lock:
            waiting = list(self._waiting.get(progress.reference, {}).values())
            if any(is_pull(change) for _, change in waiting):
                self._begun.setdefault(progress.reference, self._clock())
        for turn, change in waiting:
            self._heard(turn, change)
        if progress.status not in {_DOWNLOADING, _COMPLETE} or not waiting:
            return
        done, total = self._added_up(progress)
        for turn, _ in waiting if progress.status == _DOWNLOADING else ():
            self.tell(turn, progress.reference, done, total)

    def _added_up(self, progress: PullProgress) -> tuple[int, int]:
        """Bytes so far and in all, with those that it tells of; the last of a layer are not always told themselves."""
        with self._lock:
            layers = self._layers.setdefault(progress.reference, {})
            if progress.status == _DOWNLOADING:
                layers[progress.layer] = (progress.current, progress.total)
            elif progress.layer in layers:
                whole = max(layers[progress.layer])
                layers[progress.layer] = (whole, whole)
            return sum(current for current, _ in layers.values()), sum(of for _, of in layers.values())


class _Fetched(NamedTuple):
    reference: str
    size: int  # bytes
    seconds: float
