"""A server on a unix socket that misbehaves on demand, where the real engine cannot be made to."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.serving import serving

Answer = Callable[["Request"], None]

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeEngine

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def serve(self) -> None:
        self.server.requests.append((self.command, self.path, self.body().decode(errors="replace")))
        if self.path.endswith("/version") and "version" not in self.server.answers:
            self.say(VERSION)
            return
        path = self.path.partition("?")[0]
        name = next((name for name in self.server.answers if path.endswith(name)), "")
        self.server.answers.get(name, Request.missing)(self)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while length := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    do_GET = do_POST = do_DELETE = serve  # noqa: N815 - the base class's spelling

    def missing(self) -> None:
        self.say({"message": "page not found"}, 404)

    def say(self, what: Any, status: int = 200) -> None:
        text = json.dumps(what).encode()
        self.head(status, {"Content-Length": str(len(text))})
        self.wfile.write(text)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def lines(self, *objects: Any, end: bool = True) -> None:
        """A stream of JSON lines, as the engine sends events and the progress of a pull."""
        self.head(200, {"Transfer-Encoding": "chunked"})
        for one in objects:
            self.chunk(json.dumps(one).encode() + b"\r\n")
        if end:
            self.chunk(b"")

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.server.over.wait(20)
        self.close_connection = True

    def drip(self) -> None:
        """An answer of a byte at a time, none of which comes late by itself."""
        self.head(200, {"Content-Length": "1000"})
        while not self.server.over.wait(0.05):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                break
        self.close_connection = True

    def cut(self) -> None:
        """Half an answer."""
        self.head(200, {"Content-Length": "1000"})
        self.wfile.write(b'{"Id": "x')
        self.close_connection = True

    def silence(self) -> None:
        """No answer at all."""
        self.close_connection = True


def pull_without_end(request: Request) -> None:
    """A pull that goes on, line by line, until the client has had enough."""
    layer = {"status": "Downloading", "progressDetail": {"current": 5, "total": 9}, "id": "0123456789ab"}
    try:
        request.lines(layer, end=False)
        while not request.server.over.wait(0.02):
            request.chunk(json.dumps(layer).encode() + b"\r\n")
    except OSError:
        request.server.given_up.set()
    request.close_connection = True


def no_event(request: Request) -> None:
    request.lines(end=False)
    request.hang()


EMPTY_HOST: dict[str, Answer] = {
    "/info": lambda request: request.say({"SystemTime": "2026-01-01T00:00:00Z"}),
    "/containers/json": lambda request: request.say([]),
    "/networks": lambda request: request.say([]),
    "/volumes": lambda request: request.say({"Volumes": []}),
    "/events": no_event,
}


class FakeEngine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Request)
        self.url = f"unix://{path}"
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.over = threading.Event()
        self.given_up = threading.Event()  # a client went away in the middle of a pull

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is what these tests are about."""

    def count(self, path: str) -> int:
        return sum(asked.partition("?")[0].endswith(path) for _, asked, _ in self.requests)


@contextmanager
def fake_engine(directory: Path) -> Iterator[FakeEngine]:
    with FakeEngine(directory / "engine.sock") as server, serving(server):
        try:
            yield server
        finally:
            server.over.set()
