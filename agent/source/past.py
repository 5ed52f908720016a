"""What led to a commit, as far as the repository on this machine has it: an `agent.provenance.Past`.

The one thing to know: nobody depends on an answer. Whatever keeps git from giving one, be it a history that ends too
soon or one that is too long to look through in time, is as good as not to know.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import Trouble
from agent.model import Revision
from agent.source.mirror import Mirror

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST_PATHS = 500  # on a command line; of more it is asked by their directories


@dataclass(frozen=True)
class CommitPast:
    """`mirror` gives the repository as it is by then, `path` is the directory of it that is the root of the tree."""

    mirror: Callable[[], Mirror]
    path: str = ""

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        if not _COMMIT.fullmatch(revision):
            return None
        try:
            mirror = self.mirror()
            commit = mirror.last_change(revision, self._located(paths))
            return mirror.revision(commit) if commit else None
        except (Trouble, UnicodeDecodeError):
            return None

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        if not (_COMMIT.fullmatch(one) and _COMMIT.fullmatch(other)):
            return False
        try:
            return self.mirror().is_same(one, other, self._located(paths))
        except Trouble:
            return False

    def _located(self, paths: frozenset[str]) -> list[str]:
        """The paths as they are in the repository, few enough for a command line; none for all of it."""
        while len(paths) > _MOST_PATHS:
            paths = frozenset(map(posixpath.dirname, paths))
        located = {posixpath.join(self.path, path).rstrip("/") for path in paths}
        return [] if "" in located else sorted(located)
