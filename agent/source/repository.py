"""A git repository as a source: a bare mirror beside the agent, asked with `ls-remote` and fetched when a ref moved.

The one thing to know: whatever fails, what was good stays. `refs/windlass/current/…` moves to a commit only after its
tree was read, a damaged mirror is replaced only by a whole one, and both survive a restart while the server is down.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.errors import Refused, Trouble, Unreachable
from agent.model import Snapshot
from agent.printable import listed
from agent.source.access import Access
from agent.source.content import escaped
from agent.source.git import Git, Observe, find_git
from agent.source.mirror import CANDIDATE, GOOD, Mirror, locked
from agent.source.past import CommitPast
from agent.source.process import Limits
from agent.source.tree import CommitTree, worth_holding
from agent.source.trouble import MirrorCorrupt
from agent.source.url import COMMIT_ID, Ref, Remote, parse_path, parse_ref, parse_url
from agent.stand_ins import ignore

_STACK = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NAMED = 10  # branches that an error lists


class GitSource:
    """A `Source`. `sync` is for one thread at a time (others wait), the rest may be called from any.

    `ref` is a branch, a tag, `HEAD` or a full commit id, or what `parse_revision` made of a name; `path` the
    sub-directory that becomes the root of the tree; `mirror` a directory that only this source uses. `timeout` is in
    seconds and for each call of git, `max_bytes` for each file that git writes. Raises `BadSettings`. Nothing is
    touched before the first call.
    """

    def __init__(
        self,
        url: str,
        ref: str | Ref,
        path: str,
        mirror: Path,
        *,
        access: Access | None = None,
        timeout: float = 60.0,
        max_bytes: int = 2 << 30,
        observe: Observe = ignore,
    ) -> None:
        access = access or Access()
        self._remote = parse_url(url, local=True, insecure=access.insecure)
        self._ref = parse_ref(ref) if isinstance(ref, str) else ref
        self._path = parse_path(path)
        self._mark = _digest(self._remote.identity)
        self.origin = f"git:{_digest(self._remote.identity, self._path)}"
        self._current = _current_ref(self._ref.text)
        self._git = Git(find_git(), access, Limits(timeout, max_bytes), observe)
        self._mirror = Mirror(mirror.absolute(), self._git)
        self._opening = threading.Lock()
        self._syncing = threading.Lock()
        self._release: weakref.finalize[..., GitSource] | None = None
        self._damaged = False
        self._lost = False  # the mirror was gone: its records of what was good are to be written again
        self._last: Snapshot | None = None
        self._good: dict[str, str] = {}  # ref → commit: also here, for a mirror that has to be made anew
        self._snapshots: weakref.WeakValueDictionary[str, Snapshot] = weakref.WeakValueDictionary()
        self.past = CommitPast(lambda: self._mirror, self._path)

    def sync(self) -> Snapshot:
        """As `Source.sync`. A mirror that is damaged or gone is made anew."""
        with self._syncing:
            self._open()
            if not self._mirror.exists():
                self._mirror.create(self._mark)
                self._lost = True
            try:
                self._last = self._remade() if self._to_be_remade() else self._newest(self._mirror)
            except MirrorCorrupt:
                self._last = self._remade()
            if self._lost:
                self._carry_over(self._mirror)
                self._lost = False
            return self._last

    def last(self) -> Snapshot | None:
        """As `Source.last`. Raises `Refused` where `sync` would for the same revision."""
        if self._last is None:
            with suppress(MirrorCorrupt):  # it is made anew by the next `sync`
                self._last = self._stored(self._current)
        return self._last

    def good(self, stack: str) -> Snapshot | None:
        """As `Source.good`. Raises `Refused` where `sync` would for the same revision, `Unreachable` where the mirror
        is damaged or gone: the next `sync` makes it anew, with the records that are known."""
        ref = _good_ref(stack)
        found = self._stored(ref)
        if found is None and self._is_recorded(ref):
            self._damaged = True
            raise MirrorCorrupt(f"{self._mirror.directory} lacks {ref}; the next look at the source makes it anew")
        return found

    def accept(self, stack: str, revision: str) -> None:
        """As `Source.accept`. A mirror that is gone or damaged gets the record when it is made again."""
        ref = _good_ref(stack)
        if not COMMIT_ID.fullmatch(revision):
            raise Refused(f"'{revision}' is no commit of {self._remote}", reason="RevisionUnknown")
        self._open()
        self._good[ref] = revision
        if self._is_ours():
            try:
                if self._mirror.commit_at(revision):
                    self._mirror.point(ref, revision)
            except MirrorCorrupt:
                self._damaged = True

    def forget(self, stack: str) -> None:
        """As `Source.forget`."""
        ref = _good_ref(stack)
        self._open()
        self._good.pop(ref, None)
        if self._is_ours():
            try:
                self._mirror.drop(ref)
            except MirrorCorrupt:
                self._damaged = True

    def keep(self, commit: str) -> None:
        """Have a commit that was read be known without the server from now on, to whoever asks for it by its id."""
        self._open()
        self._mirror.point(_current_ref(commit), commit)

    @property
    def address(self) -> str:
        """Of the repository, without any credential."""
        return self._remote.address

    def close(self) -> None:
        """Let go of the mirror. The next call takes hold of it again."""
        with self._opening:
            if self._release:
                self._mirror = Mirror(self._mirror.directory, self._git)
                self._release()
            self._release = None

    # --- the mirror ---

    def _open(self) -> None:
        """Make sure that no other process uses the mirror, and clean up after one that was killed."""
        with self._opening:
            if self._release is not None:
                return
            directory = self._mirror.directory
            fd = locked(directory.with_name(f"{directory.name}.lock"))
            release = weakref.finalize(self, os.close, fd)
            mirror = Mirror(directory, replace(self._git, fds=(fd,)))
            try:
                mirror.claim()
            except Trouble:
                release()
                raise
            self._mirror, self._release = mirror, release
            self._recall()

    def _recall(self) -> None:
        """Have in mind what was recorded as good before this process, too: the mirror may be gone at any time."""
        with suppress(Trouble):  # it is damaged: what can be carried over is seen when it is made anew
            if self._is_ours():
                self._good = self._mirror.refs(GOOD) | self._good

    def _is_ours(self) -> bool:
        return self._mirror.exists() and self._mirror.belongs_to() == self._mark

    def _to_be_remade(self) -> bool:
        return self._damaged or not self._is_ours()

    def _remade(self) -> Snapshot:
        """Make the mirror anew beside the old one, which stays until the new one is whole."""
        old = self._mirror
        fresh = old.beside("new")
        fresh.create(self._mark)
        try:
            snapshot = self._newest(fresh)
            self._carry_over(fresh, old if self._is_ours() else None)
            old.replace_by(fresh)
        except MirrorCorrupt as error:  # just fetched, so it is the server's fault
            raise Unreachable(error.message, reason="GitFetchFailed") from error
        finally:
            fresh.remove()
        self._damaged = False
        return snapshot

    def _carry_over(self, fresh: Mirror, old: Mirror | None = None) -> None:
        """Give a new mirror the records of what was good. What neither the server nor the old mirror has is lost."""
        if old is not None:
            with suppress(Trouble):  # it is damaged: what is known from memory has to do
                self._good = old.refs(GOOD) | self._good
        for ref, commit in sorted(self._good.items()):
            with suppress(Trouble):  # as above; a record that is lost costs a fallback, never what runs
                if fresh.commit_at(commit) is None and old is not None:
                    fresh.fetch(Remote("file", str(old.directory)), ref, ref)
                fresh.point(ref, commit)

    # --- revisions ---

    def _newest(self, mirror: Mirror) -> Snapshot:
        known = mirror.commit_at(self._current)
        name, tip = (self._ref.commit,) * 2 if self._ref.commit else self._announced(mirror)
        # Only what a ref of ours names is whole: a fetch that was killed may leave a commit without its trees.
        whole = tip == known or tip == mirror.commit_at(CANDIDATE)
        commit = tip if whole else mirror.fetch(self._remote, name)
        snapshot = self._snapshot(mirror, commit)
        if commit != known:
            mirror.point(self._current, commit)
            mirror.tidy()
        return snapshot

    def _announced(self, mirror: Mirror) -> tuple[str, str]:
        """The full name of the ref that is followed, and the commit that the server says it leads to."""
        peeled = [f"{name}^{{}}" for name in self._ref.names if name.startswith("refs/tags/")]
        told = mirror.announced(self._remote, *self._ref.names, *peeled)
        for name in self._ref.names:
            if name in told:
                return name, told.get(f"{name}^{{}}", told[name])
        raise self._not_found(mirror)

    def _not_found(self, mirror: Mirror) -> Refused:
        told = mirror.announced(self._remote)
        if not told:
            return Refused(f"{self._remote} is empty: push a first commit to it", reason="EmptyRepository")
        branches = sorted(name.removeprefix("refs/heads/") for name in told if name.startswith("refs/heads/"))
        shown = listed(map(escaped, branches), _NAMED) or "none"
        message = f"{self._remote} has no branch or tag '{self._ref}'; its branches: {shown}"
        return Refused(message, reason="RefNotFound")

    def _stored(self, ref: str) -> Snapshot | None:
        """Raises `MirrorCorrupt`."""
        self._open()
        if not self._is_ours():
            return None
        try:
            commit = self._mirror.commit_at(ref)
            return self._snapshot(self._mirror, commit) if commit else None
        except MirrorCorrupt:
            self._damaged = True
            raise

    def _is_recorded(self, ref: str) -> bool:
        """Whether the ref is to lead to a commit, be it that this is not there."""
        return bool(self._mirror.refs(ref)) if self._is_ours() else ref in self._good

    def _snapshot(self, mirror: Mirror, commit: str) -> Snapshot:
        snapshot = self._snapshots.get(commit)
        if snapshot is None:
            found = mirror.listing(commit, self._path)
            held = mirror.blobs(worth_holding(found))
            snapshot = Snapshot(mirror.revision(commit), CommitTree(found, held, self._late))
            self._snapshots[commit] = snapshot
        return snapshot

    def _late(self, object_id: str) -> bytes:
        """A blob that a tree did not hold from the start, for any thread and however long after."""
        try:
            return self._mirror.blobs([object_id])[object_id]
        except MirrorCorrupt:
            self._damaged = True
            raise


def _current_ref(name: str) -> str:
    return f"refs/windlass/current/{_digest(name)}"


def _good_ref(stack: str) -> str:
    if not _STACK.fullmatch(stack):
        raise Refused(f"'{escaped(stack)}' is no name of a stack", reason="StackNameInvalid")
    return GOOD + stack


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
