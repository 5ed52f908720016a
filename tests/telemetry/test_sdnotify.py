"""Notes to systemd, received on a real datagram socket."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.telemetry.sdnotify import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@windlass-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + address[1:] if address.startswith("@") else address)
        heard.settimeout(10)
        yield heard, address


def test_what_is_said(supervisor: tuple[socket.socket, str]) -> None:
    heard, address = supervisor
    notifier = Notifier(address)
    notifier.ready("2 stacks\nFORGED=1")
    notifier.watchdog()
    notifier.status("all well")
    notifier.stopping()
    assert [heard.recv(1000).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=2 stacks FORGED=1",
        "WATCHDOG=1",
        "STATUS=all well",
        "STOPPING=1",
    ]


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens-here"])
def test_without_a_listener_nothing_happens(address: str) -> None:
    Notifier(address).ready("up")


def test_a_listener_that_does_not_read_holds_nobody_up(supervisor: tuple[socket.socket, str]) -> None:
    heard, address = supervisor
    notifier = Notifier(address)
    for _ in range(1000):
        notifier.watchdog()
    assert heard.recv(1000) == b"WATCHDOG=1", "and hears what there was room for"


@pytest.mark.parametrize(
    ("microseconds", "seconds"), [("120000000", 60.0), ("1000000", 0.5), ("0", None), ("", None), ("soon", None)]
)
def test_the_watchdog_is_fed_twice_as_often_as_it_bites(microseconds: str, seconds: float | None) -> None:
    assert watchdog_interval(microseconds) == seconds
