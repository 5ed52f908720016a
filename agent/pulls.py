"""How far each image is on its way, and whose way it is: one sum for each, told to every turn that waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.converge import Ended, Event, Started
from agent.engine import PullProgress
from agent.model import Change
from agent.reconcile import Turn

Tell = Callable[[Turn, str, int, int], None]  # reference, bytes so far, bytes in all as far as they are known


def _to_nobody(_turn: Turn, _reference: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def _ignored(_turn: Turn, _change: Change) -> None:
    """Nobody wonders whether it gets on."""


def _never() -> bool:
    return False


class Pulls:
    """Adds up what several pulls at once report. `tell` is set before any pull begins, and hears from any thread.

    `stop`, set likewise, says when they are to be given up. `heard` is told at each word of the engine on a pull or a
    build.

    The engine's words on a pull name the image and no turn, so `listen` has to hear of every step of the turns.
    """

    def __init__(
        self,
        tell: Tell = _to_nobody,
        stop: Callable[[], bool] = _never,
        heard: Callable[[Turn, Change], None] = _ignored,
    ) -> None:
        self.tell, self.stop, self._heard = tell, stop, heard
        self._layers: dict[str, dict[str, tuple[int, int]]] = {}
        self._waiting: dict[str, dict[str, tuple[Turn, Change]]] = {}  # by reference, by run
        self._lock = threading.Lock()

    def are_over(self) -> bool:
        """Whether the pulls under way are to be given up."""
        return self.stop()

    def listen(self, turn: Turn, event: Event) -> None:
        match event:
            case Started(change) if _is_pull(change):
                with self._lock:
                    self._waiting.setdefault(change.key.name, {})[turn.run_id] = (turn, change)
            case Ended(outcome) if _is_pull(outcome.change):
                with self._lock:
                    self._end(outcome.change.key.name, turn.run_id)

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
        if progress.status != "Downloading":
            return
        with self._lock:
            layers = self._layers.setdefault(progress.reference, {})
            layers[progress.layer] = (progress.current, progress.total)
            done = sum(current for current, _ in layers.values())
            total = sum(of for _, of in layers.values())
        for turn, _ in waiting:
            self.tell(turn, progress.reference, done, total)


def _is_pull(change: Change) -> bool:
    return change.key.kind == "image"
