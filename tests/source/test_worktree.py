"""Which commit the files of a work tree are of, and that finding it out runs nothing that the repository names."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from agent.desired import Reader, Reading, as_committed
from agent.errors import BadSettings, Refused
from agent.source.directory import DirectorySource
from agent.source.worktree import head_of, snapshot_at
from tests.source.repositories import ENV

OURS = frozenset({os.getuid()})
WEB, DB = "stacks/web/compose.yaml", "stacks/db/compose.yaml"
FILE = "services:\n  one:\n    image: one:1\n    volumes: [./page:/page:ro, ./data:/data]\n"


class WorkTree:
    """A clone as a user has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.path, env=ENV, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def commit(self, files: Mapping[str, str], subject: str = "A change") -> str:
        self.write(files)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def read(self, below: str = "") -> Reading:
        directory = self.path / below
        reader = Reader(PurePosixPath("/state"), default_name=directory.name, directory=PurePosixPath(directory))
        reading = reader.read(DirectorySource(directory).sync())
        head = head_of(directory, OURS)
        return as_committed(reading, reader, head) if head else reading


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    return WorkTree(tmp_path / "fleet")


def test_files_that_are_as_committed_have_the_commit_as_their_revision(work: WorkTree) -> None:
    head = work.commit({WEB: FILE, DB: FILE, "stacks/web/page": "hello"}, "Say hello")
    reading = work.read()
    assert str(reading.snapshot.revision) == f'git {head[:7]} "Say hello" (Ada)'
    assert {stack.revision.id for stack in reading.stacks.values()} == {head}
    assert work.read("stacks/web").snapshot.revision.id == head


def test_data_beside_the_files_changes_nothing(work: WorkTree) -> None:
    head = work.commit({WEB: FILE, "README": "one"})
    work.write({"stacks/web/data/rows": "1", "README": "two", "untracked": "x"})
    assert work.read().snapshot.revision.id == head


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({WEB: FILE.replace("one:1", "one:2")}, id="the stack's file"),
        pytest.param({"stacks/web/page": "bye"}, id="a file that it mounts"),
        pytest.param({"stacks/web/.env": "A=2", WEB: FILE.replace("one:1", "one:${A}")}, id="its variables"),
    ],
)
def test_a_stack_that_was_changed_since_has_the_directory_and_the_others_the_commit(
    work: WorkTree, changed: dict[str, str]
) -> None:
    head = work.commit({WEB: FILE, DB: FILE, "stacks/web/page": "hello"})
    work.write(changed)
    reading = work.read()
    assert reading.stacks["web"].revision.id.startswith("dir-")
    assert reading.stacks["db"].revision.id == head
    assert reading.snapshot.revision.id.startswith("dir-")


@pytest.mark.parametrize("path", ["stacks/new/compose.yaml", DB], ids=["one more", "one less"])
def test_other_stacks_than_committed_are_the_directorys(work: WorkTree, path: str) -> None:
    head = work.commit({WEB: FILE, DB: FILE})
    if path == DB:
        (work.path / DB).unlink()
    else:
        work.write({path: FILE})
    reading = work.read()
    assert reading.stacks["web"].revision.id == head
    assert reading.snapshot.revision.id.startswith("dir-")


def test_a_further_work_tree_has_a_commit_of_its_own(work: WorkTree, tmp_path: Path) -> None:
    work.commit({WEB: FILE})
    work.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    other = WorkTree.__new__(WorkTree)
    other.path = tmp_path / "other"
    head = other.commit({DB: FILE}, "Elsewhere")
    assert other.read().snapshot.revision.id == head


def test_where_there_is_no_commit_to_be_named(work: WorkTree, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert head_of(plain, OURS) is None, "no repository"
    work.write({WEB: FILE})
    assert head_of(work.path, OURS) is None, "no commit yet"
    work.commit({WEB: FILE})
    assert head_of(work.path / "stacks" / "nosuch", OURS) is None, "not in the commit"
    assert head_of(work.path, frozenset({os.getuid() + 1})) is None, "somebody else's"
    (work.path / ".git" / "HEAD").write_text("nonsense")
    assert head_of(work.path, OURS) is None, "damaged"


def test_nothing_that_the_repository_names_is_run(work: WorkTree, tmp_path: Path) -> None:
    """Each of these is run by a git that looks at the work tree, or that fetches what is missing."""
    work.commit({WEB: FILE, ".gitattributes": "* filter=evil diff=evil\n"})
    ran = tmp_path / "ran"
    program = f"touch {ran}"
    for key in (
        *("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command"),
        *("core.sshCommand", "core.pager", "gpg.program", "credential.helper", "alias.log"),
    ):
        work.git("config", key, f"!{program}" if key == "alias.log" else program)
    work.git("config", "log.showSignature", "true")
    work.git("config", "extensions.partialClone", "origin")
    work.git("config", "remote.origin.uploadpack", program)
    os.utime(work.path / WEB)  # so that a git which looks has to read it again
    assert head_of(work.path, OURS) is not None
    assert snapshot_at(work.path, "main", OURS).tree.read(WEB) == FILE.encode()
    blob = work.git("rev-parse", f"HEAD:{WEB}")
    (work.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        work.git("config", "remote.origin.url", f"https://127.0.0.1:{server.getsockname()[1]}/x.git")
        assert head_of(work.path, OURS) is None
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not ran.exists()


# --- another revision than the one that is checked out ----------------------------------------------------------


def at(work: WorkTree, revision: str) -> str:
    """What the repository says one:N is at a revision."""
    return snapshot_at(work.path, revision, OURS).tree.read(WEB).decode().partition("image: one:")[2][:1]


@pytest.fixture
def branched(work: WorkTree) -> WorkTree:
    """one:1 on main, then one:2 on main and one:3 on a branch, which a pull request and a fetched branch name too."""
    work.commit({WEB: FILE}, "One")
    work.git("tag", "-a", "v1", "-m", "v1")
    work.git("branch", "fix/it")
    work.commit({WEB: FILE.replace("one:1", "one:2")}, "Two")
    work.git("checkout", "--quiet", "fix/it")
    three = work.commit({WEB: FILE.replace("one:1", "one:3")}, "Three")
    work.git("update-ref", "refs/pull/7/head", three)
    work.git("update-ref", "refs/remotes/origin/theirs", three)
    work.git("checkout", "--quiet", "main")
    (work.path / ".git" / "FETCH_HEAD").write_text(f"{three}\t\tbranch 'theirs' of somewhere\n")
    return work


@pytest.mark.parametrize(
    ("revision", "version"),
    [
        ("main", "2"),
        ("fix/it", "3"),
        ("v1", "1"),
        ("HEAD", "2"),
        ("FETCH_HEAD", "3"),
        ("HEAD~1", "1"),
        ("main^", "1"),
        ("refs/heads/fix/it", "3"),
        ("pull/7/head", "3"),
        ("refs/pull/7/head", "3"),
        ("origin/theirs", "3"),
        ("theirs", "3"),
    ],
)
def test_a_revision_is_read_by_its_name(branched: WorkTree, revision: str, version: str) -> None:
    assert at(branched, revision) == version


def test_a_revision_is_read_by_its_id(branched: WorkTree) -> None:
    commit = branched.git("rev-parse", "v1^{commit}")
    for name in (commit, commit.upper(), commit[:7], branched.git("rev-parse", "v1")):
        snapshot = snapshot_at(branched.path, name, OURS)
        assert str(snapshot.revision) == f'git {commit[:7]} "One" (Ada)'
    branched.git("branch", commit[:7], "main")
    assert at(branched, commit[:7]) == "2", "a branch of that name comes first, as in git"


def test_a_revision_that_is_not_there_is_told_with_what_to_do(branched: WorkTree, tmp_path: Path) -> None:
    for revision, command in (
        ("pull/9/head", "git fetch origin refs/pull/9/head:refs/pull/9/head"),
        ("refs/pull/9/head", "git fetch origin refs/pull/9/head:refs/pull/9/head"),
        ("nosuch", "git fetch origin"),
        ("fix/no/such", "git fetch origin"),
    ):
        with pytest.raises(Refused) as caught:
            snapshot_at(branched.path, revision, OURS)
        assert f"no branch, tag or commit '{revision}': fetch it ({command})" in caught.value.message
        assert caught.value.reason == "RefNotFound"
    with pytest.raises(Refused, match="belongs to another user") as caught:
        snapshot_at(branched.path, "main", frozenset({os.getuid() + 1}))
    assert caught.value.reason == "GitDubiousOwnership"
    with pytest.raises(Refused) as caught:
        snapshot_at(tmp_path, "main", OURS)
    assert caught.value.reason == "RepoNotFound"


@pytest.mark.parametrize(
    "revision",
    [
        "",
        "-x",
        "--all",
        "main..v1",
        "main@{1}",
        ":/One",
        "main:stacks",
        "HEAD^{/One}",
        "a b",
        "main\nv1",
        "main~x",
        "~1",
    ],
)
def test_what_is_no_name_of_a_revision_never_reaches_git(branched: WorkTree, revision: str) -> None:
    with pytest.raises(BadSettings) as caught:
        snapshot_at(branched.path, revision, OURS)
    assert caught.value.reason == "RefInvalid"


def test_objects_that_are_not_there_are_told_and_not_fetched(branched: WorkTree) -> None:
    blob = branched.git("rev-parse", f"fix/it:{WEB}")
    (branched.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Refused, match="partial clone") as caught:
        snapshot_at(branched.path, "fix/it", OURS)
    assert caught.value.reason == "RevisionUnreadable"


def test_nothing_is_written_to_the_repository(branched: WorkTree) -> None:
    def everything() -> dict[str, float]:
        return {str(path): path.stat().st_mtime_ns for path in branched.path.rglob("*")}

    before = everything()
    at(branched, "fix/it")
    assert everything() == before
