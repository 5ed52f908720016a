"""Files of the commit on the host, for containers to mount. `spec` is one of

{"content": {path below the key's: (mode, bytes)}}, with "" as the path of a single file: kept equal to that, and what
    somebody puts beside these files in their directory is removed. The key's path carries the digest of the content, so
    another content is another object; when nothing of the stack needs it any more, it goes.
{"content": …, "seed": True}: data that begins as what the commit has. A file is written when it is absent, and again
    when the commit has another one than the last that was written; in between it is the containers' own.
{"directory": True}: a directory that has to be there. It is made once and left alone.

With {"uid", "gid"} beside the content (numbers, or None for whoever writes) the owner and the mode are exactly these;
without, a file is for everyone to read, and to execute where the commit says so. With {"secret": True} it lies below
the directory for secrets, in memory, and nothing of it is shown.

Only wanted files are looked at. Nothing is written outside of the two directories that the agent was given.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from agent.errors import Refused
from agent.kinds.base import wanted_of
from agent.kinds.file_writing import Form, Found, look, opened, others, remove, write
from agent.kinds.memory import make_private
from agent.model import Change, Condition, Difference, Key, Observed, Owner, Remedy, Resource, Scope
from agent.probe import Gate, Probe
from agent.rollout import Pace

SECRETS = Path("/run/windlass/secrets")


class Piece(NamedTuple):
    """One file of a resource: its path below the resource's ("" for the resource itself), and what it is to be."""

    path: str
    form: Form

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.form.content).hexdigest()


class FileKind:
    """Files below `state`, the agent's own directory; secrets below `secrets`, a directory in memory that is made when
    the first one is written."""

    name = "file"

    def __init__(self, state: Path, secrets: Path = SECRETS) -> None:
        self._state = state
        self._secrets = secrets

    # --- looking ---

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`; nothing is listed. Raises `Refused` (`StateReadFailed`)."""
        found = []
        for resource in wanted:
            with _refusing(resource, "read"):
                differences = self._differences(resource)
            if differences is not None:
                found.append(_observed(resource, scope, differences))
        return found

    def _differences(self, resource: Resource) -> tuple[Difference, ...] | None:
        """None where it is absent as a whole."""
        if resource.spec.get("directory"):
            return () if os.path.lexists(resource.key.name) else None
        try:
            place = self._place(resource)
            found = [(piece, self._look(place, piece)) for piece in _pieces(resource)]
        except (NotADirectoryError, Refused) as error:
            return (Difference("path", _why(error), resource.key.name, Remedy.NEVER, declared=False),)
        if all(state is Found.NOTHING for _, state in found):
            return None
        record = self._read_record(resource)
        differences = [one for piece, state in found if (one := _difference(piece, state, record))]
        differences += map(_of_nobody, _others(place, resource))
        return tuple(map(_hidden, differences) if resource.spec.get("secret") else differences)

    def _look(self, place: _Place, piece: Piece) -> Found:
        try:
            with opened(place.root, place.directory_of(piece.path)) as directory:
                return look(directory, place.name_of(piece.path), piece.form)
        except FileNotFoundError:
            return Found.NOTHING

    def probe(self, key: Key, condition: Condition) -> Probe:  # noqa: ARG002 - a file has one condition
        return Probe(Gate.PASSED) if os.path.lexists(key.name) else Probe(Gate.FAILED, "the file is gone")

    # --- changing ---

    def create(self, change: Change, revision: str) -> None:  # noqa: ARG002 - files carry no labels
        """Write what is missing or not as wanted. Raises `Refused` (`StateWriteFailed`, `PathOutside`)."""
        resource = wanted_of(change)
        with _refusing(resource, "written"):
            place = self._place(resource)
            if resource.spec.get("secret"):
                make_private(self._secrets)
            if resource.spec.get("directory"):
                with opened(place.root, place.parts, make=True):
                    return
            record = self._read_record(resource)
            for path in _others(place, resource):
                with opened(place.root, place.directory_of(path)) as directory:
                    remove(directory, place.name_of(path))
            written = {
                piece.path: digest for piece in _pieces(resource) if (digest := self._keep(place, piece, record))
            }
            if record is not None and written != record:
                self._write_record(resource, written)

    def _keep(self, place: _Place, piece: Piece, record: Mapping[str, str] | None) -> str | None:
        """Write the file if it has to be; the digest of what the commit last put there."""
        found = self._look(place, piece)
        if not _difference(piece, found, record):
            return record.get(piece.path) if record is not None else None
        if found is not Found.EQUAL:
            with opened(place.root, place.directory_of(piece.path), make=True) as directory:
                write(directory, place.name_of(piece.path), piece.form.owned_as(place.root.stat()))
        return piece.digest

    def update(self, change: Change, revision: str) -> None:
        self.create(change, revision)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:  # noqa: ARG002 - nobody waits for it
        self.create(change, revision)

    def remove(self, change: Change) -> None:
        raise Refused(f"file {change.key.name} is left where it is: containers may have it mounted", reason="FileKept")

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:  # noqa: ARG002 - whatever is there says so
        """Remove what was written for the stack by the digest of its content, secrets among it, and is in none of
        `keep`. What cannot be removed now is left to the next time."""
        needed = {above for key in keep if key.kind == self.name for above in PurePosixPath(key.name).parents}
        for directory in (self._state / "files" / stack, self._secrets / stack):
            for path in _directories(directory):
                if path not in needed:
                    shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):  # it is not there, or not empty
                directory.rmdir()

    def _place(self, resource: Resource) -> _Place:
        path = PurePosixPath(resource.key.name)
        root = self._secrets if resource.spec.get("secret") else self._state
        if not path.is_relative_to(root) or ".." in path.parts or path == PurePosixPath(root):
            raise Refused(f"{path} lies outside of {root}, where Windlass may write", reason="PathOutside")
        return _Place(root, path.relative_to(root).parts)

    # --- what was last written of a seed ---

    def _read_record(self, resource: Resource) -> Mapping[str, str] | None:
        """By path, the digest of what the commit had when it was written; None for what is no seed."""
        if not resource.spec.get("seed"):
            return None
        try:
            found = json.loads((self._state / "seeds" / _record_name(resource)).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write_record(self, resource: Resource, record: Mapping[str, str]) -> None:
        with opened(self._state, ("seeds",), make=True) as directory:
            form = Form(0o600, json.dumps(record, sort_keys=True).encode())
            write(directory, _record_name(resource), form.owned_as(self._state.stat()))


class _Place(NamedTuple):
    """Where a resource lies: the directory that may be written in, and the names on the way from there."""

    root: Path
    parts: tuple[str, ...]

    def directory_of(self, path: str) -> tuple[str, ...]:
        return (*self.parts, *PurePosixPath(path).parts)[:-1]

    def name_of(self, path: str) -> str:
        return (*self.parts, *PurePosixPath(path).parts)[-1]


def _pieces(resource: Resource) -> Iterator[Piece]:
    spec = resource.spec
    for path, (mode, content) in sorted(spec["content"].items()):
        if "uid" in spec:
            yield Piece(path, Form(mode, content, spec["uid"], spec["gid"]))
        else:
            yield Piece(path, Form(0o755 if mode & 0o111 else 0o644, content))


def _others(place: _Place, resource: Resource) -> list[str]:
    """What is in the directory that is kept equal to the commit, and is not of the commit; none in any other."""
    spec = resource.spec
    if "" in spec["content"] or spec.get("seed"):
        return []
    try:
        with opened(place.root, place.parts) as directory:
            return sorted(others(directory, spec["content"].keys()))
    except FileNotFoundError:
        return []


def _directories(path: PurePath) -> list[PurePosixPath]:
    """The directories in one; none where it is not there, or where whoever asks may not look into it."""
    with suppress(OSError), os.scandir(path) as entries:
        return [PurePosixPath(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _hidden(difference: Difference) -> Difference:
    """Without the digest of the content, which a short secret could be guessed from."""
    return replace(difference, wanted="as wanted", secret=True)


def _record_name(resource: Resource) -> str:
    return hashlib.sha256(resource.key.name.encode()).hexdigest()[:32]


def _difference(piece: Piece, found: Found, record: Mapping[str, str] | None) -> Difference | None:
    """`record` is None for what is kept equal to the commit, else what was last written of each file of a seed."""
    path, wanted = piece.path or "content", f"sha256:{piece.digest[:12]}"
    if found is Found.BLOCKED:
        return Difference(path, found.value, wanted, Remedy.NEVER, declared=False)
    if record is not None:
        return _of_seed(piece, found, record.get(piece.path), path, wanted)
    if found is Found.EQUAL:
        return None
    return Difference(path, found.value, wanted, Remedy.IN_PLACE, declared=False)


def _of_nobody(path: str) -> Difference:
    return Difference(path, "added", "absent", Remedy.IN_PLACE, declared=False)


def _of_seed(piece: Piece, found: Found, last: str | None, path: str, wanted: str) -> Difference | None:
    """`last` is the digest of what was last written here, None where nothing was."""
    if found is Found.NOTHING:
        return Difference(path, found.value, wanted, Remedy.IN_PLACE, declared=last is None)
    if last == piece.digest:
        return None
    if found is Found.EQUAL:
        return Difference(path, "not noted", "noted", Remedy.IN_PLACE, declared=False)
    if last is None:
        return None  # it was here before us, and is data
    return Difference(path, f"sha256:{last[:12]}", wanted, Remedy.IN_PLACE)


def _observed(resource: Resource, scope: Scope, differences: tuple[Difference, ...]) -> Observed:
    return Observed(
        resource.key,
        resource.key.name,
        Owner.OURS,
        stack=resource.stack,
        origin=scope.origin,
        service=resource.service,
        differences=differences,
    )


def _why(error: Exception) -> str:
    return error.message if isinstance(error, Refused) else "a symbolic link or a file on the way"


@contextmanager
def _refusing(resource: Resource, done: str) -> Iterator[None]:
    """The disk is full, read-only or broken: said of the file, so that others go on."""
    try:
        yield
    except OSError as error:
        what = "Secret" if resource.spec.get("secret") else "State"
        reason = f"{what}WriteFailed" if done == "written" else f"{what}ReadFailed"
        raise Refused(f"{resource.key.name} cannot be {done}: {error.strerror}", reason=reason) from error
