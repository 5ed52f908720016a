"""What may be in a tree, whichever source it came from: names, sizes, and what is said about the rest.

The one thing to know: names are judged as bytes, before anything is decoded, and are shown only escaped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from agent.errors import BadManifest, Refused
from agent.model import Place, Problem
from agent.printable import printable
from agent.tree import Entry, EntryKind

MAX_ENTRIES = 20_000
MAX_TEXT = 4 << 20  # bytes of a file that is parsed: *.yaml, *.yml, *.env
MAX_FILE = 5 << 20  # bytes of any other file
MAX_PATH = 1024  # bytes
MAX_NAME = 255  # bytes of one component: what a file system takes
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_LFS = b"version https://git-lfs.github.com/spec/"


def escaped(text: str, limit: int = 200) -> str:
    """The text on one line with everything that a terminal might act upon written out, cut at `limit`."""
    shown = printable(text[:limit])
    return f"{shown}…" if len(text) > limit else shown


def checked_path(raw: bytes) -> str:
    """The path of an entry as text. Raises `Refused`, reason `RepoPathRefused`, naming it escaped."""
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        raise _refused(raw, "is not UTF-8") from None
    if _CONTROL.search(path):
        raise _refused(raw, "holds a control character")
    parts = raw.split(b"/")
    if any(part in (b"", b".", b"..") or part.lower() == b".git" for part in parts):
        raise _refused(raw, "has a component that is empty, '.', '..' or '.git'")
    if len(raw) > MAX_PATH or max(map(len, parts)) > MAX_NAME:
        raise _refused(raw, f"is longer than {MAX_PATH} bytes, or a name in it than {MAX_NAME}")
    return path


def too_many(what: str) -> Refused:
    """The refusal of a tree with more entries than `MAX_ENTRIES`."""
    return Refused(f"{what} holds more than {MAX_ENTRIES} files", reason="RepoTooManyFiles")


def under(paths: Sequence[str], directory: str) -> Sequence[str]:
    """Those of the paths, which are sorted, that lie below a directory, "" being above them all."""
    if not directory:
        return paths
    return paths[bisect_left(paths, f"{directory}/") : bisect_left(paths, f"{directory}0")]  # 0 comes after /


def is_text(path: str) -> bool:
    """Whether the file is one that gets parsed, so that its size matters more."""
    return path.endswith((".yaml", ".yml", ".env"))


def is_file(entry: Entry) -> bool:
    return entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)


def fits(path: str, size: int) -> bool:
    """Whether a file of so many bytes is taken: `MAX_TEXT` at most where it is parsed, else `MAX_FILE`."""
    return size <= (MAX_TEXT if is_text(path) else MAX_FILE)


def readable(path: str, entry: Entry | None) -> None:
    """Return when the file may be read. `KeyError` for what is no file, `BadManifest` for one that is too large."""
    if entry is None or not is_file(entry):
        raise KeyError(path)
    if not fits(path, entry.size):
        limit = (MAX_TEXT if is_text(path) else MAX_FILE) >> 20
        raise _problem(
            path,
            f"the file has {entry.size} bytes, more than {limit} MiB",
            "FileTooLarge",
            "keep it in an image or a volume",
        )


def genuine(path: str, data: bytes) -> bytes:
    """`data`, unless it only stands for the file's content. Raises `BadManifest`, reason `LfsPointer`."""
    if data.startswith(_LFS):
        raise _problem(
            path, "the file is a Git LFS pointer, not the content itself", "LfsPointer", "commit the content"
        )
    return data


def unreadable(path: str, why: str) -> BadManifest:
    """The mistake in the files that one of them cannot be read (`FileUnreadable`)."""
    return _problem(path, f"the file cannot be read: {why}", "FileUnreadable")


def _problem(path: str, message: str, reason: str, hint: str = "") -> BadManifest:
    return BadManifest([Problem(Place(path), message, hint=hint)], reason=reason)


def _refused(raw: bytes, why: str) -> Refused:
    shown = escaped(raw.decode(errors="backslashreplace"))
    return Refused(f"the repository holds a path that {why}: '{shown}'", reason="RepoPathRefused")
