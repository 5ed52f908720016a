"""The agent's own door to the engine, with a model of a host behind it instead of a socket.

Everything happens in the order of the asking and at once, so that what fails does so each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError

from agent.engine.answers import ABSENT
from agent.engine.engine import Engine
from agent.engine.errors import plain_errors
from tests.model.fate import Lot
from tests.model.host import Json, ModelHost


class ModelEngine(Engine):
    def __init__(self, host: ModelHost) -> None:
        super().__init__("unix:///nowhere")
        self.lot = Lot()
        self._calls: Any = _Calls(host, self.lot)

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]


class _Calls:
    """As `agent.engine.calls.Calls`, for one thread at a time."""

    api = (1, 41)
    timeout = 60.0

    def __init__(self, host: ModelHost, lot: Lot) -> None:
        self._client: Any = _Client(host)
        self._lot = lot

    def close(self) -> None:
        """Nothing is open."""

    def greet(self) -> None:
        """It is there."""

    def read(self, endpoint: str, subject: str, ask: Callable[[Any], Any]) -> Any:
        with plain_errors(subject):
            self._lot.listen()
            try:
                return ask(self._client)
            except APIError as error:
                if error.status_code == 404:
                    return ABSENT
                raise

    def write(self, endpoint: str, subject: str, tell: Callable[[Any], Any], **_how: Any) -> Any:
        with plain_errors(subject):
            return self._lot.change(endpoint, lambda: tell(self._client))

    @contextmanager
    def lasting(self, endpoint: str) -> Iterator[_Streaming]:
        yield _Streaming(self._client, self._lot, endpoint)


class _Client:
    """As `agent.engine.transport.Client`."""

    def __init__(self, host: ModelHost) -> None:
        self._host: Any = host

    def ask(self, path: str, *names: str, **params: Any) -> Any:
        return self._host.get(path, names, params)

    def fetch(self, path: str, *names: str, **params: Any) -> bytes:
        return bytes(self.ask(path, *names, **params))

    def tell(self, path: str, *names: str, body: Mapping[str, Any] | None = None, **params: Any) -> Any:
        return self._host.post(path, names, body or {}, params)

    def hear(self, path: str, *names: str, body: Mapping[str, Any]) -> bytes:
        return bytes(self.tell(path, *names, body=body))

    def lines(self, _method: str, path: str, **params: Any) -> Iterator[Json]:
        return iter(self._host.lines(path, params))

    def drop(self, path: str, *names: str, **params: Any) -> None:
        self._host.delete(path, names, params)


class _Streaming:
    """A client for what is streamed. All of that is done at once, so that it happens like any other change."""

    def __init__(self, client: _Client, lot: Lot, endpoint: str) -> None:
        self._client, self._lot, self._endpoint = client, lot, endpoint

    def lines(self, method: str, path: str, **params: Any) -> Iterator[Json]:
        return iter(self._lot.change(self._endpoint, lambda: list(self._client.lines(method, path, **params))))
