"""A proxy before the engine that tells of a thousand events a second, none of which is about the agent's containers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from script.benchmarks.recorder import Call, Conversation, Recorder, serving

RATE = 1_000  # events a second
TICK = 0.01  # seconds between two lots of them
LOT = 50  # events at once at the most
KINDS = (
    ("container", "create"),
    ("container", "start"),
    ("network", "connect"),
    ("container", "die"),
    ("image", "tag"),
)


class Storm(Recorder):
    """Passes on what is asked for, but for the stream of events: that holds the storm's own, while it rages."""

    def __init__(self, path: Path, engine: str) -> None:
        self.over = threading.Event()
        self._raging = threading.Event()
        super().__init__(path, engine, _Conversation)

    def note(self, call: Call) -> None:
        """Nobody asks what was called."""

    @property
    def rages(self) -> bool:
        return self._raging.is_set()

    @contextmanager
    def raging(self) -> Iterator[None]:
        self._raging.set()
        try:
            yield
        finally:
            self._raging.clear()


class _Conversation(Conversation):
    server: Storm

    def do_GET(self) -> None:  # noqa: N802 - the name that the server looks for
        if "/events?" in self.path:
            self._tell()
        else:
            super().do_GET()

    def _tell(self) -> None:
        """Until the end, so many a second; what a reader is too slow for waits in the socket, and slows this down."""
        self.close_connection = True
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number, last = 0, time.monotonic()
        while not self.server.over.wait(TICK):
            due = min(LOT, round((time.monotonic() - last) * RATE)) if self.server.rages else 0
            last = time.monotonic()
            for _ in range(due):
                number += 1
                self._chunk(line(number))

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def line(number: int) -> bytes:
    """An event of a stranger's as the engine writes it."""
    kind, action = KINDS[number % len(KINDS)]
    stranger = f"{number % 500:064x}"
    attributes: dict[str, Any] = {
        "container": {"image": "registry.example.com/team/app:1.2.3", "name": f"job_{number % 500}", "maintainer": "x"},
        "network": {"container": stranger, "name": "jobs_default", "type": "bridge"},
        "image": {"name": f"registry.example.com/team/app:{number}"},
    }
    now = time.time_ns()
    actor = {"ID": stranger, "Attributes": attributes[kind]}
    event = {"Type": kind, "Action": action, "Actor": actor, "scope": "local", "time": now // 10**9, "timeNano": now}
    return json.dumps(event).encode() + b"\n"


@contextmanager
def storming(path: Path, engine: str) -> Iterator[Storm]:
    """The proxy at `path` before the engine at the socket `engine`; it does not rage yet."""
    with Storm(path, engine) as storm, serving(storm):
        try:
            yield storm
        finally:
            storm.over.set()
