"""The files of the commit that a stack names: looked for in the tree only, and never through a link."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

from agent.compose.documents import MAX_BYTES
from agent.compose.findings import At
from agent.compose.paths import Escape, ancestors, in_tree
from agent.model import Entry, EntryKind, Tree

REGULAR = (EntryKind.FILE, EntryKind.EXECUTABLE)


class NotReadable(Exception):  # noqa: N818 - says what the path is, as the others of agent.errors
    """The path may not be used: it leads out of the tree, or over a link. `reason` is the code of the refusal."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class Files:
    """A tree with the questions that a Compose file asks of it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.entries = tree.entries()

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.entries)

    def locate(self, directory: str, path: str) -> str:
        """The path in the tree of one that is relative to `directory`. Raises `NotReadable`."""
        try:
            located = in_tree(directory, path)
        except Escape:
            raise NotReadable("leads out of the repository", "PathEscape") from None
        for above in ancestors(located):
            self._refuse_link(above)
        return located

    def is_file(self, path: str) -> bool:
        entry = self.entries.get(path)
        return entry is not None and entry.kind in REGULAR

    def beneath(self, directory: str) -> list[str]:
        """Every path below a directory of the tree, in order; none where it is no directory. Raises `NotReadable`."""
        prefix = f"{directory}/" if directory else ""
        start = bisect_left(self._sorted, prefix)
        found = []
        for path in self._sorted[start:] if prefix else self._sorted:
            if not path.startswith(prefix):
                break
            self._refuse_link(path)
            found.append(path)
        return found

    def read(self, path: str) -> bytes:
        return self.tree.read(path)

    def mode(self, path: str) -> int:
        return 0o755 if self.entries[path].kind is EntryKind.EXECUTABLE else 0o644

    def _refuse_link(self, path: str) -> None:
        entry: Entry | None = self.entries.get(path)
        if entry is not None and entry.kind not in REGULAR:
            raise NotReadable(f"{path} is a {entry.kind}, which is not followed", "SymlinkRefused")


def read_small(files: Files, path: str, at: At) -> bytes | None:
    """A file that is read as a whole, at most 1 MiB. None, and a problem, for a path that is no such file."""
    try:
        located = files.locate("", path)
    except NotReadable as error:
        at.findings.problem(at.place, error.message, at.path, reason=error.reason)
        return None
    if not files.is_file(located):
        at.findings.problem(at.place, f'there is no file "{path}" in the repository', at.path, reason="FileMissing")
        return None
    if files.entries[located].size > MAX_BYTES:
        text = f'the file "{path}" has more than {MAX_BYTES} bytes'
        at.findings.problem(at.place, text, at.path, reason="FileTooLarge")
        return None
    return files.read(located)
