"""A server that listens as soon as it can, and again when it has ended."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from typing import cast

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


class SlowToStart:
    """A server that can be stopped once it has started, and not before."""

    def __init__(self) -> None:
        self.begun, self.may_start, self.asked, self.over = (threading.Event() for _ in range(4))
        self.started = False

    def start(self) -> None:
        self.begun.set()
        self.may_start.wait(10)
        self.started = True

    def wait(self) -> None:
        self.over.wait(30)

    def stop(self) -> None:
        self.asked.set()
        if self.started:
            self.over.set()


def test_a_stop_that_comes_while_it_starts_is_heeded() -> None:
    server = SlowToStart()
    listening = Listening(cast("Server", server), lambda _: None)
    listening.start()
    assert server.begun.wait(10)
    stopping = threading.Thread(target=listening.stop)
    stopping.start()
    assert server.asked.wait(10)
    server.may_start.set()
    in_time = server.over.wait(5)
    server.over.set()
    stopping.join()
    assert in_time
