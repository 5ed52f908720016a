"""A bare repository on this machine: what is fetched, kept under refs of ours, and read back.

The one thing to know: nothing is good because it was fetched. A fetch moves only `refs/windlass/candidate`; the other
refs are moved after what they are to name was read.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent.errors import Refused, Trouble
from agent.model import Revision
from agent.source.content import escaped
from agent.source.git import Git
from agent.source.moves import Difference, differences
from agent.source.tree import Listed, Listing, split_batch
from agent.source.url import Remote

CANDIDATE = "refs/windlass/candidate"
GOOD = "refs/windlass/good/"  # and the name of a stack: the commit that it was good at last
_MARK = "windlass-mirror"  # holds whose mirror this is
_LOCK_WAIT = 10.0  # seconds: a git of an agent that was killed may still be ending
_MANY_PACKS = 50
_MANY_LOOSE = 20
_MOST_ALLOWANCES = 100  # commits
_MOST_BETWEEN = 20  # commits that are named; more is no use to anybody
_SHOWN = 200  # characters of a subject or a name
_COMPARED = ("diff-tree", "-r", "--raw", "-z", "--no-ext-diff", "--no-renames")
_PATIENCE = 5.0  # seconds to look back for: what is found is good to know and no more


@contextmanager
def _disk_trouble() -> Iterator[None]:
    """Say in our words that the state directory is full, read-only or not ours."""
    try:
        yield
    except OSError as error:
        message = f"the state directory cannot be used: {error.filename}: {error.strerror}"
        raise Refused(message, reason="StateWriteFailed") from error


class Found(NamedTuple):
    """A commit, and the ids of its parents."""

    commit: str
    parents: tuple[str, ...]


class Mirror:
    """One bare repository. Reading and pointing may be done from any thread, the rest by one at a time.

    `short` is held by every call that is over soon, so that whoever holds it finds no git at work in the directory
    but a fetch of its own.
    """

    def __init__(self, directory: Path, git: Git) -> None:
        self.directory = directory
        self.short = threading.Lock()
        self._git = git
        self._patient = replace(git, limits=replace(git.limits, seconds=min(git.limits.seconds, _PATIENCE)))

    # --- the directory ---

    def exists(self) -> bool:
        return (self.directory / "HEAD").is_file()

    def belongs_to(self) -> str:
        """The mark that `create` left; "" when the directory has none."""
        try:
            return (self.directory / _MARK).read_text()
        except FileNotFoundError:
            return ""

    @_disk_trouble()
    def create(self, mark: str) -> None:
        """Make it, empty, in place of whatever is there, and put it there only when it is whole."""
        draft = self._named("draft")
        _remove(draft)
        draft.mkdir(parents=True, mode=0o700)
        self._git.local(draft, "init", "--quiet", "--bare", "--template=", "--initial-branch=none")
        (draft / _MARK).write_text(mark)
        with self.short:
            _remove(self.directory)
            draft.rename(self.directory)

    @_disk_trouble()
    def replace_by(self, fresh: Mirror) -> None:
        """Put another one in this one's place. What is cut in between, `claim` puts right."""
        with self.short:
            aside = self._named("old")
            _remove(aside)
            if self.directory.exists():
                self.directory.rename(aside)
            fresh.directory.rename(self.directory)
            _remove(aside)

    @_disk_trouble()
    def claim(self) -> None:
        """Put right what a process that was killed left behind, before the first use and under the mirror's lock.

        Raises `Refused`, reason `MirrorForeign`, for a directory that holds something else: it might be removed.
        """
        aside = self._named("old")
        if not self.directory.exists() and aside.exists():  # a replacement was cut in the middle
            aside.rename(self.directory)
        for suffix in ("old", "new", "draft"):
            _remove(self._named(suffix))
        if self.directory.exists() and not self.belongs_to() and any(self.directory.iterdir()):
            raise Refused(f"{self.directory} is not a mirror of ours: move it away", reason="MirrorForeign")
        self._clear_leavings()

    def beside(self, suffix: str) -> Mirror:
        """Another one next to this one, not made yet."""
        return Mirror(self._named(suffix), self._git)

    @_disk_trouble()
    def remove(self) -> None:
        _remove(self.directory)

    @_disk_trouble()
    def _clear_leavings(self) -> None:
        """Remove what a killed git left: its locks and half-written packs."""
        with self.short:
            for pattern in ("**/*.lock", "objects/pack/tmp_*", "objects/??/tmp_obj_*"):
                for path in self.directory.glob(pattern):
                    path.unlink(missing_ok=True)
            for path in self.directory.glob("objects/*tmp_objdir-*"):
                _remove(path)

    def _named(self, suffix: str) -> Path:
        return self.directory.with_name(f"{self.directory.name}.{suffix}")

    # --- refs ---

    def commit_at(self, name: str) -> str | None:
        """The commit that a ref or an id leads to, through a tag if need be; None when it is not there."""
        asked = f"{name}^{{commit}}\n".encode()
        with self.short:
            said = self._git.local(self.directory, "cat-file", "--batch-check", stdin=asked).split()
        return said[0].decode() if len(said) == 3 and said[1] == b"commit" else None

    def refs(self, prefix: str) -> dict[str, str]:
        """The refs below `prefix`, which ends with a slash, and what they name."""
        with self.short:
            said = self._git.local(self.directory, "for-each-ref", "--format=%(objectname) %(refname)", prefix)
        pairs = (line.split(" ", 1) for line in said.decode().splitlines())
        return {name: object_id for object_id, name in pairs}

    def tidy(self) -> None:
        """Pack what many small fetches left. Nothing is dropped: an old snapshot may still be read."""
        packs = sum(1 for _ in self.directory.glob("objects/pack/*.pack"))
        loose = sum(1 for _ in self.directory.glob("objects/17/*"))  # one of 256 directories, filled evenly
        if packs > _MANY_PACKS or loose > _MANY_LOOSE:
            with self.short, suppress(Trouble):  # an untidy mirror is only larger
                self._git.local(self.directory, "gc", "--quiet", "--no-prune")

    def point(self, ref: str, commit: str) -> None:
        """Have a ref lead to a commit."""
        with self.short:
            self._git.local(self.directory, "update-ref", "--no-deref", ref, commit)

    def drop(self, ref: str) -> None:
        """Remove the ref, if it is there. The commit stays as long as it is needed."""
        with self.short:
            self._git.local(self.directory, "update-ref", "--no-deref", "-d", ref)

    # --- the network ---

    def fetch(self, remote: Remote, source: str, target: str = CANDIDATE) -> str:
        """Fetch `source`, a full ref name or a commit's id, and return the commit that it leads to."""
        options = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        try:
            self._git.remote(self.directory, remote, "fetch", *options, "--", remote.address, f"+{source}:{target}")
        except Trouble:
            self._clear_leavings()
            raise
        commit = self.commit_at(target)
        if commit is None:
            raise Refused(f"{source} of {remote} is no commit", reason="RefNotFound")
        return commit

    def announced(self, remote: Remote, *names: str) -> dict[str, str]:
        """What the server says each of these refs names, of all its refs when none is given."""
        said = self._git.remote(self.directory, remote, "ls-remote", "--", remote.address, *names)
        lines = (line.split("\t", 1) for line in said.decode(errors="backslashreplace").splitlines())
        return {line[1]: line[0] for line in lines if len(line) == 2}

    # --- reading ---

    def revision(self, commit: str) -> Revision:
        """What a commit says of itself; its texts are escaped and cut."""
        with self.short:
            said = self._git.local(
                self.directory, "log", "-1", "--no-show-signature", "--format=%ct%x00%an%x00%B", commit, "--"
            )
        time, author, message = said.decode(errors="backslashreplace").split("\0", 2)
        subject = next((line for line in message.splitlines() if line.strip()), "")
        shown = escaped(subject.strip(), _SHOWN), escaped(author, _SHOWN)
        return Revision(commit, *shown, float(time or 0), allowed_removals(message))

    def last_change(self, commit: str, paths: Sequence[str]) -> Found | None:
        """The newest commit up to this one that changed any of the paths, as `git log` has it for them; None where what
        was before it is not here. Not `short`: it looks back as far as it has to."""
        asked = ("rev-list", "--max-count=1", "--format=%P", commit, "--", *paths)
        said = self._patient.local(self.directory, *asked).decode().split()
        if len(said) < 2 or said[0] != "commit":
            return None
        found = Found(said[1], tuple(said[2:]))
        return found if found.parents or not self._has_parents(found.commit) else None

    def between(self, earlier: str, later: str, paths: Sequence[str]) -> list[str]:
        """The commits that lead to the later one, not to the earlier one, and changed any of the paths; the newest of
        them, newest first. Raises where one of the two is not here."""
        asked = ("rev-list", f"--max-count={_MOST_BETWEEN}", later, "--not", earlier, "--", *paths)
        return self._patient.local(self.directory, *asked).decode().split()

    def allowances(self, commit: str, since: Sequence[str]) -> dict[str, int]:
        """What the trailers `Windlass-Allow-Prune: N` say, by commit, up to this one and in none of `since` nor before
        them; none where one of those does not lead to it."""
        beside = ("rev-list", "--max-count=1", *since, "--not", commit, "--")
        if self._patient.local(self.directory, *beside):
            return {}
        which = (f"--max-count={_MOST_ALLOWANCES}", "--regexp-ignore-case", "--grep=^windlass-allow-prune:")
        asked = ("log", *which, "--no-show-signature", "--format=%H%n%B%x00", commit, "--not", *since, "--")
        said = self._patient.local(self.directory, *asked).decode(errors="backslashreplace")
        pairs = (one.strip().partition("\n") for one in said.split("\0"))
        return {found: allowed for found, _, message in pairs if (allowed := allowed_removals(message))}

    def _has_parents(self, commit: str) -> bool:
        """Whether it names any, be they here or not: a shallow clone ends at such a commit."""
        said = self._patient.local(self.directory, "cat-file", "commit", commit)
        return b"\nparent " in said.partition(b"\n\n")[0]

    def is_same(self, one: str, other: str, paths: Sequence[str]) -> bool:
        """Whether two commits have the same at the paths. Raises where one of them is not here."""
        return not self._patient.local(self.directory, *_COMPARED, one, other, "--", *paths)

    def differences(self, one: str, other: str) -> list[Difference]:
        """Everything in which two commits differ."""
        return list(differences(self._patient.local(self.directory, *_COMPARED, one, other)))

    def files(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """The files at and below the paths, at least one; of each its mode and what it is."""
        said = self._patient.local(self.directory, "ls-tree", "-r", "-z", commit, "--", *paths)
        pairs = (line.split("\t", 1) for line in said.decode(errors="surrogateescape").split("\0") if line)
        return {path: about for about, path in pairs}

    def listing(self, commit: str, path: str) -> dict[str, Listed]:
        """Every file below `path`, relative to it. Raises `Refused` for what a tree must not hold."""
        listing = Listing()
        tree = self._tree_id(commit, path) if path else commit
        with self.short:
            self._git.local(self.directory, "ls-tree", "-r", "-z", "-l", tree, take=listing.take)
        return listing.found

    def blobs(self, ids: list[str]) -> dict[str, bytes]:
        """The content of each blob by its id. Raises `MirrorCorrupt` unless each is what its id says."""
        asked = "".join(f"{object_id}\n" for object_id in ids).encode()
        with self.short:
            said = self._git.local(self.directory, "cat-file", "--batch", stdin=asked) if ids else b""
        return split_batch(ids, said)

    def _tree_id(self, commit: str, path: str) -> str:
        asked = f"{commit}:{path}\n".encode()
        with self.short:
            said = self._git.local(self.directory, "cat-file", "--batch-check", stdin=asked)
        object_id, _, kind = said.partition(b" ")
        if not kind.startswith(b"tree ") or said.endswith(b" missing\n"):
            raise Refused(f"the repository has no directory '{path}' at {commit[:7]}", reason="PathNotFound")
        return object_id.decode()


def allowed_removals(message: str) -> int:
    """What the trailer `Windlass-Allow-Prune: N` of a commit's message says; 0 without one."""
    trailers = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())[1:]
    found = re.findall(r"^windlass-allow-prune:[ \t]*([0-9]{1,6})[ \t]*$", "".join(trailers[-1:]), re.I | re.M | re.A)
    return max(map(int, found), default=0)


@_disk_trouble()
def locked(path: Path) -> int:
    """Lock a file for this process and return its descriptor; closing it, in every process, lets go of the lock.

    Raises `Refused`, reason `MirrorBusy`, when somebody else still holds it after a while.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_WAIT
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise Refused(f"another process uses {path.with_suffix('')}", reason="MirrorBusy") from None
            time.sleep(0.1)
        else:
            return fd


def keep_newest(directory: Path, count: int) -> None:
    """Of the mirrors in a directory keep so many, those that were used last, and those that somebody uses now.

    Raises nothing: what cannot be removed costs room and no more.
    """
    with suppress(OSError):
        marks = [mark for mark in directory.glob(f"*/{_MARK}") if not mark.parent.suffix]  # whole ones
        mirrors = sorted(marks, key=lambda mark: mark.stat().st_mtime)
        for mark in mirrors[: max(0, len(mirrors) - count)]:
            _discard(mark.parent)


def used_now(directory: Path) -> None:
    """Note it for `keep_newest`."""
    with suppress(OSError):
        (directory / _MARK).touch()


def _discard(directory: Path) -> None:
    """Remove a mirror, unless somebody uses it."""
    with directory.with_name(f"{directory.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _remove(directory)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):  # gone is what was wanted
        shutil.rmtree(path)
