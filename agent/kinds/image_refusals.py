"""What a registry said no to, and for how long it is not asked for that again.

A stack whose image cannot be had is looked at often all the same, for what drifts in it is to be mended; its registry
must not feel that. Whoever asks by hand is not kept waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import Refused

PAUSES = {
    "RegistryRateLimited": 60.0,  # the engine does not tell how long the registry wants to be left alone
    "ManifestUnknown": 60.0,  # often what a build has not pushed yet
    "ImageCorrupt": 60.0,
    "PlatformMismatch": 300.0,
    "RegistryDenied": 300.0,
    "RegistryUnauthorized": 300.0,  # asking often with a refused password gets the account locked
}  # seconds, by reason; what is not here may pass sooner


class Refusals:
    """By reference and platform. Any thread may call; `clock` counts seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, Refused]] = {}  # until when, and what was said

    @contextmanager
    def heeded(self, reference: str, platform: str) -> Iterator[None]:
        """Around a pull: raises what was refused a short while ago, and remembers what is refused now."""
        key = (reference, platform)
        with self._lock:
            until, said = self._known.get(key, (0.0, None))
        if said is not None and self._clock() < until:
            raise Refused(said.message, reason=said.reason)
        try:
            yield
        except Refused as error:
            if pause := PAUSES.get(error.reason):
                with self._lock:
                    self._known[key] = (self._clock() + pause, error)
            raise
        with self._lock:
            self._known.pop(key, None)

    def forget(self) -> None:
        with self._lock:
            self._known.clear()
