"""Which commit the files of a work tree are of, and that finding it out runs nothing that the repository names."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from agent.desired import Reader, Reading, as_committed
from agent.source.directory import DirectorySource
from agent.source.worktree import head_of
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
    blob = work.git("rev-parse", f"HEAD:{WEB}")
    (work.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        work.git("config", "remote.origin.url", f"https://127.0.0.1:{server.getsockname()[1]}/x.git")
        assert head_of(work.path, OURS) is None
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not ran.exists()
