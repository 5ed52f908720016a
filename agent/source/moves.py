"""A folder that was moved as it is, told from what differs between two commits. Pure.

The one thing to know: only whole folders count. A single file that is given another name may not have been read before.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple


class Difference(NamedTuple):
    """One path in which two commits differ: mode and id of what was there and of what is there, "" for nothing."""

    path: str
    before: str
    after: str


class Move(NamedTuple):
    """From one directory to another one, which is not the root; "" is the root."""

    old: str
    new: str

    def has(self, path: str) -> bool:
        """Whether a path is in the directory by now."""
        return path == self.new or path.startswith(f"{self.new}/")

    def before(self, path: str) -> str:
        """What a path was called before."""
        if not self.has(path):
            return path
        return posixpath.join(self.old, path[len(self.new) + 1 :]).rstrip("/")


def differences(said: bytes) -> Iterator[Difference]:
    """Reads what `git diff-tree --raw -z` prints."""
    words = said.decode(errors="surrogateescape").split("\0")
    for about, path in zip(words[::2], words[1::2], strict=False):
        mode, mode_now, blob, blob_now, _ = about.lstrip(":").split(" ")
        yield Difference(path, _thing(mode, blob), _thing(mode_now, blob_now))


def _thing(mode: str, blob: str) -> str:
    return f"{mode} {blob}" if mode.strip("0") else ""


def folder_moved(found: Iterable[Difference], paths: Collection[str]) -> Move | None:
    """The one move of a folder that is all that differs in the paths; None where there is more, or something else."""
    counting, gone, come = frozenset(paths), dict[str, set[str]](), list[Difference]()
    for one in found:
        if one.before and not one.after:
            gone.setdefault(one.before, set()).add(one.path)
        if _counts(one.path, counting):
            come.append(one)
    if any(one.before for one in come):
        return None
    if not come:
        return None
    # a file of many like it, such as an empty one, says little: the one that says most is asked first
    rarest = min(come, key=lambda one: len(gone.get(one.after, ())))
    possible = {move for old in gone.get(rarest.after, ()) if (move := _move(old, rarest.path))}
    for one in come if possible else ():
        alike = gone.get(one.after, ())
        possible = {move for move in possible if move.has(one.path) and move.before(one.path) in alike}
    return min(possible, default=None)


def _move(old: str, new: str) -> Move | None:
    """What was moved if a file was: its path, less what both ways end with, which is the file's name at least."""
    before, after = old.split("/"), new.split("/")
    same = _alike(before[::-1], after[::-1])
    return Move("/".join(before[:-same]), "/".join(after[:-same])) if 0 < same < len(after) else None


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts are the same from the first one on."""
    unlike = (index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(unlike, min(len(one), len(other)))


def _counts(path: str, counting: frozenset[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:count]) in counting for count in range(1, len(parts) + 1))
