"""What may become of an agent's calls that change something: decided by their number, at the one door to the engine."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import requests

from agent.engine.calls import Calls
from agent.engine.engine import Engine


class Cut(BaseException):
    """The agent was killed."""


class Fate(StrEnum):
    """What becomes of one such call, and of whatever is asked after it."""

    KILLED = "it is done, and the agent is killed"
    LOST = "it is done, and its answer is lost"
    SILENT = "it is done, and nothing is answered any more"
    GONE = "it is not heard, and nothing is answered any more"
    MEDDLED = "somebody was quicker"


def _nobody() -> None:
    """Nobody meddles."""


class Lot:
    """The fate of one agent's calls. `changes` counts those that change something, and `asked` has their endpoints."""

    def __init__(self) -> None:
        self.changes = 0
        self.asked: set[str] = set()
        self.mend()

    def mend(self) -> None:
        """Let all go well from now on."""
        self._left, self._fate, self._meddle, self._of = 0, Fate.LOST, _nobody, ""
        self._dead = self._silent = self.fallen = False

    def fall(self, number: int, fate: Fate, meddle: Callable[[], None] = _nobody, of: str = "") -> None:
        """Let it happen to the change of that number, counted from 1 from now on, among those of one endpoint where one
        is named. `fallen` tells whether that one has been asked for."""
        self.mend()
        self._left, self._fate, self._meddle, self._of = number, fate, meddle, of

    def listen(self) -> None:
        """Whether anything is asked and answered at all."""
        if self._dead:
            raise Cut
        if self._silent:
            raise requests.exceptions.ConnectionError("Connection refused")

    def change(self, endpoint: str, act: Callable[[], Any]) -> Any:
        self.listen()
        self.asked.add(endpoint)
        self.changes += 1
        if self._of not in ("", endpoint):
            return act()
        self._left -= 1
        if self._left != 0:
            return act()
        self.fallen = True
        if self._fate is Fate.MEDDLED:
            self._meddle()
            return act()
        try:
            if self._fate is not Fate.GONE:
                act()
        finally:
            self._dead = self._fate is Fate.KILLED
            self._silent = self._fate in (Fate.SILENT, Fate.GONE)
        self.listen()
        raise requests.exceptions.ConnectionError("Connection aborted")


class FatedEngine(Engine):
    """A real engine, asked by an agent that may be struck."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=60)
        self.lot = Lot()
        self._calls = _FatedCalls(url, self.lot)


class _FatedCalls(Calls):
    def __init__(self, url: str, lot: Lot) -> None:
        super().__init__(url, 60.0, lambda _endpoint, _seconds, _code: None)
        self._lot = lot

    def read(self, endpoint: str, subject: str, ask: Callable[[Any], Any]) -> Any:
        def heard(client: Any) -> Any:
            self._lot.listen()
            return ask(client)

        return super().read(endpoint, subject, heard)

    def write(self, endpoint: str, subject: str, tell: Callable[[Any], Any], **how: Any) -> Any:
        return super().write(endpoint, subject, lambda client: self._lot.change(endpoint, lambda: tell(client)), **how)
