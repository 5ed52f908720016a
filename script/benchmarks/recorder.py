"""Stands between a client and the engine and writes down every call, so that the floor can make the very same ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer, ThreadingUnixStreamServer
from typing import Any

from script.benchmarks.bare import Wire


@dataclass(frozen=True)
class Call:
    """One call as it was made, and what the engine said."""

    method: str
    path: str  # with version and query
    body: bytes
    status: int
    answer: bytes


class Recorder(ThreadingUnixStreamServer):
    """A proxy at a socket of its own. It knows no streams: every answer is passed on once it is complete."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, engine: str, conversation: type[Conversation] | None = None) -> None:
        self.engine = engine
        self.url = f"unix://{path}"
        self._calls: list[Call] = []
        super().__init__(str(path), conversation or Conversation)

    def note(self, call: Call) -> None:
        self._calls.append(call)

    def taken(self) -> tuple[Call, ...]:
        """What was called since this was asked last, in the order in which the answers came."""
        calls, self._calls = self._calls, []
        return tuple(calls)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is heard of from the client."""


class Conversation(BaseHTTPRequestHandler):
    """One client, which may ask many things one after the other."""

    protocol_version = "HTTP/1.1"
    server: Recorder

    def setup(self) -> None:
        super().setup()
        self._wire = Wire(self.server.engine)

    def finish(self) -> None:
        self._wire.close()
        super().finish()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self._wire.call(self.command, self.path, body)
        self.server.note(Call(self.command, self.path, body, status, answer))
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - the names that the server looks for


@contextmanager
def recording(path: Path, engine: str) -> Iterator[Recorder]:
    """A recorder at `path` in front of the engine at the socket `engine`."""
    with Recorder(path, engine) as recorder, serving(recorder):
        yield recorder


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """The server at work in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
