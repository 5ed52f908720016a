"""A server on a real socket of the loopback, and a client that says exactly what a test wants said."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.web import Server

EDGE = Overview(host="edge-01", version="0.1.0")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A running server, and what it is to say."""

    metrics: Metrics = field(default_factory=lambda: Metrics("0.1.0"))
    overview: Overview = EDGE
    ready: tuple[bool, list[str]] = (True, [])
    server: Server | None = None

    def start(self, **more: Any) -> None:
        self.server = Server(
            "127.0.0.1:0",
            metrics=self.metrics,
            overview=lambda: self.overview,
            ready=lambda: self.ready,
            clock=lambda: 10_000.0,
            **more,
        )
        self.server.start()

    def connect(self) -> socket.socket:
        assert self.server
        return socket.create_connection(self.server.address, timeout=20)

    def raw(self, request: bytes) -> bytes:
        """Everything that is answered to the bytes until the server closes."""
        with self.connect() as connection:
            connection.sendall(request)
            received = b""
            while more := connection.recv(65536):
                received += more
        return received

    def ask(self, path: str, method: str = "GET", host: str = "localhost", **headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return parsed(self.raw("\r\n".join([*lines, "", ""]).encode("latin-1")))


def parsed(answer: bytes) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status.split()[1]), headers, body)


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    site = Site()
    site.start(allowed_hosts=["windlass.example"])
    yield site
    assert site.server
    site.server.stop()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """A server that the tests of a module share; each finds it saying the same."""
    shared_site.overview, shared_site.ready = EDGE, (True, [])
    return shared_site


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Makes servers for one test alone."""
    sites: list[Site] = []

    def make(**more: Any) -> Site:
        site = Site()
        site.start(**more)
        sites.append(site)
        return site

    yield make
    for site in sites:
        assert site.server
        site.server.stop()
