"""Stands between the agent and a real engine, passes everything on, and goes wrong where a test says so.

Each request is read whole, and so is its answer; only the event stream is passed on as it comes.
"""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

from tests.serving import serving

HURRY = 120.0  # seconds; longer than any call that the tests make


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes


class Call(BaseHTTPRequestHandler):
    """One request of the agent, and what a fault may do with it."""

    protocol_version = "HTTP/1.1"
    server: Proxy
    body: bytes

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    @property
    def changes(self) -> bool:
        return self.command != "GET"

    @property
    def place(self) -> str:
        """The path without the version of the API and without the query."""
        path = self.path.partition("?")[0]
        return "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path

    def serve(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.take(self)
        try:
            if fault is not None:
                fault(self)
            elif self.place == "/events":
                self._stream()
            else:
                self.answer(self.ask())
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # one of the two is gone: the other has to notice

    do_GET = do_POST = do_DELETE = serve  # noqa: N815 - the base class's spelling

    def ask(self) -> Answer:
        """The engine's own answer: what the request asks for has been done."""
        with self._engine() as engine:
            engine.request(self.command, self.path, self.body, _headers(self))
            said = engine.getresponse()
            return Answer(said.status, said.headers.get("Content-Type", ""), said.read())

    def answer(self, answer: Answer) -> None:
        self.head(answer)
        self.wfile.write(answer.body)

    def head(self, answer: Answer) -> None:
        """Status and headers, as though the whole body came."""
        self.send_response(answer.status)
        if answer.kind:
            self.send_header("Content-Type", answer.kind)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()

    @contextmanager
    def _engine(self) -> Iterator[http.client.HTTPConnection]:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(HURRY)
            plain.connect(self.server.engine)
            connection = http.client.HTTPConnection("engine")
            connection.sock = plain
            yield connection

    def _stream(self) -> None:
        with self._engine() as engine, self.server.streaming(engine.sock, self.connection):
            engine.request(self.command, self.path, headers=_headers(self))
            said = engine.getresponse()
            self.send_response(said.status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            engine.sock.settimeout(None)
            while data := said.read1(65536):
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.close_connection = True


Fault = Callable[[Call], None]
Choice = Callable[[Call], Fault | None]


def _sound(_call: Call) -> None:
    """All goes well."""


class Proxy(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """`fault` picks what goes wrong with a call; it is asked for one call after the other. `seen` is every call."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, engine: str) -> None:
        super().__init__(str(path), Call)
        self.url = f"unix://{path}"
        self.engine = engine.removeprefix("unix://")
        self.fault: Choice = _sound
        self.seen: list[str] = []
        self.over = threading.Event()
        self._streams: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()

    @property
    def changes(self) -> list[str]:
        """Every call so far that changes something, as `POST /containers/create`."""
        return [call for call in self.seen if not call.startswith("GET ")]

    def count(self, place: str) -> int:
        """How many calls there were whose path ends so."""
        return sum(call.endswith(place) for call in self.seen)

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self.fault = _sound

    def take(self, call: Call) -> Fault | None:
        with self._lock:
            self.seen.append(f"{call.command} {call.place}")
            return self.fault(call)

    @contextmanager
    def streaming(self, *ends: socket.socket) -> Iterator[None]:
        stream = (ends[0], ends[1])
        with self._lock:
            self._streams.add(stream)
        try:
            yield
        finally:
            with self._lock:
                self._streams.discard(stream)

    def cut_streams(self) -> int:
        """Break off every event stream; how many there were."""
        with self._lock:
            streams = list(self._streams)
        for end in [end for stream in streams for end in stream]:
            with suppress(OSError):  # already closed from the other side
                end.shutdown(socket.SHUT_RDWR)
        return len(streams)

    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that is killed breaks off in the middle of a request; that is what is wanted of it."""


def _headers(call: Call) -> dict[str, str]:
    kept = ("Content-Type", "X-Registry-Auth")
    return {name: value for name in kept if (value := call.headers.get(name))} | {"Host": "engine"}


@contextmanager
def proxy_to(engine: str, path: Path) -> Iterator[Proxy]:
    """A proxy that listens at `path` while the block runs."""
    with Proxy(path, engine) as proxy, serving(proxy):
        try:
            yield proxy
        finally:
            proxy.over.set()
            proxy.cut_streams()


# --- what may go wrong ----------------------------------------------------------------------------------------------


def lose(call: Call) -> None:
    """Done by the engine, and the answer never comes."""
    call.ask()
    call.close_connection = True
    call.connection.shutdown(socket.SHUT_RDWR)


def swallow(call: Call) -> None:
    """The engine never hears of it."""
    call.close_connection = True
    call.connection.shutdown(socket.SHUT_RDWR)


def cut_after_head(call: Call) -> None:
    """Done by the engine; of the answer come the headers alone."""
    call.head(call.ask())
    call.wfile.flush()
    swallow(call)


def cut_within(call: Call) -> None:
    """Done by the engine; of the answer comes one half."""
    answer = call.ask()
    call.head(answer)
    call.wfile.write(answer.body[: len(answer.body) // 2])
    call.wfile.flush()
    swallow(call)


def stumble(call: Call) -> None:
    """The engine never hears of it, and the answer is that it went wrong."""
    call.answer(Answer(500, "application/json", b'{"message":"a fault of the test"}'))


def under_way(call: Call) -> None:
    """Done by the engine, which says that somebody else is about to."""
    call.ask()
    call.answer(Answer(409, "application/json", b'{"message":"removal of container x is already in progress"}'))


def nothing_there(call: Call) -> None:
    """A list of nothing, as though all were well."""
    empty = {"Volumes": [], "Warnings": None} if call.place == "/volumes" else []
    call.answer(Answer(200, "application/json", json.dumps(empty).encode()))


def hush(call: Call) -> None:
    """A stream that is open and says nothing, whatever happens."""
    call.send_response(200)
    call.send_header("Transfer-Encoding", "chunked")
    call.end_headers()
    call.server.over.wait(HURRY)
    call.close_connection = True


def drip(call: Call) -> None:
    """The answer of the engine, a byte a second."""
    answer = call.ask()
    call.head(answer)
    for byte in answer.body:
        call.wfile.write(bytes([byte]))
        call.wfile.flush()
        if call.server.over.wait(1.0):
            break
    swallow(call)
