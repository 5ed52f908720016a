"""Which commit it was that brought what a stack wants: the last one that changed anything that the stack was read from.

The one thing to know: git is asked only when a plan has something for which a commit is the cause, and each question
once. Where it cannot tell, nothing is claimed. Why just so: docs/decisions/0021-the-commit-that-brought-it.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent.model import Revision, Stack

PATIENCE = 10.0  # seconds after which nothing more is asked for the sake of one thing: it is good to know and no more
_KEPT = 500  # answers of each sort: one for each stack is asked for most of the time
_Answer = TypeVar("_Answer")


class Past(Protocol):
    """What led to the revisions of a source. `paths` are files and directories of its tree, "" is the whole of it; what
    is not there counts too. Asked from any thread, and answers within seconds or not at all."""

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        """The newest commit up to the revision that changed any of the paths; None where nobody can tell."""

    def between(self, earlier: str, later: str, paths: frozenset[str]) -> tuple[Revision, ...]:
        """The commits that led from the one revision to the other and changed any of the paths, the newest of them,
        newest first; none where nobody can tell."""

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        """Whether two revisions are known to have the same at each of the paths."""

    def good(self, stack: str) -> str:
        """The id of the revision at which the stack was good last, "" where nobody can tell."""

    def allowances(self, revision: str, stacks: frozenset[str]) -> Mapping[str, int]:
        """How many services may go as commits up to the revision say, by their ids: those that came since each of the
        stacks was good last. None where nobody can tell which these are."""


class NoPast:
    """Of what is under no version control."""

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:  # noqa: ARG002 - a `Past`
        return None

    def between(self, earlier: str, later: str, paths: frozenset[str]) -> tuple[Revision, ...]:  # noqa: ARG002 - a `Past`
        return ()

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:  # noqa: ARG002 - a `Past`
        return False

    def good(self, stack: str) -> str:  # noqa: ARG002 - a `Past`
        return ""

    def allowances(self, revision: str, stacks: frozenset[str]) -> Mapping[str, int]:  # noqa: ARG002 - a `Past`
        return {}


@dataclass(frozen=True)
class Provenance:
    """`commit` is the last one that changed what the stack was read from, `same` are revisions that wanted the same of
    it as far as git goes: what was made at one of them and is to be otherwise now has no commit as its cause, nor has
    what is new of a stack that `was_good` at one."""

    commit: Revision | None = None
    same: frozenset[str] = frozenset()
    was_good: bool = False


UNKNOWN = Provenance()


class Tracer:
    """Asks the past of a source. To be used from any thread."""

    def __init__(self, past: Past | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._past, self._clock = past or NoPast(), clock
        self._commits: _Answers[Revision | None] = _Answers()
        self._same: _Answers[bool] = _Answers()

    def trace(self, stack: Stack, made_at: Collection[str]) -> Provenance:
        """`made_at` are the revisions that objects of the stack were made at."""
        revision, paths, until = stack.revision.id, stack.inputs, self._clock() + PATIENCE
        commit = self.last_change(revision, paths)
        same = (one for one in sorted(made_at) if self._clock() < until and self.is_same(one, revision, paths))
        same_here = frozenset(same)  # as far as there was time to ask
        good = self._past.good(stack.name) if self._clock() < until else ""
        return Provenance(commit, same_here, was_good=bool(good) and self.is_same(good, revision, paths))

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        """As `Past.last_change`."""
        if not paths:
            return None
        return self._commits.of((revision, paths), lambda: self._past.last_change(revision, paths))

    def skipped(self, stack: Stack, earlier: str, brought: Revision) -> tuple[Revision, ...]:
        """The commits about the stack that were never tried, newest first: those since the `earlier` revision before
        the one that `brought` what it wants now."""
        found = self._past.between(earlier, stack.revision.id, stack.inputs) if earlier and stack.inputs else ()
        return tuple(one for one in found if one.id != brought.id)

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        """As `Past.is_same`."""
        if not paths or one in ("", other):
            return one == other
        return self._same.of((one, other, paths), lambda: self._past.is_same(one, other, paths))


class _Answers(Generic[_Answer]):
    """The answers to the newest questions, none of which is asked again. What could not be told is not asked again
    either: it would take its time at each look."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Answer] = {}
        self._keeping = threading.Lock()

    def of(self, question: Hashable, ask: Callable[[], _Answer]) -> _Answer:
        with self._keeping:
            if question in self._known:
                return self._known[question]
        answer = ask()
        with self._keeping:
            self._known[question] = answer
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return answer
