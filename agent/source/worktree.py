"""The commits of a work tree on this machine: the one that is checked out, and any other that is asked for.

The one thing to know: git looks at the object store alone. It never looks at the work tree, where what the repository's
own settings name (filters, a file system monitor) would be run.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from agent.errors import Refused, Trouble
from agent.model import Snapshot
from agent.provenance import NoPast, Past
from agent.source.access import Access
from agent.source.git import Git, find_git
from agent.source.mirror import Mirror
from agent.source.past import CommitPast
from agent.source.process import Limits
from agent.source.tree import CommitTree, worth_holding
from agent.source.trouble import MirrorCorrupt
from agent.source.url import parse_revision
from agent.stand_ins import ignore

_NO_BRANCHES = ("refs/pull/", "refs/merge-requests/", "refs/changes/")  # of GitHub and Gitea, of GitLab, of Gerrit
_STEPS = re.compile(r"([~^][0-9]{0,4}){0,9}")  # from a commit to those before it
_ID = re.compile(r"[0-9a-fA-F]{7,64}")
_LIMITS = Limits(seconds=20.0, file_bytes=1 << 20)


def head_of(directory: Path, owners: Collection[int]) -> Snapshot | None:
    """What HEAD says of a directory in a git work tree, with the directory as the root of the tree.

    None where there is no such commit, where it cannot be read, and where the repository belongs to none of `owners`
    (user ids), as git itself has it: settings that somebody else wrote are not for us to load.
    """
    try:
        found = _store_of(directory, owners)
        commit = found.mirror.commit_at("HEAD") if found else None
        return _read(found.mirror, commit, found.path) if found and commit else None
    except (OSError, UnicodeDecodeError, Trouble):
        return None  # the files say what they say; which commit they are of is good to know and no more


def past_of(directory: Path, owners: Collection[int]) -> Past:
    """What led to the commits of a git work tree, with a directory in it as the root of the tree. Nothing is known of
    it where `head_of` gives none."""
    try:
        found = _store_of(directory, owners)
    except (OSError, UnicodeDecodeError, Trouble):
        return NoPast()
    return CommitPast(lambda: found.mirror, found.path) if found else NoPast()


def snapshot_at(top: Path, revision: str, owners: Collection[int]) -> Snapshot:
    """What a work tree's repository has at a revision: a branch, a tag, any other ref, a commit, or HEAD~2 and its
    like. Nothing is fetched and nothing written.

    Raises `Refused` where there is no such repository or commit, where it cannot be read, and where it belongs to none
    of `owners`; `BadSettings` for what is no name of a revision.
    """
    names = _names(revision)
    try:
        mirror = _mirror(top, owners)
        commit = next((commit for name in names if (commit := mirror.commit_at(name))), None)
        if commit is not None:
            return _read(mirror, commit, "")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"the repository of {top} cannot be read: {error}", reason="RepoNotFound") from error
    except MirrorCorrupt as error:
        message = f"revision {revision} of {top} cannot be read: {error.message}; is it a partial clone?"
        raise Refused(message, reason="RevisionUnreadable") from error
    raise Refused(
        f"the repository of {top} has no branch, tag or commit '{revision}': fetch it ({_how_to_fetch(revision)}),"
        " or name the repository that has it with --repo",
        reason="RefNotFound",
    )


def _names(revision: str) -> tuple[str, ...]:
    """What git calls a revision, the likeliest first. All are read from its standard input, so none is an option."""
    name = re.split("[~^]", revision, maxsplit=1)[0]
    steps = revision[len(name) :]
    if not _STEPS.fullmatch(steps):
        name = revision  # which is refused
    known = parse_revision(name).names
    followed = () if name in known else (f"refs/remotes/{name}", f"refs/remotes/origin/{name}")
    identity = (name,) if _ID.fullmatch(name) or name == "FETCH_HEAD" else ()
    return tuple(ref + steps for ref in (*known, *(followed if known else ()), *identity))


def _how_to_fetch(revision: str) -> str:
    """A pull request is no branch, and fetched only by its name."""
    ref = revision if revision.startswith("refs/") else f"refs/{revision}"
    return f"git fetch origin {ref}:{ref}" if ref.startswith(_NO_BRANCHES) else "git fetch origin"


class _Store(NamedTuple):
    """An object store, and where a directory is in its trees, "" being the root."""

    mirror: Mirror
    path: str


def _store_of(directory: Path, owners: Collection[int]) -> _Store | None:
    """Of the work tree that a directory is in, if it is in one. Raises as `_mirror`."""
    directory = directory.resolve()
    top = next((above for above in (directory, *directory.parents) if (above / ".git").exists()), None)
    if top is None:
        return None
    path = directory.relative_to(top)
    return _Store(_mirror(top, owners), "" if path == Path() else path.as_posix())


def _mirror(top: Path, owners: Collection[int]) -> Mirror:
    """The object store of a work tree. Raises `Refused` where it is not for us to load, and `OSError`."""
    store = _store(top / ".git")
    if store.stat().st_uid not in owners:
        message = f"{store} belongs to another user: run this as that user, or with sudo from there"
        raise Refused(message, reason="GitDubiousOwnership")
    return Mirror(store, Git(find_git(), Access(), _LIMITS, ignore))


def _store(git: Path) -> Path:
    """The directory itself, or the one that a file names (in a submodule, and in a further work tree)."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().removeprefix("gitdir:").strip()


def _read(mirror: Mirror, commit: str, path: str) -> Snapshot:
    found = mirror.listing(commit, path)
    held = mirror.blobs(worth_holding(found))
    return Snapshot(mirror.revision(commit), CommitTree(found, held, lambda blob: mirror.blobs([blob])[blob]))
