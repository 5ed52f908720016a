"""Serves the application from a thread of its own, on a socket that is bound before the thread begins."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import uvicorn

from agent.errors import Refused
from agent.settings import Address, parse_address
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.web.app import Ready, make_app
from agent.web.deadline import Limits, guarded_protocol

_BACKLOG = 128
_STOP_SECONDS = 5.0


class _Calm(uvicorn.Server):
    """Looks once a second whether it is to end and what the time is, and at once when it is told to end. The library
    looks ten times, which is most of what an idle agent would cost."""

    _told: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    async def main_loop(self) -> None:
        ended = asyncio.Event()
        self._told = asyncio.get_running_loop(), ended
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 1.0)

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        if self._told is not None:
            loop, ended = self._told
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ended.set)


class Server:
    """`listen` is ADDRESS:PORT; port 0 lets the system choose. `overview` and `ready` have to answer at once.

    `allowed_hosts` are names, besides those of the loopback and of `listen`, that a request may ask for.
    """

    def __init__(
        self,
        listen: str,
        *,
        metrics: Metrics,
        overview: Callable[[], Overview],
        ready: Ready,
        allowed_hosts: Iterable[str] = (),
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._listen = parse_address(listen)
        self._limits = limits or Limits()
        names = {"localhost", "127.0.0.1", "::1", self._listen.host, *allowed_hosts}
        self._app = make_app(metrics, overview, ready, frozenset(name.lower() for name in names), clock)
        self._uvicorn: _Calm | None = None
        self._thread: threading.Thread | None = None
        self._address = self._listen

    @property
    def address(self) -> Address:
        """Where it listens: the real port once it has started."""
        return self._address

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    def start(self) -> None:
        """Begin to serve. Raises `Refused`, `PortInUse` for one, and may then be called again."""
        listener = _bind(self._listen)
        self._address = Address(*listener.getsockname()[:2])
        config = uvicorn.Config(
            self._app,
            http=guarded_protocol(self._limits),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",  # what a stranger sends must not fill the log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=self._limits.header_bytes,
        )
        self._uvicorn = _Calm(config)
        thread = threading.Thread(target=self._uvicorn.run, args=([listener],), name="web", daemon=True)
        thread.start()
        self._thread = thread

    def wait(self) -> None:
        """Until it has ended. Without a start, at once."""
        thread = self._thread  # which `stop` may take away meanwhile
        if thread is not None:
            thread.join()

    def stop(self) -> None:
        """End serving; requests under way have a second to finish. Without a start, nothing."""
        server, thread = self._uvicorn, self._thread
        if server is None or thread is None:
            return
        server.end()
        thread.join(_STOP_SECONDS)
        self._uvicorn = self._thread = None


def _bind(address: Address) -> socket.socket:
    """A listening socket: whoever connects from now on waits until the thread accepts."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused(f"{address} is taken by another program: set another `listen`", reason="PortInUse") from error
        raise Refused(f"cannot listen on {address}: {error.strerror or error}", reason="ListenFailed") from error
    return listener
