"""The usual GET, over and over on one connection.

A look at a host asks hundreds. What a session of requests does for each is four fifths of what a short one costs, and
of the rest most is how the standard library reads the head of an answer.
"""

from __future__ import annotations

import io
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from docker.errors import create_api_error_from_http_exception
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from agent.engine.deadline import CONNECT_SECONDS, Deadline, DeadlineSocket, connected

PIECE = 64 * 1024  # bytes that are read at once
FRAMED = frozenset({b"content-length", b"transfer-encoding"})  # headers by which the end of an answer is known


class _Answer:
    """One answer as it comes in; the parser calls what is named `on_…`."""

    def __init__(self) -> None:
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._is_framed = self.has_begun = self.is_whole = self.keeps_connection = False
        self.status = 0

    def on_header(self, name: bytes, _value: bytes) -> None:
        self._is_framed = self._is_framed or name.lower() in FRAMED

    def on_headers_complete(self) -> None:
        if self._parser is not None:
            self.status = int(self._parser.get_status_code())
            self.keeps_connection = self._is_framed and bool(self._parser.should_keep_alive())

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        self.is_whole = True

    def feed(self, piece: bytes) -> None:
        """What the other end has sent, nothing where it has closed the connection. Raises `ConnectionError` if that
        was too early, and `HttpParserError`."""
        self.has_begun = self.has_begun or bool(piece)
        if piece and self._parser is not None:
            self._parser.feed_data(piece)
        elif self.status and not self._is_framed:
            self.is_whole = True
        else:
            raise ConnectionResetError("the engine closed the connection without an answer, or within one")

    def end(self) -> None:
        """Nothing more comes. It and its parser hold each other, and would lie there until garbage is looked for."""
        self._parser = None

    @property
    def body(self) -> bytes:
        return b"".join(self._body)


class Quick:
    """Asks the engine at `url`, one question at a time, each under the deadline that is set by then."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        place = urlsplit(url)
        self._deadline = deadline
        self._path = place.path if place.scheme == "unix" else ""
        self._address = (place.hostname or "", place.port or 80)
        self._host = "localhost" if self._path else place.netloc.rpartition("@")[2]
        self._sock: DeadlineSocket | None = None

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def get(self, url: str) -> bytes:
        """What is at the path and query. Raises as a session of requests and the SDK do."""
        try:
            answer = self._ask(url)
        except TimeoutError as error:
            self.close()
            raise requests.exceptions.ReadTimeout(error) from error
        except (OSError, HttpParserError, HttpParserUpgrade) as error:
            self.close()
            raise requests.exceptions.ConnectionError(error) from error
        if answer.status != HTTPStatus.OK:
            _refuse(answer, url)
        return answer.body

    def _ask(self, url: str) -> _Answer:
        """What the other end closed while nobody asked is found out by asking, which harms nothing."""
        kept, answer = self._sock is not None, _Answer()
        try:
            return self._talk(url, answer)
        except (BrokenPipeError, ConnectionResetError):
            if not kept or answer.has_begun:
                raise
        self.close()
        return self._talk(url, _Answer())

    def _talk(self, url: str, answer: _Answer) -> _Answer:
        if self._sock is None:
            self._sock = self._connect()
        try:
            self._sock.sendall(f"GET {url} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
            while not answer.is_whole:
                answer.feed(self._sock.recv(PIECE))
        finally:
            answer.end()
        if not answer.keeps_connection:
            self.close()
        return answer

    def _connect(self) -> DeadlineSocket:
        if self._path:
            sock = connected(self._path)
        else:
            sock = DeadlineSocket(fileno=socket.create_connection(self._address, CONNECT_SECONDS).detach())
        sock.deadline = self._deadline
        return sock


def _refuse(answer: _Answer, url: str) -> None:
    """Raise what the SDK raises for an answer of that status."""
    found = requests.Response()
    found.status_code, found.url, found.raw = answer.status, url, io.BytesIO(answer.body)
    found.reason = next((one.phrase for one in HTTPStatus if one == answer.status), "")
    must_be_fine(found)
    raise requests.exceptions.InvalidSchema(f"{url}: the engine answered {answer.status}")


def must_be_fine(answer: requests.Response) -> None:
    """Raise the SDK's error for an answer that is none."""
    try:
        answer.raise_for_status()
    except requests.exceptions.HTTPError as error:
        create_api_error_from_http_exception(error)  # raises
