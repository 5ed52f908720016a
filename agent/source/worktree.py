"""The commit that a directory of this machine has checked out, so that a plan of its files can name it.

The one thing to know: git looks at the object store alone. It never looks at the work tree, where what the repository's
own settings name (filters, a file system monitor) would be run.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from agent.errors import Trouble
from agent.model import Snapshot
from agent.source.access import Access
from agent.source.git import Git, find_git
from agent.source.mirror import Mirror
from agent.source.process import Limits
from agent.source.tree import CommitTree, worth_holding

_LIMITS = Limits(seconds=20.0, file_bytes=1 << 20)


def head_of(directory: Path, owners: Collection[int]) -> Snapshot | None:
    """What HEAD says of a directory in a git work tree, with the directory as the root of the tree.

    None where there is no such commit, where it cannot be read, and where the repository belongs to none of `owners`
    (user ids), as git itself has it: settings that somebody else wrote are not for us to load.
    """
    directory = directory.resolve()
    top = next((above for above in (directory, *directory.parents) if (above / ".git").exists()), None)
    if top is None:
        return None
    try:
        store = _store(top / ".git")
        if store.stat().st_uid not in owners:
            return None
        return _read(Mirror(store, Git(find_git(), Access(), _LIMITS, _unobserved)), directory.relative_to(top))
    except (OSError, UnicodeDecodeError, Trouble):
        return None  # the files say what they say; which commit they are of is good to know and no more


def _store(git: Path) -> Path:
    """The directory itself, or the one that a file names (in a submodule, and in a further work tree)."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().removeprefix("gitdir:").strip()


def _read(mirror: Mirror, path: Path) -> Snapshot | None:
    commit = mirror.commit_at("HEAD")
    if commit is None:
        return None
    found = mirror.listing(commit, "" if path == Path() else path.as_posix())
    held = mirror.blobs(worth_holding(found))
    return Snapshot(mirror.revision(commit), CommitTree(found, held, lambda blob: mirror.blobs([blob])[blob]))


def _unobserved(_verb: str, _seconds: float, _result: str) -> None:
    """Nobody counts these calls."""
