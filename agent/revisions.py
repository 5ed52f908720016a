"""The files of a revision, for a command that does not mean what lies on the disk: of the repository that a path is
in, or of one that is elsewhere.

The one thing to know: the user's clone is only read. What has to be fetched goes to a mirror in the state directory,
beside the agent's own, which the agent keeps to itself while it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from agent.desired import Reader
from agent.errors import Refused
from agent.model import Revision, Snapshot
from agent.parts import default_name, make_git_source, remote_of
from agent.places import Allowed, Ground, ground
from agent.provenance import Tracer
from agent.settings import Settings, require_repo
from agent.source.disk import has_git, work_tree_of
from agent.source.mirror import keep_newest, used_now
from agent.source.url import parse_revision
from agent.source.worktree import past_of, snapshot_at
from agent.statedir import StateDir
from agent.target import Target
from agent.tree import Entry

_KEPT = 5  # repositories of which a revision was looked at
_TOP = Path("/")  # of what lies nowhere on this host: paths read as they are in the repository


class Committed:
    """The tree of a commit, as `places.LookedAt`."""

    def __init__(self, snapshot: Snapshot, top: Path) -> None:
        self.top = top
        self._snapshot = snapshot
        self._read: set[str] = set()

    def entries(self) -> Mapping[str, Entry]:
        return self._snapshot.tree.entries()

    def beneath(self, directory: str) -> Iterable[str]:
        return self._snapshot.tree.beneath(directory)

    def read(self, path: str) -> bytes:
        data = self._snapshot.tree.read(path)
        self._read.add(path)
        return data

    @property
    def files_read(self) -> tuple[str, ...]:
        return tuple(sorted(self._read))

    def revision(self) -> Revision:
        return self._snapshot.revision


def is_in_clone(target: Target, here: Path) -> bool:
    """Whether the path of a command lies in the work tree of a repository."""
    path = here / target.path
    return has_git(work_tree_of(path.parent if path.is_file() else path))


def in_clone(target: Target, allowed: Allowed, environment: Mapping[str, str], owners: Collection[int]) -> Ground:
    """The stacks at the path, as the revision has them, for the same place on this host. Raises as `snapshot_at`."""

    def tree_of(top: Path) -> Committed:
        if not has_git(top):
            message = f"{top} is in no git repository, so it has no revision {target.rev}: name one with --repo URL"
            raise Refused(message, reason="RepoNotFound")
        return Committed(snapshot_at(top, target.rev, owners), top)

    found = ground(target, allowed, environment, tree_of)
    past = past_of(found.tree.top, owners)
    return replace(found, ref=_asked(target.rev, found.tree.revision()), past=past)


def in_repository(target: Target, settings: Settings, allowed: Allowed) -> Ground:
    """Every stack of the settings' repository at the revision, as the agent would have them. Raises what `Source.sync`
    does, and `BadSettings`."""
    require_repo(settings)
    rev = target.rev or settings.ref
    name = hashlib.sha256(remote_of(settings).identity.encode()).hexdigest()[:12]
    mirrors = StateDir(allowed.state_dir).looked_at
    source = make_git_source(settings, parse_revision(rev), mirrors / name)
    snapshot = source.sync()
    used_now(mirrors / name)
    keep_newest(mirrors, _KEPT)
    source.keep(snapshot.revision.id)
    source.close()  # others may fetch on while somebody thinks about the plan; what was read stays readable
    reader = Reader(
        PurePosixPath(allowed.state_dir),
        allowed.variables,
        default_name=default_name(settings.repo),
        secrets_dir=str(allowed.secrets_dir),
        key=allowed.key,
        allow_build=allowed.allow_build,
    )
    return Ground(
        Committed(snapshot, _TOP),
        reader,
        here=_TOP,
        named=_TOP,
        whole=True,
        source=source.origin,
        url=source.address,
        ref=_asked(rev, snapshot.revision),
        past=source.past,
    )


def tracer_of(ground: Ground, owners: Collection[int]) -> Tracer:
    """Asks what led to the commit that the files of a command are of, or that the work tree is at in which they lie."""
    return Tracer(ground.past if ground.is_committed else past_of(ground.tree.top, owners))


def _asked(rev: str, revision: Revision) -> str:
    return "" if rev == revision.id else rev
