"""Keeps the server listening: begins it again, later and later, while it cannot, and when it has ended by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.errors import Refused
from agent.model import Failure
from agent.web.server import Server

_SHORTEST, _LONGEST = 1.0, 60.0  # seconds between two attempts
_ENDS = 10.0  # seconds for the end of the thread


class Listening(threading.Thread):
    """`told` hears why the server does not listen, at each attempt, and None once it does. Ends with the process."""

    def __init__(self, server: Server, told: Callable[[Failure | None], None], shortest: float = _SHORTEST) -> None:
        super().__init__(name="listening", daemon=True)
        self._server, self._told, self._shortest = server, told, shortest
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End serving."""
        self._stopped.set()
        self._server.stop()
        self.join(_ENDS)

    def run(self) -> None:
        pause = self._shortest
        while not self._stopped.is_set():
            try:
                self._server.start()
            except Refused as error:
                self._told(error.failure())
            else:
                if self._stopped.is_set():  # when there was nothing to stop yet
                    self._server.stop()
                    return
                pause = self._shortest
                self._told(None)
                self._serve_out()
            self._stopped.wait(pause)
            pause = min(_LONGEST, 2 * pause)

    def _serve_out(self) -> None:
        """Wait for the end of the server; unless it was wanted, it is one that has to be told."""
        self._server.wait()
        if not self._stopped.is_set():
            self._told(Failure("HttpEnded", f"the server at {self._server.address} has ended by itself"))
