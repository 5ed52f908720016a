"""A deadline over a whole call to the engine.

The SDK's timeout is one per read, so an engine that drips a byte a second holds a thread for ever. Here every socket
asks, before each read and write, how much of the call's time is left.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

CONNECT_SECONDS = 5.0
GRACE = 10  # seconds; what the engine gives a container that does not say how long it needs to stop
AMPLE = 3600.0  # seconds; the end of patience with a container that wants to be waited for without end
GLANCE = 0.25  # seconds between two looks whether a call is to be given up

T = TypeVar("T")


def seconds_to_stop(grace: int | None) -> float:
    """How long the end of a container may take that needs so many seconds to stop: -1 is without end, None unsaid."""
    return float(GRACE) if grace is None else AMPLE if grace < 0 else float(grace)


class Deadline:
    """When the call that is under way has to be over, and whether it is to be given up before. Shared by a client and
    its sockets; a stream has none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: float | None = None
        self._stop: Callable[[], bool] | None = None

    def start(self, seconds: float | None, stop: Callable[[], bool] | None = None) -> None:
        self._until = None if seconds is None else self._clock() + seconds
        self._stop = stop

    @property
    def passed(self) -> bool:
        return self._until is not None and self._clock() >= self._until

    def arm(self, sock: socket.socket) -> None:
        """Let the next operation of the socket take no longer than what is left. Raises TimeoutError at the end."""
        if self._until is None:
            return
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        sock.settimeout(left)

    def receive(self, sock: socket.socket, receive: Callable[[], T]) -> T:
        """What `receive` reads of the socket. Raises TimeoutError at the end, and where the call is to be given up."""
        while self._stop is not None:
            self.arm(sock)
            if self._stop():
                raise TimeoutError("nobody waits for the call any more")
            sock.settimeout(min(GLANCE, sock.gettimeout() or GLANCE))
            with suppress(TimeoutError):
                return receive()
        self.arm(sock)
        return receive()


class DeadlineSocket(socket.socket):
    """A socket whose every read and write obeys the deadline of the call."""

    deadline: Deadline | None = None

    def recv_into(self, *args: Any, **options: Any) -> int:
        receive = partial(super().recv_into, *args, **options)
        return receive() if self.deadline is None else self.deadline.receive(self, receive)

    def recv(self, *args: Any, **options: Any) -> bytes:
        receive = partial(super().recv, *args, **options)
        return receive() if self.deadline is None else self.deadline.receive(self, receive)

    def sendall(self, *args: Any, **options: Any) -> None:
        if self.deadline is not None:
            self.deadline.arm(self)
        super().sendall(*args, **options)


def connected(path: str) -> DeadlineSocket:
    sock = DeadlineSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(CONNECT_SECONDS)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock
