"""The Engine API without anything around it: one keep-alive connection a thread, bytes in, bytes out."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

API = "/v1.41"

T = TypeVar("T")
R = TypeVar("R")


class BenchError(Exception):
    """Something could not be measured."""


class EngineFaultError(BenchError):
    """What was to be measured met a fault of the engine that no client can do anything about."""


class Wire(http.client.HTTPConnection):
    """One connection to the engine's socket. It is opened by the first call and kept."""

    def __init__(self, path: str, timeout: float | None = None) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer. A call that is broken off leaves the connection to be opened anew."""
        whole = False
        try:
            self._ask(method, path, body)
            answer = self.getresponse()
            said, whole = (answer.status, answer.read()), True
        finally:
            if not whole:
                self.close()
        return said

    def _ask(self, method: str, path: str, body: bytes) -> None:
        """The engine closes a connection that was idle for long, which is found out by asking."""
        headers = {"Content-Type": "application/json"}
        try:
            self.request(method, path, body, headers)
        except BrokenPipeError:
            self.close()
            self.request(method, path, body, headers)


class Engine:
    """The engine at a unix socket. Any thread may call; each has its own connection."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._mine = threading.local()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def wire(self) -> Wire:
        """This thread's connection."""
        if not hasattr(self._mine, "wire"):
            self._mine.wire = Wire(self.path)
        wire: Wire = self._mine.wire
        return wire

    def ask(self, method: str, path: str, body: Any = None, *, fine: Iterable[int] = ()) -> Any:
        """The answer as JSON, None for an empty one and for the statuses in `fine`. Raises `BenchError` for others."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        status, answer = self.wire().call(method, API + path, data)
        if status in fine:
            return None
        if status >= 400:
            raise BenchError(f"{method} {path}: {status} {answer[:200].decode('utf-8', 'replace')}")
        return json.loads(answer) if answer.startswith((b"{", b"[")) else None

    @contextmanager
    def stream(self, path: str, patience: float) -> Iterator[Iterator[dict[str, Any]]]:
        """JSON objects, one a line, as they come. A silence of `patience` seconds raises TimeoutError."""
        with contextlib.closing(Wire(self.path, patience)) as wire:
            wire.request("GET", API + path)
            answer = wire.getresponse()
            yield (json.loads(line) for line in answer if line.strip())


def side_by_side(threads: int, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in the order of the items. The first error raises."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
