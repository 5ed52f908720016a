"""Stands in front of a real registry, passes everything on, and goes wrong where a test says so.

An engine talks to the front as to any registry on the loopback, so it says what it would say of a registry that
refuses, stalls, or gives other bytes than it promised.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.serving import serving

HURRY = 60.0  # seconds; longer than any request that the tests make
PIECE = 20_000  # bytes
CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS", 500: "UNKNOWN"}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Ask(BaseHTTPRequestHandler):
    """One request of an engine, and what a fault may do with it."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # an engine that begins with TLS goes on without where HTTP answers it
    server: Front

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def serve(self) -> None:
        fault = self.server.take(self)
        try:
            if fault is not None:
                fault(self)
            else:
                self.answer(self.ask())
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = serve  # noqa: N815 - the base class's spelling

    @property
    def is_blob(self) -> bool:
        return "/blobs/" in self.path

    @property
    def is_manifest(self) -> bool:
        return "/manifests/" in self.path

    def ask(self) -> Answer:
        """The registry's own answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=HURRY)
        try:
            kept = {name: ", ".join(self.headers.get_all(name, ())) for name in self.headers if name != "Connection"}
            connection.request(self.command, self.path, headers=kept)
            said = connection.getresponse()
            headers = {k: v for k, v in said.headers.items() if k.lower() not in ("transfer-encoding", "connection")}
            return Answer(said.status, headers, said.read())
        finally:
            connection.close()

    def head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name in answer.headers}:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()

    def answer(self, answer: Answer) -> None:
        self.head(answer)
        if self.command != "HEAD":
            self.wfile.write(answer.body)


Fault = Callable[[Ask], None]
Choice = Callable[[Ask], Fault | None]


def _sound(_ask: Ask) -> None:
    """All goes well."""


class Front(ThreadingHTTPServer):
    """`fault` picks what goes wrong with a request. `seen` is every request, as `GET /v2/…`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), Ask)
        self.behind = behind
        self.fault: Choice = _sound
        self.seen: list[str] = []
        self.over = threading.Event()
        self._lock = threading.Lock()

    def of(self, reference: str) -> str:
        """A reference of the registry behind, as it is asked of this one."""
        return f"127.0.0.1:{self.server_port}/{reference.partition('/')[2]}"

    def count(self, part: str) -> int:
        """How many requests there were with the text in their path."""
        with self._lock:
            return sum(part in seen for seen in self.seen)

    def take(self, ask: Ask) -> Fault | None:
        with self._lock:
            self.seen.append(f"{ask.command} {ask.path}")
        return self.fault(ask)

    def handle_error(self, request: object, client_address: object) -> None:
        """An engine that gives up breaks off in the middle; that is what is wanted of it."""


@contextmanager
def front_of(behind: int) -> Iterator[Front]:
    with Front(behind) as front, serving(front):
        try:
            yield front
        finally:
            front.over.set()


# --- what may go wrong ----------------------------------------------------------------------------------------------


def refuse(status: int) -> Choice:
    """Whoever asks for a manifest is told no."""
    error = {"errors": [{"code": CODES[status], "message": "a fault of the test"}]}
    said = Answer(status, {"Content-Type": "application/json"}, json.dumps(error).encode())
    return lambda ask: (lambda one: one.answer(said)) if ask.is_manifest else None


def demand(username: str, password: str) -> Choice:
    """Whoever does not say who he is gets nothing."""
    wanted = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    headers = {"Content-Type": "application/json", "WWW-Authenticate": 'Basic realm="test"'}
    said = Answer(401, headers, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
    return lambda ask: None if ask.headers.get("Authorization") == wanted else (lambda one: one.answer(said))


def of_blobs(fault: Fault) -> Choice:
    return lambda ask: fault if ask.is_blob and ask.command == "GET" else None


def of_manifests(fault: Fault) -> Choice:
    return lambda ask: fault if ask.is_manifest and ask.command == "GET" else None


def hang(ask: Ask) -> None:
    """Taken, and never answered."""
    ask.server.over.wait(HURRY)
    ask.close_connection = True


def _half(ask: Ask) -> None:
    answer = ask.ask()
    ask.head(answer)
    ask.wfile.write(answer.body[: len(answer.body) // 2])
    ask.wfile.flush()


def stall(ask: Ask) -> None:
    """The first half comes, and then nothing."""
    _half(ask)
    hang(ask)


def truncate(ask: Ask) -> None:
    """The first half comes, and then the end."""
    _half(ask)
    ask.close_connection = True


def flip(ask: Ask) -> None:
    """Other bytes, as many as were promised."""
    answer = ask.ask()
    middle = len(answer.body) // 2
    body = answer.body[:middle] + bytes([answer.body[middle] ^ 0xFF]) + answer.body[middle + 1 :]
    ask.answer(answer._replace(body=body))


def page(ask: Ask) -> None:
    """What a captive portal says."""
    ask.answer(Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"))


def slowly(hurry: threading.Event) -> Fault:
    """20 kB, and 150 ms until the next, for as long as there is no hurry."""

    def trickle(ask: Ask) -> None:
        answer = ask.ask()
        ask.head(answer)
        for at in range(0, len(answer.body), PIECE):
            ask.wfile.write(answer.body[at : at + PIECE])
            hurry.wait(0.15)

    return trickle


def until(gate: threading.Event) -> Fault:
    """As usual, once the gate is open."""

    def wait(ask: Ask) -> None:
        gate.wait(HURRY)
        ask.answer(ask.ask())

    return wait
