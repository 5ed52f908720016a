"""The agent's own parts in this process, warm, over a folder of stacks: turns without anything to wait for."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path, PurePosixPath

from agent.desired import Reader, Reading
from agent.engine import Engine as Door
from agent.guard import Consent
from agent.kinds.network import STALE_ENDPOINT
from agent.model import Report, Scope
from agent.parts import make_host
from agent.planning import Policy
from agent.reconcile import Reconciler, Turn
from agent.settings import Settings
from agent.source.directory import DirectorySource
from agent.statedir import StateDir
from script.benchmarks.bare import BenchError, EngineFaultError


class Warm:
    """The stacks in `root`, one directory each. What it makes is the instance's; any thread may take a turn.

    With `follow` the engine's events are listened to, as the agent does; without, each look asks for everything.
    """

    def __init__(self, root: Path, state: Path, instance: str, url: str, *, follow: bool = True) -> None:
        place = StateDir(state)
        root.mkdir(parents=True, exist_ok=True)
        self._source = DirectorySource(root)
        self._reader = Reader(PurePosixPath(place.path))
        self._door = Door(url)
        host = make_host(self._door, place, Settings(instance=instance), self._source.origin, lambda _: None)
        self._instance, self._reconciler = instance, Reconciler(host, Policy())
        if follow:
            self._listen()

    def _listen(self) -> None:
        opened = threading.Event()
        listen = partial(self._door.events, lambda _event: None, on_open=opened.set)
        threading.Thread(target=listen, daemon=True).start()  # until the process ends
        if not opened.wait(30):
            raise BenchError("the engine's events could not be followed")

    def read(self) -> Reading:
        """Every stack as its file wants it now."""
        reading = self._reader.read(self._source.sync())
        for name, failure in reading.broken.items():
            raise BenchError(f"{name}: {failure.message}")
        return reading

    def take(self, reading: Reading, name: str, allowed: int = 0) -> float:
        """Seconds of one turn of the stack of that name; one that is not in the reading is removed.

        `allowed` is how many services may go. Raises `BenchError` where the turn failed.
        """
        stack = reading.stacks.get(name)
        scope = Scope(self._instance, self._source.origin, frozenset({name}))
        turn = Turn((stack,) if stack else (), scope, "manual", consent=Consent(allowed=allowed))
        began = time.perf_counter()
        (report,) = self._reconciler.take(turn)
        took = time.perf_counter() - began
        _refuse(name, report)
        return took

    def forget(self) -> None:
        """Remember nothing of what was seen: the next look asks for everything."""
        self._door.forget()

    def close(self) -> None:
        self._door.close()


def _refuse(name: str, report: Report) -> None:
    if report.failure and report.failure.reason == STALE_ENDPOINT:
        raise EngineFaultError(f"{name}: {report.failure.message}")
    if report.failure or not report.synced:
        raise BenchError(f"{name}: the turn failed: {report.failure}")
