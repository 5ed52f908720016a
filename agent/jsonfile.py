"""A small JSON object in a file: notes of the agent to itself, and of people to the agent.

A file that is missing says nothing, for it may be removed to take back what it said. One that is there and cannot be
read says that nobody knows: then what was read of it before goes on to hold, and who asks has to take the safe side
where nothing was.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from agent.errors import Refused
from agent.held import STATE_READ_FAILED
from agent.model import Failure

Told = Callable[[Path, Failure | None], None]
Change = Callable[[dict[str, Any]], dict[str, Any]]


def part_of(kept: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of that name in a note, which may hold anything; an empty one where there is none."""
    found = kept.get(name)
    return found if isinstance(found, dict) else {}


def with_part(kept: Mapping[str, Any], name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """A note with that as its object of the name, without the name where that is empty."""
    others = {other: said for other, said in kept.items() if other != name}
    return {**others, name: dict(part)} if part else others


def with_entry(kept: Mapping[str, Any], name: str, key: str, entry: Any) -> dict[str, Any]:
    """A note with that entry in its object of the name."""
    return with_part(kept, name, {**part_of(kept, name), key: entry})


def only(kept: Mapping[str, Any], name: str, keeps: Callable[[str, Any], bool]) -> dict[str, Any]:
    """A note with those entries alone in its object of the name that `keeps` says, each given by its key."""
    return with_part(kept, name, {key: entry for key, entry in part_of(kept, name).items() if keeps(key, entry)})


class Found(NamedTuple):
    """What is kept, None where nobody knows. With a `failure` the file cannot be read, and what is kept is what was
    read of it last; it is `spoilt` where its content is the reason."""

    kept: dict[str, Any] | None
    failure: Failure | None = None
    spoilt: bool = False


class _SpoiltError(Exception):
    """The file is not what was written there; in words why."""


def to_nobody(_path: Path, _failure: Failure | None) -> None:
    """Nobody wonders whether it can be read."""


def _nothing(_kept: dict[str, Any]) -> str:
    """Any object will do."""
    return ""


class JsonFile:
    """Kept at the path; without one, for as long as the object lives. Any thread may call.

    `told` hears when the file cannot be read, and when it can again. `wrong` says in words why an object cannot be
    understood, "" where it can. A `private` file is for its owner's eyes, whoever may enter the directory.
    """

    def __init__(
        self,
        path: Path | None = None,
        told: Told = to_nobody,
        wrong: Callable[[dict[str, Any]], str] = _nothing,
        *,
        private: bool = False,
    ) -> None:
        self._path, self._told, self._wrong, self._private = path, told, wrong, private
        self._lock = threading.RLock()
        self._known: dict[str, Any] | None = None if path else {}  # as it was last read or written
        self._failure: Failure | None = None
        self._mark: object = None  # of the file as it was last read well

    def read(self) -> dict[str, Any]:
        """What is kept, as far as that is known: for whoever can do without."""
        return self.look().kept or {}

    def look(self) -> Found:
        """What is kept, and whether that can be read now; the very same object as before, as long as nothing has
        changed, so nobody may change it. Costs a look at the file's times then."""
        with self._lock:
            if self._path is None:
                return Found(self._known)
            found = self._found(self._path)
            if found.failure is None:
                self._known = found.kept
            if found.failure != self._failure:
                self._failure = found.failure
                self._told(self._path, found.failure)
            return found

    def change(self, change: Change, *, anew: bool = True) -> None:
        """Keep what `change` makes of what is kept. Raises `Refused`: `StateReadFailed` where what is kept cannot be
        read, since it would be lost, and `StateWriteFailed`.

        A file that is spoilt is written anew from what is known of it; where that is nothing, only with `anew`.
        """
        with self._lock:
            kept, failure, spoilt = self.look()
            if failure is not None and not (spoilt and (anew or kept is not None)):
                raise Refused(failure.message, reason=failure.reason)
            changed = change(kept or {})
            if self._path is not None:
                _write(self._path, json.dumps(changed), private=self._private)
            self._known, self._mark = changed, None

    def tidy(self, name: str, keeps: Callable[[str, Any], bool]) -> None:
        """Keep of a part what `keeps` says of its entries, each given by its name; all of it for now where that cannot
        be written."""
        if not all(keeps(one, entry) for one, entry in part_of(self.read(), name).items()):
            with suppress(Refused):
                self.change(lambda kept: only(kept, name, keeps))

    def _found(self, path: Path) -> Found:
        mark = _mark(path)
        if mark == self._mark:
            return Found(self._known)
        self._mark = None  # a file that cannot be read is tried again each time: nothing tells when it can be
        try:
            found = Found(self._parsed(path))
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}: make it readable for the agent's user, or remove it"
            return Found(self._known, Failure(STATE_READ_FAILED, message))
        except _SpoiltError as error:
            message = f"{path} cannot be understood: {error}: put it right, or remove it"
            return Found(self._known, Failure(STATE_READ_FAILED, message), spoilt=True)
        self._mark = mark
        return found

    def _parsed(self, path: Path) -> dict[str, Any]:
        """Raises `OSError` and `_SpoiltError` for a file that is there and cannot be read."""
        try:
            found = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, RecursionError) as error:
            raise _SpoiltError(f"no JSON ({error})") from error
        if not isinstance(found, dict):
            raise _SpoiltError("no JSON object")
        if why := self._wrong(found):
            raise _SpoiltError(why)
        return found


class Note:
    """What is kept in a file that nobody else writes while this process does. What cannot be written is known for as
    long as the process lives, and written with what comes after it. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._unwritten: tuple[Change, ...] = ()
        self._changing = threading.Lock()

    def known(self) -> dict[str, Any]:
        """What is kept, which nobody may change."""
        return _after(self._unwritten, self._file.read())

    def part(self, name: str) -> dict[str, Any]:
        """See `part_of`."""
        return part_of(self.known(), name)

    def change(self, change: Change) -> None:
        """Keep what `change` makes of what is kept, again and again if it cannot be written at first."""
        with self._changing:
            self._unwritten = changes = (*self._unwritten, change)
            with suppress(Refused):
                self._file.change(lambda kept: _after(changes, kept))
                self._unwritten = ()

    def only(self, name: str, keeps: Callable[[str, Any], bool]) -> None:
        """Keep of a part what `keeps` says of its entries, each given by its name."""
        if not all(keeps(one, entry) for one, entry in self.part(name).items()):
            self.change(lambda kept: only(kept, name, keeps))


def _after(changes: Iterable[Change], kept: dict[str, Any]) -> dict[str, Any]:
    for change in changes:
        kept = change(kept)
    return kept


def _mark(path: Path) -> object:
    """Another one after each change of the file: each change makes a new file. Each time another one where it cannot
    be told."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError:
        return object()
    return found.st_ino, found.st_ctime_ns, found.st_size


def _write(path: Path, text: str, *, private: bool) -> None:
    """All of it or nothing, also where the power fails: a file system may move a file before it has its bytes."""
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("w") as file:
            if private:
                os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            give_to_owner(file.fileno(), path.parent)
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", reason="StateWriteFailed") from error


def give_to_owner(file: int | Path, directory: Path) -> None:
    """To whom the directory belongs: a command may be run by root, and the agent not. Raises `OSError`."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(file, owner.st_uid, owner.st_gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
