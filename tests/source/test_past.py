"""What led to a commit, asked of real repositories: which commit last changed a stack, and whether anything did."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from agent.desired import Reader, as_committed
from agent.follower import Follower
from agent.model import Revision
from agent.provenance import Past
from agent.source import mirror
from agent.source.directory import DirectorySource
from agent.source.repository import GitSource
from agent.source.worktree import head_of, past_of
from tests.source.repositories import ENV, Repository

Open = Callable[..., GitSource]
WEB, DB, SHARED, README = "stacks/web/compose.yaml", "stacks/db/compose.yaml", "shared/common.env", "README.md"
OURS = frozenset({os.getuid()})


class Line:
    """Commits onto a branch, each with all files that there are so far."""

    def __init__(self, repository: Repository, branch: str = "main") -> None:
        self.repository, self.branch = repository, branch
        self.files: dict[str, bytes] = {}

    def commit(self, subject: str, **moved: str | None) -> str:
        """`web=…` is the file of that name above; None removes it."""
        names = {"web": WEB, "db": DB, "shared": SHARED, "readme": README}
        for name, text in moved.items():
            if text is None:
                del self.files[names[name]]
            else:
                self.files[names[name]] = text.encode()
        return self.repository.commit(self.files, subject, branch=self.branch)

    def fork(self, branch: str) -> Line:
        other = Line(self.repository, branch)
        other.files = dict(self.files)
        self.repository.git("branch", branch, self.branch)
        return other

    def merge(self, other: Line, subject: str, files: dict[str, bytes]) -> str:
        self.files = files
        both = ("-p", str(self.repository.tip(self.branch)), "-p", str(self.repository.tip(other.branch)))
        tree = self.repository.tree_of(files)
        made = self.repository.git("commit-tree", tree, *both, stdin=subject.encode())
        self.repository.git("update-ref", f"refs/heads/{self.branch}", made)
        return made


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(Repository.create(tmp_path / "origin.git"))


def asked(past: Past, revision: str, *paths: str) -> str:
    """The subject of the commit that is named, "" where none is."""
    found = past.last_change(revision, frozenset(paths))
    return found.subject if found else ""


def read(source: GitSource) -> tuple[Past, str]:
    return source.past, source.sync().revision.id


def test_the_commit_is_named_that_last_changed_the_paths(line: Line, open_source: Open) -> None:
    line.commit("Add web", web="1")
    brought = line.commit("Raise web", web="2", shared="A=1")
    line.commit("Add db", db="1")
    line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository))
    assert past.last_change(head, frozenset({WEB})) == Revision(brought, "Raise web", "Ada", 1700000000)
    assert asked(past, head, DB) == "Add db"
    assert asked(past, head, WEB, DB) == "Add db"
    assert asked(past, head, "stacks/web", README) == "Explain"
    assert asked(past, brought, WEB, DB) == "Raise web"
    assert asked(past, head, "") == "Explain"


def test_the_commits_are_named_that_lie_between_two_and_are_about_the_paths(line: Line, open_source: Open) -> None:
    first = line.commit("Add web", web="1")
    for number in range(2, 5):
        line.commit(f"Raise web to {number}", web=str(number))
        line.commit(f"Explain {number}", readme=str(number))
    past, head = read(open_source(line.repository))
    found = past.between(first, head, frozenset({WEB}))
    assert [one.subject for one in found] == ["Raise web to 4", "Raise web to 3", "Raise web to 2"]
    assert found[0].author == "Ada"
    assert past.between(head, first, frozenset({WEB})) == past.between(found[0].id, head, frozenset({WEB})) == ()


def test_what_is_not_there_any_more_counts(line: Line, open_source: Open) -> None:
    line.commit("Add web", web="1", shared="A=1")
    line.commit("Remove the variables", shared=None)
    line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository))
    assert asked(past, head, WEB, SHARED) == "Remove the variables"
    assert asked(past, head, WEB, "stacks/web/.env") == "Add web"
    assert asked(past, head, "stacks/web/.env") == ""


def test_paths_are_meant_from_the_directory_that_is_the_root_of_the_tree(line: Line, open_source: Open) -> None:
    line.commit("Add web", web="1")
    line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository, path="stacks"))
    assert asked(past, head, "web/compose.yaml") == asked(past, head, "") == "Add web"


def test_paths_are_no_patterns(line: Line, open_source: Open) -> None:
    line.files = {"*.yaml": b"1", ":(top)x": b"1"}
    line.commit("Add them")
    line.files |= {"other.yaml": b"1", "x": b"1"}
    line.commit("Add others")
    past, head = read(open_source(line.repository))
    assert asked(past, head, "*.yaml", ":(top)x") == "Add them"


def test_of_a_branch_that_was_merged_the_very_commit_is_named(line: Line, open_source: Open) -> None:
    line.commit("Begin", web="1", db="1")
    topic = line.fork("topic")
    topic.commit("Raise web", web="2")
    topic.commit("Explain it", readme="1")
    line.commit("Raise db", db="2")
    line.merge(topic, "Merge topic", {**topic.files, DB: b"2"})
    past, head = read(open_source(line.repository))
    assert asked(past, head, WEB) == "Raise web"
    assert asked(past, head, DB) == "Raise db"


def test_a_merge_that_brings_together_what_no_side_had_is_named_itself(line: Line, open_source: Open) -> None:
    line.commit("Begin", web="1")
    topic = line.fork("topic")
    topic.commit("Raise web", web="2")
    line.commit("Lower web", web="0")
    line.merge(topic, "Merge topic", {WEB: b"2 and 0"})
    past, head = read(open_source(line.repository))
    assert asked(past, head, WEB) == "Merge topic"


def test_what_was_taken_back_is_the_same_again(line: Line, open_source: Open) -> None:
    first = line.commit("Add web", web="1")
    second = line.commit("Raise web", web="2")
    line.commit("Take it back", web="1")
    third = line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository))
    assert (head, asked(past, head, WEB)) == (third, "Take it back")
    paths = frozenset({WEB, "stacks/web/.env"})
    assert past.is_same(first, head, paths)
    assert not past.is_same(second, head, paths)
    assert not past.is_same(first, head, paths | {README})
    assert not past.is_same(first, head, frozenset({""}))


def test_the_right_to_run_a_file_counts(line: Line, open_source: Open) -> None:
    blob = line.repository.blob(b"#!/bin/sh\n")
    one, other = [
        line.repository.commit(line.repository.tree([(mode, "blob", blob, b"run.sh")]), "Change")
        for mode in ("100644", "100755")
    ]
    past, _ = read(open_source(line.repository))
    assert not past.is_same(one, other, frozenset({"run.sh"}))


def test_of_very_many_paths_their_directories_are_asked_for(
    line: Line, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.source.past._MOST_PATHS", 2)
    line.files = {f"stacks/web/pages/{number}": b"1" for number in range(4)}
    first = line.commit("Add pages")
    line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository))
    paths = frozenset(line.files) - {README}
    assert asked(past, head, *paths) == "Add pages"
    assert past.is_same(first, head, paths)
    assert asked(past, head, *paths, README) == "Explain"


def moved(files: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    return {path.replace(old, new, 1) if path.startswith(old) else path: data for path, data in files.items()}


@pytest.mark.parametrize("folder", ["apps/web/", "stacks/web/deeper/"])
def test_that_a_folder_was_moved_is_no_change(line: Line, open_source: Open, folder: str) -> None:
    line.files = {"stacks/web/page": b"page"}
    first = line.commit("Add web", web="1", shared="A=1")
    line.files = moved(line.files, "stacks/web/", "elsewhere/")
    line.commit("Move it")
    line.files = moved(line.files, "elsewhere/", folder)
    line.commit("Move it again")
    line.commit("Explain", readme="1")
    past, head = read(open_source(line.repository))
    paths = frozenset({f"{folder}compose.yaml", f"{folder}page", f"{folder}.env", SHARED})
    assert asked(past, head, *paths) == "Add web"
    assert past.is_same(first, head, paths)


def test_what_is_moved_to_the_root_or_out_of_it(line: Line, open_source: Open) -> None:
    """Into the root it cannot be told from a file that begins to count: then the move is named."""
    line.files = {"compose.yaml": b"one", "conf/page": b"page"}
    first = line.commit("Add it")
    line.files = {"web/compose.yaml": b"one", "web/conf/page": b"page"}
    second = line.commit("Move it down")
    line.files = {"compose.yaml": b"one", "conf/page": b"page"}
    line.commit("Move it up")
    past, head = read(open_source(line.repository))
    down, up = frozenset({"web/compose.yaml", "web/conf"}), frozenset({"compose.yaml", "conf"})
    assert (asked(past, second, *down), past.is_same(first, second, down)) == ("Add it", True)
    assert (asked(past, head, *up), past.is_same(second, head, up)) == ("Move it up", False)
    assert past.is_same(first, head, up)


def test_what_was_moved_and_changed_has_changed(line: Line, open_source: Open) -> None:
    first = line.commit("Add web", web="1", shared="A=1")
    line.files = {"apps/web/compose.yaml": b"2", SHARED: b"A=1"}
    second = line.commit("Move it and raise it")
    line.files = {"web/compose.yaml": b"2", SHARED: b"A=2"}
    line.commit("Move it once more, and raise what is shared")
    past, head = read(open_source(line.repository))
    assert asked(past, second, "apps/web/compose.yaml", SHARED) == "Move it and raise it"
    assert not past.is_same(first, second, frozenset({"apps/web/compose.yaml", SHARED}))
    assert asked(past, head, "web/compose.yaml", SHARED) == "Move it once more, and raise what is shared"
    assert not past.is_same(second, head, frozenset({"web/compose.yaml", SHARED}))


@pytest.mark.parametrize("stays", [True, False])
def test_what_does_not_come_along_when_a_folder_is_moved_is_a_change(
    line: Line, open_source: Open, stays: bool
) -> None:
    line.files = {"stacks/web/.env": b"A=1"}
    first = line.commit("Add web", web="1")
    line.files = {"apps/web/compose.yaml": b"1", **({"stacks/web/.env": b"A=1"} if stays else {})}
    line.commit("Move it, but for its variables")
    past, head = read(open_source(line.repository))
    paths = frozenset({"apps/web/compose.yaml", "apps/web/.env"})
    assert asked(past, head, *paths) == "Move it, but for its variables"
    assert not past.is_same(first, head, paths)


@pytest.mark.parametrize(
    ("old", "new"),
    [("stacks/web/spare.yaml", "stacks/web/compose.override.yaml"), ("spare/page.yaml", "stacks/web/page.yaml")],
    ids=["another name", "another folder"],
)
def test_a_file_that_begins_to_count_is_a_change(line: Line, open_source: Open, old: str, new: str) -> None:
    line.files = {old: b"more"}
    first = line.commit("Add web", web="1")
    line.files = moved(line.files, old, new)
    line.commit("Have it count")
    past, head = read(open_source(line.repository))
    assert asked(past, head, WEB, new) == "Have it count"
    assert not past.is_same(first, head, frozenset({WEB, new}))


@pytest.mark.parametrize("revision", ["f" * 40, "dir-0123456789ab", "", "--all", "main"])
def test_of_what_is_no_commit_that_is_there_nothing_is_known(line: Line, open_source: Open, revision: str) -> None:
    line.commit("Add web", web="1")
    past, head = read(open_source(line.repository))
    assert asked(past, revision, WEB) == ""
    assert not past.is_same(revision, head, frozenset({WEB}))
    assert not past.is_same(head, revision, frozenset({WEB}))
    assert past.between(revision, head, frozenset({WEB})) == past.between(head, revision, frozenset({WEB})) == ()


def test_the_commit_is_known_at_which_a_stack_was_good(line: Line, open_source: Open) -> None:
    source = open_source(line.repository)
    good = line.commit("Add web", web="1")
    past, _ = read(source)
    assert past.good("web") == ""
    source.accept("web", good)
    line.commit("Explain", readme="1")
    source.sync()
    assert (past.good("web"), past.good("db")) == (good, "")


def test_without_a_mirror_nothing_is_known(open_source: Open, tmp_path: Path) -> None:
    assert open_source(tmp_path / "origin.git").past.good("web") == ""
    assert asked(open_source(tmp_path / "origin.git").past, "f" * 40, WEB) == ""


def test_a_plain_directory_has_no_past(tmp_path: Path) -> None:
    past = DirectorySource(tmp_path).past
    assert asked(past, "dir-0123456789ab", WEB) == ""
    assert not past.is_same("dir-0123456789ab", "dir-0123456789ab", frozenset({WEB}))


def test_who_takes_too_long_is_not_waited_for(line: Line, open_source: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_PATIENCE", 0.0)
    head = line.commit("Add web", web="1")
    past, _ = read(open_source(line.repository))
    assert asked(past, head, WEB) == ""
    assert not past.is_same(head, head, frozenset({WEB}))


def broken(source: GitSource) -> dict[str, str]:
    """By the broken stacks of the newest revision, the subjects of the commits that are named for them."""
    reader = Reader(PurePosixPath("/state"), default_name="fleet")
    follower = Follower(source, reader, lambda _result, _seconds: None)
    if good := follower.newest().stacks.get("web"):
        follower.accept(good)
    reading = follower.newest()
    return {name: commit.subject for name, commit in reading.blamed.items()} if reading.broken else {}


def test_the_commit_is_named_that_broke_a_stack(line: Line, open_source: Open) -> None:
    line.commit("Add web", web="services: {a: {image: a, env_file: ../../shared/common.env}}", shared="A=1")
    source = open_source(line.repository)
    assert broken(source) == {}
    line.commit("Break it", shared=None)
    line.commit("Explain", readme="1")
    assert broken(source) == {"web": "Break it"}
    line.commit("Mend it, and break it elsewhere", shared="A=1", web="services: {a: {imag: a}}")
    line.commit("Explain more", readme="2")
    assert broken(source) == {"web": "Mend it, and break it elsewhere"}


# --- of a clone -------------------------------------------------------------------------------------------------


def clone(line: Line, at: Path, *options: str) -> Path:
    command = ["git", "clone", "--quiet", *options, f"file://{line.repository}", str(at)]
    subprocess.run(command, env=ENV, capture_output=True, check=True)
    return at


def test_a_clone_is_asked_from_any_directory_of_it(line: Line, tmp_path: Path) -> None:
    line.commit("Add web", web="1")
    head = line.commit("Explain", readme="1")
    there = clone(line, tmp_path / "clone")
    assert asked(past_of(there, OURS), head, WEB) == "Add web"
    assert asked(past_of(there / "stacks/web", OURS), head, "compose.yaml") == "Add web"
    assert asked(past_of(there, frozenset()), head, WEB) == ""
    assert asked(past_of(tmp_path, OURS), head, WEB) == ""


def test_files_that_are_as_committed_are_traced_as_the_commit_is(line: Line, tmp_path: Path) -> None:
    line.commit("Add web", web="services: {a: {image: a, env_file: ../../shared/common.env}}", shared="A=1")
    line.commit("Change what is shared", shared="A=2")
    head = line.commit("Explain", readme="1")
    there = clone(line, tmp_path / "clone")
    reader = Reader(PurePosixPath("/state"), directory=PurePosixPath(there))
    commit = head_of(there, OURS)
    assert commit
    (web,) = as_committed(reader.read(DirectorySource(there).sync()), reader, commit).stacks.values()
    assert (web.revision.id, {WEB, SHARED} <= web.inputs, README in web.inputs) == (head, True, False)
    assert asked(past_of(there, OURS), head, *web.inputs) == "Change what is shared"


def test_the_settings_of_a_clone_change_no_answer(line: Line, tmp_path: Path) -> None:
    line.commit("Add web", web="1")
    head = line.commit("Explain", readme="1")
    there = clone(line, tmp_path / "clone")
    canary = tmp_path / "canary"
    for name, value in {"log.follow": "true", "diff.external": f"touch {canary}", "core.pager": "false"}.items():
        subprocess.run(["git", "config", name, value], cwd=there, env=ENV, check=True)
    past = past_of(there, OURS)
    assert asked(past, head, "stacks") == "Add web"
    assert not past.is_same(head, f"{head}~1", frozenset({""}))
    assert past.is_same(head, head, frozenset({""}))
    assert not canary.exists()


def test_where_a_shallow_clone_ends_nobody_is_blamed(line: Line, tmp_path: Path) -> None:
    """What was before that looks as if it came with its last commit."""
    line.commit("Add web", web="1")
    line.commit("Add db", db="1")
    line.commit("Raise db", db="2")
    head = line.commit("Explain", readme="1")
    past = past_of(clone(line, tmp_path / "clone", "--depth=3"), OURS)
    assert asked(past, head, WEB) == ""
    assert asked(past, head, DB) == "Raise db"
    whole = past_of(clone(line, tmp_path / "whole"), OURS)
    assert asked(whole, head, WEB) == "Add web"
