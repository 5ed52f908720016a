"""What tags stand for in their registries, asked by and by: of each tag once in its interval, however many look.

A registry that does not answer is asked again after the interval, and the tag is where it was for so long: what runs
is not to depend on it. The engine's calls are counted, those that failed too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from agent.engine import Engine
from agent.errors import Trouble

LONG = 30 * 86400.0  # seconds after which a tag that nobody asked for is forgotten


class Followed:
    """Any thread may call. `clock` counts seconds, monotonic."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._asked: dict[str, float] = {}  # when, by reference
        self._digests: dict[str, str] = {}

    def ask(self, due: Mapping[str, float]) -> None:
        """Ask for what is due, side by side: `due` has the seconds of the interval by the reference."""
        now = self._clock()
        with self._lock:
            for one in [one for one, at in self._asked.items() if now - at > LONG and one not in due]:
                del self._asked[one]
                self._digests.pop(one, None)
            late = [one for one, interval in due.items() if now - self._asked.get(one, -interval) >= interval]
            self._asked.update(dict.fromkeys(late, now))
        found = self._engine.gather(partial(self._digest, reference) for reference in late)
        with self._lock:
            self._digests.update({one: digest for one, digest in zip(late, found, strict=True) if digest})

    def moved(self, reference: str, digests: Sequence[Any]) -> str:
        """The digest that the tag stands for where that is none of the image's `RepoDigests`, else ""."""
        here = {str(digest).partition("@")[2] for digest in digests}
        with self._lock:
            known = self._digests.get(reference, "")
        return known if known not in here else ""

    def pulled(self, reference: str) -> None:
        """What it stands for has just been fetched."""
        with self._lock:
            self._digests.pop(reference, None)
            self._asked[reference] = self._clock()

    def _digest(self, reference: str) -> str:
        try:
            return self._engine.resolve_image(reference)
        except Trouble:
            return ""
