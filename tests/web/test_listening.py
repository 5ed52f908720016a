"""A server that listens as soon as it can, and again when it has ended."""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterator

import pytest

from agent.model import Failure
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.web import Listening, Server

Told = queue.Queue[Failure | None]


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def told() -> Told:
    return queue.Queue()


@pytest.fixture
def server(taken: socket.socket) -> Server:
    port = taken.getsockname()[1]
    return Server(f"127.0.0.1:{port}", metrics=Metrics("1"), overview=Overview, ready=lambda: (True, []))


@pytest.fixture
def listening(server: Server, told: Told) -> Iterator[Listening]:
    listening = Listening(server, told.put, shortest=0.05)
    listening.start()
    yield listening
    listening.stop()
    assert not listening.is_alive()


def reason(told: Told) -> str:
    failure = told.get(timeout=10)
    return failure.reason if failure else ""


def test_a_port_that_is_taken_is_tried_until_it_is_free(
    taken: socket.socket, listening: Listening, server: Server, told: Told
) -> None:
    assert (reason(told), reason(told)) == ("PortInUse", "PortInUse")
    taken.close()
    while reason(told) == "PortInUse":
        pass
    with socket.create_connection(server.address, timeout=10):
        assert told.empty()


def test_a_server_that_ends_by_itself_is_begun_again(
    taken: socket.socket, listening: Listening, server: Server, told: Told
) -> None:
    taken.close()
    while reason(told) == "PortInUse":
        pass
    server.stop()  # as though its thread had died
    assert reason(told) == "HttpEnded"
    assert reason(told) == ""
    with socket.create_connection(server.address, timeout=10):
        assert told.empty()
