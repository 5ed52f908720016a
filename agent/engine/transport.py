"""How bytes reach the engine: one client of the SDK with a pool of its own and a total deadline on every call.

The usual reads take a short way of their own, see `agent.engine.quick`.
"""

from __future__ import annotations

import json
import math
import socket
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import docker
import msgspec
import requests
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from agent.engine.deadline import CONNECT_SECONDS, Deadline, DeadlineSocket, connected
from agent.engine.quick import PIECE, Quick, must_be_fine

IDLE_POOL = "engine"
TAIL = 64 * 1024  # bytes of a log, or of what a command says, that are kept


class _UnixConnection(UnixHTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        sock = connected(self.unix_socket)
        sock.settimeout(self.timeout)
        sock.deadline = self.deadline
        self.sock = sock


class _UnixPool(UnixHTTPConnectionPool):
    deadline: Deadline
    seconds: int

    def _new_conn(self) -> _UnixConnection:  # type: ignore[override]  # the SDK's own connection is as foreign
        connection = _UnixConnection(self.base_url, self.socket_path, self.seconds)
        connection.deadline = self.deadline
        return connection


class UnixAdapter(UnixHTTPAdapter):
    """The SDK's adapter with one pool in all: the SDK's own has one per URL, which is one connection per object."""

    def __init__(self, url: str, timeout: float, deadline: Deadline) -> None:
        self._seconds = math.ceil(timeout)
        super().__init__(url, self._seconds, pool_connections=1)
        self._deadline = deadline

    def get_connection(self, url: str | bytes, proxies: Mapping[str, str] | None = None) -> _UnixPool:  # noqa: ARG002
        with self.pools.lock:
            pool: _UnixPool | None = self.pools.get(IDLE_POOL)
            if pool is None:
                pool = _UnixPool(str(url), self.socket_path, self._seconds)
                pool.seconds = self._seconds
                pool.deadline = self._deadline
                self.pools[IDLE_POOL] = pool
            return pool


class TcpAdapter(HTTPAdapter):
    """Plain HTTP to an engine behind TCP, under the same deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        deadline = self._deadline

        class Connection(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                plain = super()._new_conn()
                sock = DeadlineSocket(fileno=plain.detach())
                sock.deadline = deadline
                return sock

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool}


def _json(said: bytes) -> Any:
    try:
        return msgspec.json.decode(said)  # in half the time, and a name that many objects have is there once
    except ValueError as error:
        raise requests.exceptions.InvalidJSONError(f"the engine's answer is no JSON: {error}") from error


class Client(docker.APIClient):
    """One client of the SDK, for one thread at a time: its transport and configuration, with bodies sent as they are.

    The SDK's own methods cannot send everything (a zero, a false, a field that it does not know), hence these.
    """

    def __init__(self, url: str, api: str, timeout: float, clock: Callable[[], float]) -> None:
        super().__init__(base_url=url, version=api, timeout=math.ceil(timeout))
        self.deadline = Deadline(clock)
        self._quick = Quick(url, self.deadline)
        weakref.finalize(self, self._quick.close)  # as the session's pool does, where nobody closed it
        self.trust_env = False  # neither proxies nor .netrc have a say in how the engine is reached
        if urlsplit(url).scheme == "unix":
            self.mount("http+docker://", UnixAdapter(url.replace("unix://", "http+unix://", 1), timeout, self.deadline))
        else:
            self.mount("http://", TcpAdapter(self.deadline))

    def close(self) -> None:
        self._quick.close()
        super().close()

    @property
    def _general_configs(self) -> dict[str, Any]:
        """Nothing of Docker's own configuration, which the SDK would read at once: a mistake in what it says of some
        registry must not keep the agent from its engine. `agent.engine.credentials` reads it where it is needed."""
        return {"auths": {}}

    @_general_configs.setter
    def _general_configs(self, _said: Any) -> None:
        """What the SDK has read is let go."""

    def ask(
        self,
        path: str,
        *names: str,
        versioned: bool = True,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """GET, as JSON."""
        place = self._path(path, names, versioned)
        if headers:
            return self._send("GET", self.base_url + place, params, headers=headers).json()
        return _json(self._get(place, params))

    def fetch(self, path: str, *names: str, **params: Any) -> bytes:
        """GET, as bytes."""
        return self._get(self._path(path, names), params)

    def begin(self, path: str, /, *names: str, most: int, **params: Any) -> bytes:
        """GET, and the first bytes of what comes, no more than `most`."""
        with self._send("GET", self.base_url + self._path(path, names), params, stream=True) as answer:
            return first_said(answer.iter_content(PIECE), most)

    def tell(self, path: str, *names: str, body: Mapping[str, Any] | None = None, **params: Any) -> Any:
        """POST; the answer as JSON, or None where there is no content."""
        answer = self._send("POST", self.base_url + self._path(path, names), params, json=body)
        return answer.json() if answer.content else None

    def hear(self, path: str, *names: str, body: Mapping[str, Any]) -> bytes:
        """POST, and the last of what is said until the other end is done, without frames."""
        with self._send("POST", self.base_url + self._path(path, names), {}, json=body, stream=True) as answer:
            return last_said(answer.iter_content(PIECE))

    def drop(self, path: str, *names: str, **params: Any) -> None:
        """DELETE."""
        self._send("DELETE", self.base_url + self._path(path, names), params)

    def lines(
        self,
        method: str,
        path: str,
        *,
        idle: float,
        headers: Mapping[str, str] | None = None,
        content: Iterator[bytes] | None = None,
        **params: Any,
    ) -> Iterator[dict[str, Any]]:
        """JSON objects as they come, until the engine ends them; the stream is open when this returns.

        `content` is sent piece by piece first. A silence of `idle` seconds raises, and so does an end in the middle of
        an object.
        """
        options = {"headers": headers, "data": content, "timeout": (CONNECT_SECONDS, idle)}
        answer = self._send(method, self.base_url + self._path(path), params, stream=True, **options)
        return _objects(answer)

    def _path(self, path: str, names: tuple[str, ...] = (), versioned: bool = True) -> str:
        version = f"/v{self.api_version}" if versioned else ""
        return f"{version}{path.format(*(quote(name, safe='/:') for name in names))}"

    def _send(self, method: str, url: str, params: Mapping[str, Any], **options: Any) -> requests.Response:
        options.setdefault("timeout", self.timeout)
        answer = self.request(method, url, params=_plain(params), **options)
        must_be_fine(answer)
        return answer

    def _get(self, path: str, params: Mapping[str, Any]) -> bytes:
        """What a GET gives."""
        said = _plain(params)
        return self._quick.get(f"{path}?{urlencode(said)}" if said else path)


def _objects(answer: requests.Response) -> Iterator[dict[str, Any]]:
    with answer:
        for line in answer.iter_lines():
            try:
                found = json.loads(line) if line else None
            except ValueError as error:
                raise requests.exceptions.ChunkedEncodingError("the stream ended within a line") from error
            if isinstance(found, dict):
                yield found


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Query parameters as the engine reads them: nothing for None, 1 and 0 for truth, JSON for filters."""
    said = {key: value for key, value in params.items() if value is not None}
    return {
        key: json.dumps(value) if isinstance(value, dict) else int(value) if isinstance(value, bool) else value
        for key, value in said.items()
    }


def demultiplexed(raw: bytes) -> bytes:
    """A log without the 8-byte frames that the engine puts around what was written without a terminal."""
    written, at = [], 0
    while _is_frame(raw, at):
        end = _end_of_frame(raw, at)
        written.append(raw[at + 8 : end])
        at = end
    return b"".join(written) if at else raw


def first_said(pieces: Iterable[bytes], most: int) -> bytes:
    """The first bytes of what comes in pieces, no more than `most`."""
    said = bytearray()
    for piece in pieces:
        said += piece
        if len(said) >= most:
            break
    return bytes(said[:most])


def last_said(pieces: Iterable[bytes], most: int = TAIL) -> bytes:
    """The last bytes of a log that comes in pieces, without frames. No more than that is held of one without end."""
    said = left = b""
    for piece in pieces:
        left += piece
        whole = _whole(left)
        said = (said + demultiplexed(left[:whole]))[-most:]
        left = left[whole:]
    return (said + demultiplexed(left))[-most:]


def _whole(raw: bytes) -> int:
    """How many bytes whole frames take, or all where there are none."""
    at = 0
    while _is_frame(raw, at):
        if (end := _end_of_frame(raw, at)) > len(raw):
            return at
        at = end
    return at if len(raw) - at < 8 else len(raw)


def _is_frame(raw: bytes, at: int) -> bool:
    return at + 8 <= len(raw) and raw[at] in (0, 1, 2) and raw[at + 1 : at + 4] == b"\0\0\0"


def _end_of_frame(raw: bytes, at: int) -> int:
    return at + 8 + int.from_bytes(raw[at + 4 : at + 8])
