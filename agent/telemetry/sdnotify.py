"""Tells systemd how the agent fares, over the datagram socket that it gives to a service of `Type=notify`.

Without a socket every note is dropped, and a supervisor that does not listen never disturbs the agent.
"""

from __future__ import annotations

import contextlib
import socket


class Notifier:
    """`address` is what systemd passes as NOTIFY_SOCKET; a leading `@` means Linux's abstract namespace."""

    def __init__(self, address: str = "") -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str = "") -> None:
        """The agent has begun its work."""
        self._send("READY=1", status)

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send("", status)

    def watchdog(self) -> None:
        """The agent is alive."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> None:
        """The agent ends."""
        self._send("STOPPING=1", status)

    def _send(self, state: str, status: str = "") -> None:
        if not self._address:
            return
        lines = [state, "STATUS=" + " ".join(status.split())] if status else [state]
        # Nobody listening, or a full buffer, is the supervisor's affair and no reason to stop.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)
            out.sendto("\n".join(filter(None, lines)).encode(), self._address)


def watchdog_interval(microseconds: str) -> float | None:
    """Seconds between two notes, half of WATCHDOG_USEC, or None when no watchdog is asked for."""
    return int(microseconds) / 2_000_000 if microseconds.isdecimal() and int(microseconds) > 0 else None
