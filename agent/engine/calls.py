"""How any call to the engine is made: a client for it, a deadline over it, its error made plain, its time told."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import requests
import stamina
from docker.errors import APIError
from stamina.instrumentation import set_on_retry_hooks

from agent.engine.answers import ABSENT, no_sense
from agent.engine.errors import is_quick, plain_errors
from agent.engine.transport import Client
from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.versions import NEWEST

VERSION = re.compile(r"\d+\.\d+")
OLDEST = (1, 41)  # what Debian 12 and everything since speaks
# The engine does much of a start one after the other. With more than this asked of it at once, by many stacks that come
# up together, the last of them would wait in there for longer than their deadline.
WRITES_AT_ONCE = 12
TOO_OLD = "EngineTooOld"  # the code of a version that the engine does not speak
GREETING = 1.0  # seconds within which an engine that is there answers a ping, and none has been started anew

Observe = Callable[[str, float, str], None]


class Calls:
    """Makes calls; any thread may. A client serves one thread at a time and is kept for the next one that asks."""

    def __init__(self, url: str, timeout: float, observe: Observe, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.timeout = timeout
        self._observe = observe
        self._clock = clock
        self._idle: deque[Client] = deque()
        self._api = ""
        self._room = threading.BoundedSemaphore(WRITES_AT_ONCE)
        set_on_retry_hooks([])  # stamina would print on stdout, which is for data, and count in a registry of its own
        self._reads = stamina.RetryingCaller(
            attempts=2, timeout=timeout, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        ).on(is_quick)

    def close(self) -> None:
        """Close the connections that nobody is using."""
        while self._idle:
            self._idle.pop().close()

    @property
    def api(self) -> tuple[int, int]:
        """The version that is spoken: the engine's own, but none newer than this agent knows."""
        return version_of(self._spoken())

    def read(self, endpoint: str, subject: str, ask: Callable[[Client], Any]) -> Any:
        """Make a call that changes nothing, a few times where the connection broke; `ABSENT` where nothing is there."""
        return self._in_its_version(lambda: self._read(endpoint, subject, ask))

    def _read(self, endpoint: str, subject: str, ask: Callable[[Client], Any]) -> Any:
        with self.conversation(endpoint, subject) as client:
            try:
                return _or_absent(ask, client)  # nearly always; to set up the retries takes as long as a short call
            except (APIError, requests.exceptions.RequestException) as error:
                if not is_quick(error):
                    raise
            return self._reads(_or_absent, ask, client)

    def write(
        self,
        endpoint: str,
        subject: str,
        tell: Callable[[Client], Any],
        *,
        extra: float = 0.0,
        stop: Callable[[], bool] | None = None,
    ) -> Any:
        """Make a call that changes something, once. `extra` seconds are what the engine may take beyond the usual; one
        that has some rather waits for a container than for the engine, and needs no room among the others. Once `stop`
        says so nobody waits any more (`Overtaken`), and the engine may do it all the same."""
        room = nullcontext() if extra else self._room

        def write() -> Any:
            with room, self.conversation(endpoint, subject, extra=extra, stop=stop) as client:
                return tell(client)

        try:
            return self._in_its_version(write)
        except Unreachable as error:
            if stop is None or not stop():
                raise
            raise Overtaken(f"{subject}: was not waited for to its end") from error

    def _in_its_version(self, call: Callable[[], Any]) -> Any:
        """Another engine may have taken the place of the one before, so soon that nobody met it away. It refuses what
        was said in the version of that one, and has done nothing: then the call is made again in its own."""
        spoken = self._api
        try:
            return call()
        except Refused as refused:
            if refused.reason != TOO_OLD or self._spoken() == spoken:
                raise
        return call()

    @contextmanager
    def conversation(
        self, endpoint: str, subject: str, *, extra: float = 0.0, stop: Callable[[], bool] | None = None
    ) -> Iterator[Client]:
        """A client under a deadline; what goes wrong inside comes out as our own errors."""
        client, sound = self._borrow(), False
        client.deadline.start(self.timeout + extra, stop)
        try:
            with self._timed(endpoint), plain_errors(subject, late=lambda: client.deadline.passed):
                yield client
            sound = True
        except (Refused, Overtaken) as error:
            sound = error.reason != TOO_OLD
            raise
        finally:
            self._give_back(client, sound)

    @contextmanager
    def lasting(self, endpoint: str) -> Iterator[Client]:
        """A client of its own for a stream, without a deadline and closed at the end. Errors come out as they are."""
        with self._timed(endpoint), Client(self.url, self._spoken(), self.timeout, self._clock) as client:
            yield client

    def greet(self) -> None:
        """Make a call on a connection of its own. What listens for an engine that ends may keep who comes until the
        next engine is there, so who is answered late was not answered."""
        with (
            self._timed("ping"),
            Client(self.url, _text(OLDEST), GREETING, self._clock) as client,
            plain_errors("reach the engine", late=lambda: client.deadline.passed),
        ):
            client.deadline.start(min(GREETING, self.timeout))
            client.fetch("/_ping")

    def _borrow(self) -> Client:
        spoken = self._spoken()
        with suppress(IndexError):
            while (client := self._idle.pop()).api_version != spoken:
                client.close()  # it speaks as the engine before did
            return client
        with plain_errors("connect to the engine"):
            return Client(self.url, spoken, self.timeout, self._clock)

    def _give_back(self, client: Client, sound: bool) -> None:
        client.deadline.start(None)
        if sound:
            self._idle.append(client)
        else:
            client.close()  # its connection may be half read
            self._api = ""  # and who answers next may be another engine

    def _spoken(self) -> str:
        spoken = self._api  # read once: another thread that meets a fault forgets it
        if not spoken:
            with self._timed("version"), plain_errors("ask the engine for its version"):
                self._api = spoken = self._negotiate()
        return spoken

    def _negotiate(self) -> str:
        with Client(self.url, _text(OLDEST), self.timeout, self._clock) as client:
            client.deadline.start(self.timeout)
            said = self._reads(_or_absent, lambda one: one.ask("/version", versioned=False), client)
        told = said if isinstance(said, dict) else {}
        spoken = [str(told.get("ApiVersion")), str(told.get("MinAPIVersion") or _text(OLDEST))]
        if not all(map(VERSION.fullmatch, spoken)):
            raise no_sense(f"ask {self.url} for the version of its engine")
        newest, oldest = map(version_of, spoken)
        if newest < OLDEST:
            raise Refused(
                f"the engine speaks API {_text(newest)}; {_text(OLDEST)} or newer is needed (Docker 20.10)",
                reason=TOO_OLD,
            )
        if oldest > NEWEST:
            raise Refused(
                f"the engine speaks API {_text(oldest)} and newer only; this agent knows {_text(NEWEST)} at most",
                reason="EngineTooNew",
            )
        return _text(min(newest, NEWEST))

    @contextmanager
    def _timed(self, endpoint: str) -> Iterator[None]:
        started, code = self._clock(), "error"
        try:
            yield
            code = "ok"
        except Trouble as trouble:
            code = _code_of(trouble)
            raise
        finally:
            self._observe(endpoint, self._clock() - started, code)


def version_of(text: str) -> tuple[int, int]:
    """(1, 41) for "1.41"."""
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _code_of(trouble: Trouble) -> str:
    """The HTTP status behind a trouble, or its reason where nobody answered."""
    cause = trouble.__cause__
    return str(cause.status_code) if isinstance(cause, APIError) else trouble.reason


def _or_absent(ask: Callable[[Client], Any], client: Client) -> Any:
    try:
        return ask(client)
    except APIError as error:
        if error.status_code == requests.codes.not_found:
            return ABSENT
        raise
