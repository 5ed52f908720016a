"""The tree of one commit, as it lies in the object store: nothing is ever checked out.

The one thing to know: what Compose is likely to read is held in memory from the start, so a tree hardly ever runs git
again, and what it holds was compared with the id that the commit gives it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.errors import Refused
from agent.source.content import (
    MAX_ENTRIES,
    checked_path,
    escaped,
    fits,
    genuine,
    is_file,
    is_text,
    readable,
    too_many,
    under,
)
from agent.source.trouble import MirrorCorrupt
from agent.tree import Entry, EntryKind

_HELD = 16 << 20  # bytes of a tree that are kept in memory
_MAX_RECORD = 1 << 16  # bytes of one line of ls-tree; paths may have up to 4096
_KINDS = {
    b"100644": EntryKind.FILE,
    b"100664": EntryKind.FILE,  # written by gits of long ago
    b"100755": EntryKind.EXECUTABLE,
    b"120000": EntryKind.SYMLINK,
    b"160000": EntryKind.SUBMODULE,
}


class Listed(NamedTuple):
    """An entry, and the id of its blob (of its commit for a submodule)."""

    entry: Entry
    object_id: str


@dataclass
class Listing:
    """Reads `git ls-tree -r -z -l` as it comes, and raises `Refused` as soon as it holds what must not be."""

    found: dict[str, Listed] = field(default_factory=dict)
    _rest: bytes = b""

    def take(self, chunk: bytes) -> None:
        """The next bytes of the output. Raises `MirrorCorrupt` for a blob that is listed and not there."""
        *records, self._rest = (self._rest + chunk).split(b"\0")
        if len(self._rest) > _MAX_RECORD:
            raise Refused("the repository holds an entry without an end", reason="RepoPathRefused")
        for record in records:
            self._add(record)

    def _add(self, record: bytes) -> None:
        about, _, raw = record.partition(b"\t")
        mode, _, object_id, size = about.split()
        path = checked_path(raw)
        kind = _KINDS.get(mode)
        if kind is None or path in self.found:
            raise Refused(f"'{escaped(path)}' has an unknown mode or is there twice", reason="RepoPathRefused")
        if len(self.found) >= MAX_ENTRIES:
            raise too_many("the repository")
        if size == b"BAD":  # git's word for a blob that it lists and does not have
            raise MirrorCorrupt(f"'{escaped(path)}' is not in the mirror")
        self.found[path] = Listed(Entry(kind, 0 if size == b"-" else int(size)), object_id.decode())


class CommitTree:
    """A `Tree`. `late` fetches the blobs that are not held; it may be called from any thread."""

    def __init__(self, found: Mapping[str, Listed], held: Mapping[str, bytes], late: Callable[[str], bytes]) -> None:
        self._found = found
        self._entries = {path: listed.entry for path, listed in found.items()}
        self._paths = sorted(found)
        self._held = held
        self._late = late

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def beneath(self, directory: str) -> Iterable[str]:
        return under(self._paths, directory)

    def read(self, path: str) -> bytes:
        """As `Tree.read`; also `BadManifest` for a file that is too large or only an LFS pointer."""
        readable(path, self._entries.get(path))
        object_id = self._found[path].object_id
        data = self._held.get(object_id)
        return genuine(path, self._late(object_id) if data is None else data)


def worth_holding(found: Mapping[str, Listed]) -> list[str]:
    """The ids of the blobs to read at once: first what is parsed, then the small ones, up to a total."""
    wanted = [
        (not is_text(path), entry.size, object_id)
        for path, (entry, object_id) in found.items()
        if is_file(entry) and fits(path, entry.size)
    ]
    chosen: dict[str, None] = {}
    room = _HELD
    for _, size, object_id in sorted(wanted):
        if size > room:
            break
        if object_id not in chosen:
            chosen[object_id] = None
            room -= size
    return list(chosen)


def split_batch(ids: Iterable[str], output: bytes) -> dict[str, bytes]:
    """What `git cat-file --batch` printed for `ids`. Raises `MirrorCorrupt` unless each blob is what its id says."""
    blobs: dict[str, bytes] = {}
    at = 0
    for object_id in ids:
        end = output.find(b"\n", at)
        header = output[at:end].split(b" ")
        if end < 0 or len(header) != 3 or header[1] != b"blob":
            raise MirrorCorrupt(f"object {object_id} is not in the mirror")
        at = end + 1 + int(header[2])
        data = output[end + 1 : at]
        if _id_of(data, len(object_id)) != object_id:
            raise MirrorCorrupt(f"object {object_id} in the mirror does not hold what its id says")
        blobs[object_id] = data
        at += 1
    return blobs


def _id_of(data: bytes, length: int) -> str:
    digest = hashlib.sha1(usedforsecurity=False) if length == 40 else hashlib.sha256()
    digest.update(b"blob %d\0" % len(data))
    digest.update(data)
    return digest.hexdigest()
