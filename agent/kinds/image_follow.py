"""What tags stand for in their registries: each tag is asked for once in its interval, however many stacks look.

A registry that does not answer is asked again after the interval; until then its tags count as unmoved, for what runs
must not depend on it. Nor must healing wait for it: all questions of one look share a time limit, and have threads of
their own, since other looks wait for those of the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from agent.engine import Engine, registry_of
from agent.errors import Refused, Trouble, Unreachable
from agent.threads import side_by_side

LONG = 30 * 86400.0  # seconds after which a tag that nobody asked for is forgotten
LANES = 4  # questions of one look at once
PATIENCE = 10.0  # seconds that one look has for all of its questions


class _Answers:
    """`digests` of what was answered, by reference, "" where that was no digest; `hung` is what no answer came to."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.hung: set[str] = set()

    def due_again(self, asked: Iterable[str]) -> list[str]:
        """What was not answered, without the tags of registries that answered nothing at all: a registry that hangs
        would delay each look."""
        hanging = set(map(_registry, self.hung)) - set(map(_registry, self.digests))
        return [one for one in asked if one not in self.digests and _registry(one) not in hanging]


class Followed:
    """Any thread may call. `clock` counts seconds, monotonic."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._asked: dict[str, float] = {}  # when, by reference
        self._digests: dict[str, str] = {}

    def ask(self, due: Mapping[str, float]) -> None:
        """Ask for what is due, side by side: `due` has the seconds of the interval by the reference. What is not
        answered in time is due again at the next look, or after its interval where its registry answered nothing."""
        now = self._clock()
        with self._lock:
            for one in [one for one, at in self._asked.items() if now - at > LONG and one not in due]:
                del self._asked[one]
                self._digests.pop(one, None)
            late = [one for one, interval in due.items() if now - self._asked.get(one, -interval) >= interval]
            before = {one: self._asked[one] for one in late if one in self._asked}
            self._asked.update(dict.fromkeys(late, now))
        if late:
            self._take_in(self._answers(late, now + PATIENCE), late, before)

    def _take_in(self, answers: _Answers, late: Sequence[str], before: Mapping[str, float]) -> None:
        """`before` is when what was `late` had been asked for the last time."""
        with self._lock:
            self._digests.update({one: digest for one, digest in answers.digests.items() if digest})
            for one in answers.due_again(late):
                self._asked.pop(one, None)
                self._asked.update({one: before[one]} if one in before else {})

    def moved(self, reference: str, digests: Sequence[Any]) -> str:
        """The digest that the tag stands for where that is none of the image's `RepoDigests`, else ""."""
        here = {str(digest).partition("@")[2] for digest in digests}
        with self._lock:
            known = self._digests.get(reference, "")
        return known if known not in here else ""

    def pulled(self, reference: str) -> None:
        """What it stands for has just been fetched."""
        with self._lock:
            self._digests.pop(reference, None)
            self._asked[reference] = self._clock()

    def _answers(self, references: Sequence[str], until: float) -> _Answers:
        answers = _Answers()
        asks = [partial(self._ask, reference, until, answers) for reference in references]
        # with no thread for it nothing is asked, and what else there is to look at is looked at
        with ThreadPoolExecutor(LANES, thread_name_prefix="registry") as pool, suppress(Refused):
            side_by_side(pool, asks, "a question to a registry", LANES)
        return answers

    def _ask(self, reference: str, until: float, answers: _Answers) -> None:
        left = until - self._clock()
        if left <= 0:
            return
        try:
            answers.digests[reference] = self._engine.resolve_image(reference, seconds=left)
        except Unreachable as error:
            if error.reason == "EngineTimeout":
                answers.hung.add(reference)
            else:
                answers.digests[reference] = ""
        except Trouble:
            answers.digests[reference] = ""


def _registry(reference: str) -> str:
    try:
        return registry_of(reference)
    except Refused:
        return ""
