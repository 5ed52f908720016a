"""What led to a commit, as far as the repository on this machine has it: an `agent.provenance.Past`.

The one thing to know: nobody depends on an answer. Whatever keeps git from giving one, be it a history that ends too
soon or one that is too long to look through in time, is as good as not to know.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.errors import Trouble
from agent.model import Revision
from agent.source.mirror import GOOD, Mirror
from agent.source.moves import Move, folder_moved
from agent.source.url import COMMIT_ID

_MOST_MOVES = 5  # of one folder, one after the other
_MOST_PATHS = 500  # on a command line; of more it is asked by their directories


@dataclass(frozen=True)
class CommitPast:
    """`mirror` gives the repository as it is by then, `path` is the directory of it that is the root of the tree."""

    mirror: Callable[[], Mirror]
    path: str = ""

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        """As `Past.last_change`."""
        if not COMMIT_ID.fullmatch(revision):
            return None
        try:
            mirror = self.mirror()
            commit = _last_change(mirror, revision, self._located(paths))
            return mirror.revision(commit) if commit else None
        except (Trouble, UnicodeDecodeError):
            return None

    def between(self, earlier: str, later: str, paths: frozenset[str]) -> tuple[Revision, ...]:
        """As `Past.between`."""
        if not (COMMIT_ID.fullmatch(earlier) and COMMIT_ID.fullmatch(later)):
            return ()
        try:
            mirror = self.mirror()
            return tuple(map(mirror.revision, mirror.between(earlier, later, self._located(paths))))
        except (Trouble, UnicodeDecodeError):
            return ()

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        """As `Past.is_same`."""
        if not (COMMIT_ID.fullmatch(one) and COMMIT_ID.fullmatch(other)):
            return False
        try:
            mirror, located = self.mirror(), self._located(paths)
            return mirror.is_same(one, other, located) or _moved(mirror, one, other, located) is not None
        except Trouble:
            return False

    def good(self, stack: str) -> str:
        """As `Past.good`."""
        try:
            return self.mirror().refs(GOOD).get(GOOD + stack, "")
        except Trouble:
            return ""

    def allowances(self, revision: str, stacks: frozenset[str]) -> Mapping[str, int]:
        """A history that was rewritten since has commits that only seem to be new, so nothing of it is told. A stack
        that was never good here goes by the others; where there are none, nobody knows what is new."""
        if not COMMIT_ID.fullmatch(revision):
            return {}
        try:
            mirror = self.mirror()
            good = mirror.refs(GOOD)
            since = {good[GOOD + stack] for stack in stacks if GOOD + stack in good}
            return mirror.allowances(revision, sorted(since)) if since else {}
        except Trouble:
            return {}

    def _located(self, paths: frozenset[str]) -> list[str]:
        """The paths as they are in the repository, few enough for a command line; none for all of it."""
        while len(paths) > _MOST_PATHS:
            paths = frozenset(map(posixpath.dirname, paths))
        located = {posixpath.join(self.path, path).rstrip("/") for path in paths}
        return [] if "" in located else sorted(located)


def _last_change(mirror: Mirror, revision: str, paths: list[str]) -> str | None:
    """That a folder was moved as it is, is no change: then it is looked for before that, where it was."""
    for _ in range(_MOST_MOVES):
        found = mirror.last_change(revision, paths)
        before = found.parents[0] if found and len(found.parents) == 1 else None
        move = _moved(mirror, before, found.commit, paths) if found and before else None
        if before is None or move is None:
            return found.commit if found else None
        revision, paths = before, sorted(map(move.before, paths))
    return None


def _moved(mirror: Mirror, before: str, after: str, paths: list[str]) -> Move | None:
    """The move of a folder, if all that differs in the paths is that: nothing was at its new place before, and it had
    just the same at its old one."""
    move = folder_moved(mirror.differences(before, after), paths)
    inside = [path for path in paths if move and move.has(path)]
    if move is None or not inside or mirror.files(before, inside):
        return None
    now = {move.before(path): file for path, file in mirror.files(after, inside).items()}
    return move if now == mirror.files(before, [move.before(path) for path in inside]) else None
