"""The server on its socket: its port, its end, and clients that do not get on."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.errors import Refused
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.web import Server
from agent.web.deadline import Limits
from tests.web.conftest import Site

QUICK = Limits(seconds=0.5)
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _says_ok(connection: socket.socket) -> bool:
    """Whether one more request on the connection is answered whole."""
    connection.sendall(REQUEST)
    answer = b""
    while not answer.endswith(b"ok\n"):
        more = connection.recv(1000)
        if not more:
            return False
        answer += more
    return answer.startswith(b"HTTP/1.1 200")


PARTS: dict[str, Any] = {"metrics": Metrics("1"), "overview": Overview, "ready": lambda: (True, [])}


def server_on(listen: str) -> Server:
    return Server(listen, **PARTS)


def test_a_taken_port_is_refused_and_tried_again(make_site: Callable[..., Site]) -> None:
    site = make_site()
    assert site.server
    second = server_on(str(site.server.address))
    with pytest.raises(Refused) as error:
        second.start()
    assert error.value.reason == "PortInUse"
    assert str(site.server.address) in error.value.message
    site.server.stop()
    second.start()
    with socket.create_connection(second.address, timeout=20) as connection:
        assert _says_ok(connection)
    second.stop()


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "no.such.name.invalid:0"])
def test_an_address_that_is_not_ours_is_refused(listen: str) -> None:
    with pytest.raises(Refused) as error:
        server_on(listen).start()
    assert error.value.reason == "ListenFailed"


def test_it_listens_on_the_loopback_only(site: Site) -> None:
    assert site.server
    assert site.server.address.host == "127.0.0.1"
    assert site.server.address.port > 0
    assert site.server.url == f"http://127.0.0.1:{site.server.address.port}"


def test_all_who_wait_for_its_end_are_let_go_by_a_stop(make_site: Callable[..., Site]) -> None:
    server = make_site().server
    assert server
    waiting = [threading.Thread(target=server.wait, daemon=True) for _ in range(8)]
    for one in waiting:
        one.start()
    server.stop()
    for one in waiting:
        one.join(10)
    assert not any(one.is_alive() for one in waiting)
    server.wait()


def test_its_end_frees_the_port_and_the_thread(make_site: Callable[..., Site]) -> None:
    before = threading.active_count()
    site = make_site()
    assert site.server
    address = site.server.address
    with site.connect() as idle:
        assert _says_ok(idle)
        site.server.stop()
        assert idle.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=20)
    assert threading.active_count() == before
    site.server.stop()


def test_several_requests_over_one_connection(make_site: Callable[..., Site]) -> None:
    """The deadline is for each request, not for the connection."""
    site = make_site(limits=QUICK)
    until = time.monotonic() + 3 * QUICK.seconds
    with site.connect() as connection:
        while time.monotonic() < until:
            assert _says_ok(connection)
            time.sleep(0.1)


def _silent() -> Iterator[bytes]:
    while True:
        yield b""


def _dripping_header() -> Iterator[bytes]:
    yield b"GET /healthz HTTP/1.1\r\n"
    while True:
        yield b"X: x\r\n"


def _dripping_body() -> Iterator[bytes]:
    yield b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        yield b"x"


def _dripping_after_a_request() -> Iterator[bytes]:
    yield REQUEST
    while True:
        yield b"G"


@pytest.mark.parametrize("client", [_silent, _dripping_header, _dripping_body, _dripping_after_a_request])
def test_who_does_not_get_on_is_cut(make_site: Callable[..., Site], client: Callable[[], Iterator[bytes]]) -> None:
    site = make_site(limits=QUICK)
    began = time.monotonic()
    with site.connect() as connection, contextlib.suppress(ConnectionError):
        for piece in client():
            connection.sendall(piece)
            if select.select([connection], [], [], 0.05)[0] and connection.recv(65536) == b"":
                break
            assert time.monotonic() - began < 15, "still connected"
    assert site.ask("/healthz").status == 200


def test_who_does_not_read_is_cut(make_site: Callable[..., Site]) -> None:
    site = make_site(limits=QUICK)
    began = time.monotonic()
    with site.connect() as connection, contextlib.suppress(ConnectionError):
        connection.setblocking(False)
        while time.monotonic() - began < 60:  # a busy machine answers slowly, and so fills the buffers slowly
            if select.select([], [connection], [], 0.05)[1]:
                connection.send(REQUEST.replace(b"/healthz", b"/metrics"))
        pytest.fail("still connected")
    assert site.ask("/healthz").status == 200


def test_those_who_hold_connections_keep_nobody_out(make_site: Callable[..., Site]) -> None:
    site = make_site(limits=Limits(seconds=60.0, connections=16))
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(site.connect()) for _ in range(200)]
        for connection in held:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET / HTTP/1.1\r\nX: x\r\n")
        for _ in range(5):
            assert site.ask("/healthz").status == 200
        until = time.monotonic() + 15
        while (left := sum(map(_is_open, held))) > 16:
            assert time.monotonic() < until, f"{left} connections are left"
            time.sleep(0.05)


def _is_open(connection: socket.socket) -> bool:
    if not select.select([connection], [], [], 0)[0]:
        return True
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) != b""
    return False
