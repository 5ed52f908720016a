"""How far each image is on its way, and whose way it is: one sum for each, told to every turn that waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.converge import Ended, Event, Started
from agent.engine import PullProgress
from agent.kind_names import IMAGE
from agent.model import Change, Key
from agent.reconcile import Turn
from agent.stand_ins import ignore, never

Tell = Callable[[Turn, str, int, int], None]  # reference, bytes so far, bytes in all as far as they are known


class Pulls:
    """Adds up what several pulls at once report. `tell` is set before any pull begins, and hears from any thread.

    `stop`, set likewise, says when all are to be given up. `heard` is told at each word of the engine on a pull or a
    build.

    The engine's words on a pull name the image and no turn, so `listen` has to hear of every step of the turns.
    """

    def __init__(
        self,
        tell: Tell = ignore,
        stop: Callable[[], bool] = never,
        heard: Callable[[Turn, Change], None] = ignore,
    ) -> None:
        self.tell, self.stop, self._heard = tell, stop, heard
        self._layers: dict[str, dict[str, tuple[int, int]]] = {}
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
            case Started(change) if _is_pull(change):
                with self._lock:
                    self._waiting.setdefault(change.key.name, {})[turn.run_id] = (turn, change)
            case Ended(outcome) if _is_pull(outcome.change):
                with self._lock:
                    self._end(outcome.change.key.name, turn.run_id)

    def forget(self, turn: Turn) -> None:
        """The turn is over, also where a bug kept it from saying that its steps are."""
        with self._lock:
            for reference in tuple(self._waiting):
                self._end(reference, turn.run_id)

    def _end(self, reference: str, run: str) -> None:
        """The next pull of it begins at nothing."""
        waiting = self._waiting.get(reference, {})
        waiting.pop(run, None)
        if not waiting:
            self._waiting.pop(reference, None)
            self._layers.pop(reference, None)

    def __call__(self, progress: PullProgress) -> None:
        with self._lock:
            waiting = list(self._waiting.get(progress.reference, {}).values())
        for turn, change in waiting:
            self._heard(turn, change)
        if progress.status != "Downloading" or not waiting:
            return
        with self._lock:
            layers = self._layers.setdefault(progress.reference, {})
            layers[progress.layer] = (progress.current, progress.total)
            done = sum(current for current, _ in layers.values())
            total = sum(of for _, of in layers.values())
        for turn, _ in waiting:
            self.tell(turn, progress.reference, done, total)


def _is_pull(change: Change) -> bool:
    return change.key.kind == IMAGE
