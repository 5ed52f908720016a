"""What a registry or a builder refused, and for how long it is not asked for that again.

A stack whose image cannot be had is looked at often all the same, so that drift in it is mended. Its registry must not
be asked each time, nor the image built each time. Whoever asks by hand does not wait, and new content of a stack is
tried at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from agent.errors import Refused, Unreachable


class Pause(NamedTuple):
    """Seconds: after the first time, and at most, for it doubles with each time in a row."""

    first: float
    longest: float = 0.0

    def after(self, times: int) -> float:
        return max(self.first, min(self.longest, self.first * 2.0 ** min(times, 16)))


RATE_LIMITED = "RegistryRateLimited"
PULLS: Mapping[str, Pause] = {
    "ImagePullStalled": Pause(60.0),  # each try keeps one of the few places for pulls until it is given up
    RATE_LIMITED: Pause(60.0),  # the engine does not tell how long the registry wants to be left alone
    "ImageCorrupt": Pause(60.0),
    "ManifestUnknown": Pause(300.0),  # often what has not been pushed yet
    "RegistryDenied": Pause(300.0),
    "RegistryUnauthorized": Pause(300.0),  # asking often with a refused password gets the account locked
    # Only a tag that moves would help, and each try may fetch the whole image; without any, that would never be seen.
    "PlatformMismatch": Pause(3600.0),
}  # by reason; what is not here may pass sooner
_BUILD = Pause(300.0, 3600.0)  # it may have been the network, and mostly it is what it is built from
BUILDS: Mapping[str, Pause] = {"ImageBuildFailed": _BUILD, "ImageBuildStalled": _BUILD, "DiskFull": _BUILD}
FORGOTTEN = 86400.0  # seconds after its pause


class _Refusal(NamedTuple):
    times: int
    until: float
    said: Refused | Unreachable


class Refusals:
    """By the name of the image and what is tried for it: a platform, or a content. Any thread may call; `clock` counts
    seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Refusal] = {}

    @contextmanager
    def heeded(self, name: str, what: str, pauses: Mapping[str, Pause] = PULLS) -> Iterator[None]:
        """Around a pull or a build: raises what was refused a short while ago, and remembers what is refused now."""
        key = (name, what)
        with self._lock:
            known = self._known.get(key)
        if known is not None and self._clock() < known.until:
            raise type(known.said)(known.said.message, reason=known.said.reason, attempted=False)
        try:
            yield
        except (Refused, Unreachable) as error:
            if error.reason in pauses:
                self._note(key, pauses[error.reason], error)
            raise
        with self._lock:
            self._known.pop(key, None)

    def forget(self, names: Collection[str] | None = None) -> None:
        """What is known of these images, None meaning of all. Other content gives nobody more of a registry."""
        with self._lock:
            self._known = {
                (name, what): known
                for (name, what), known in self._known.items()
                if names is not None and (name not in names or known.said.reason == RATE_LIMITED)
            }

    def _note(self, key: tuple[str, str], pause: Pause, error: Refused | Unreachable) -> None:
        now = self._clock()
        with self._lock:
            self._known = {one: known for one, known in self._known.items() if now < known.until + FORGOTTEN}
            times = self._known[key].times if key in self._known else 0
            self._known[key] = _Refusal(times + 1, now + pause.after(times), error)
