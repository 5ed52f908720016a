"""The files of the commit that a stack names: looked for in the tree only, and never through a link."""

from __future__ import annotations

from collections.abc import Callable

from agent.compose.documents import MAX_BYTES
from agent.compose.findings import At
from agent.compose.paths import Escape, ancestors, clean, in_tree
from agent.errors import BadManifest
from agent.tree import Entry, EntryKind, Tree

REGULAR = (EntryKind.FILE, EntryKind.EXECUTABLE)


class NotReadable(Exception):  # noqa: N818 - says what the path is, as the others of agent.errors
    """The path may not be used: it leads out of the tree, or over a link. `reason` is the code of the refusal."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class Files:
    """A tree with the questions that a Compose file asks of it.

    `root` is the directory of this host that the tree is known to lie in, "" where absolute paths mean nothing here;
    `shown` gives a path of the tree as the user knows it.
    """

    def __init__(self, tree: Tree, root: str = "", shown: Callable[[str], str] = str) -> None:
        self.tree = tree
        self.root = root
        self.shown = shown
        self.entries = tree.entries()

    def locate(self, directory: str, path: str) -> str:
        """The path in the tree of one that is relative to `directory`. Raises `NotReadable`."""
        try:
            located = self._below_root(path) if self.root and path.startswith("/") else in_tree(directory, path)
        except Escape:
            raise NotReadable(f"leads out of {self.root or 'the repository'}", "PathEscape") from None
        for above in ancestors(located):
            self._refuse_link(above)
        return located

    def is_file(self, path: str) -> bool:
        entry = self.entries.get(path)
        return entry is not None and entry.kind in REGULAR

    def beneath(self, directory: str) -> list[str]:
        """Every path below a directory of the tree, in order; none where it is no directory. Raises `NotReadable`."""
        found = sorted(self.tree.beneath(directory))
        for path in found:
            self._refuse_link(path)
        return found

    def read(self, path: str) -> bytes:
        """The content of a file at a path of `locate`. Raises `BadManifest` for one that is too large or cannot be
        read."""
        return self.tree.read(path)

    def mode(self, path: str) -> int:
        """As the repository has it: 0o755 for a file that may be executed, 0o644 for any other."""
        return 0o755 if self.entries[path].kind is EntryKind.EXECUTABLE else 0o644

    def _below_root(self, path: str) -> str:
        """The path in the tree of an absolute one. Raises `Escape`."""
        cleaned, root = clean(path), self.root.rstrip("/")
        if cleaned != self.root and not cleaned.startswith(f"{root}/"):
            raise Escape(path)
        return cleaned.removeprefix(root).lstrip("/")

    def _refuse_link(self, path: str) -> None:
        entry: Entry | None = self.entries.get(path)
        if entry is not None and entry.kind not in REGULAR:
            raise NotReadable(f"{self.shown(path)} is a {entry.kind}, which is not followed", "SymlinkRefused")


def read_small(files: Files, path: str, at: At) -> bytes | None:
    """A file that is read as a whole, at most 4 MiB. None, and a problem, for a path that is no such file, or one that
    cannot be read."""
    try:
        located = files.locate("", path)
    except NotReadable as error:
        at.findings.problem(at.place, error.message, at.path, reason=error.reason)
        return None
    if not files.is_file(located):
        where = "" if files.root else " in the repository"
        text = f'there is no file "{files.shown(located)}"{where}'
        at.findings.problem(at.place, text, at.path, reason="FileMissing")
        return None
    if files.entries[located].size > MAX_BYTES:
        text = f'the file "{files.shown(located)}" has more than {MAX_BYTES} bytes'
        at.findings.problem(at.place, text, at.path, reason="FileTooLarge")
        return None
    try:
        return files.read(located)
    except BadManifest as error:
        at.findings.take(error)
        return None
