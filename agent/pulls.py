"""How far each image is on its way: the layers' progress added up, one sum for each image."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.engine import PullProgress

Tell = Callable[[str, int, int], None]  # reference, bytes so far, bytes in all as far as they are known


def _to_nobody(_reference: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class Pulls:
    """Adds up what several pulls at once report. `tell` is set before any pull begins, and hears from any thread."""

    def __init__(self, tell: Tell = _to_nobody) -> None:
        self.tell = tell
        self._layers: dict[str, dict[str, tuple[int, int]]] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: PullProgress) -> None:
        if progress.status != "Downloading":
            return
        with self._lock:
            layers = self._layers.setdefault(progress.reference, {})
            layers[progress.layer] = (progress.current, progress.total)
            done = sum(current for current, _ in layers.values())
            total = sum(of for _, of in layers.values())
        self.tell(progress.reference, done, total)
