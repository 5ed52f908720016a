"""Lets no connection stay that does not get on: the server underneath has no deadline for a request of its own.

From its start, and again from the end of each response, a connection has so many seconds to have its next request
answered, whether it is silent, drips its header byte by byte, or does not read. Beyond the cap the connection that
has waited longest gives way, so those who hold connections keep nobody out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True)
class Limits:
    """`seconds` for each request from its beginning to the end of its response."""

    seconds: float = 10.0
    connections: int = 64
    header_bytes: int = 16 * 1024


def guarded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """The server's protocol within limits. The connections of one protocol class share its cap."""
    waiting: dict[_GuardedProtocol, None] = {}  # in the order in which they began to wait

    class Guarded(_GuardedProtocol):
        _limits = limits
        _waiting = waiting

    return Guarded


class _GuardedProtocol(H11Protocol):
    _limits: Limits
    _waiting: dict[_GuardedProtocol, None]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_request()
        if len(self._waiting) > self._limits.connections:
            longest = next(iter(self._waiting))
            longest._stop_waiting()
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._wait_for_request()
        super().on_response_complete()

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._waiting[self] = None
        self._deadline = self.loop.call_later(self._limits.seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
