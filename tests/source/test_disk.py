"""The files of this machine as a tree: what a repository may see of them, and what somebody at his own prompt may."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.errors import BadManifest, Refused
from agent.source import disk
from agent.source.directory import DirectorySource
from agent.source.disk import bounded, origin_of, whole_disk, work_tree_of
from agent.tree import Entry, EntryKind, unread
from tests.nobody import as_nobody


def write(file: Path, data: bytes = b"x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A directory with everything in it that a repository must not be able to use, and something beside it."""
    top = tmp_path / "top"
    write(top / "web/compose.yaml", b"services: {}\n")
    write(top / "run.sh").chmod(0o755)
    write(top / ".git/config")
    write(top / "vendored/.git", b"gitdir: ../.git/modules/x")
    write(tmp_path / "outside/secret")
    (top / "link").symlink_to("/etc/hosts")
    (top / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(top / "pipe")
    return top


def test_a_bounded_tree_holds_what_a_directory_source_holds(top: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "sock"))
        tree = bounded(top)
        assert dict(tree.entries()) == dict(DirectorySource(top).sync().tree.entries())
    assert sorted(tree.beneath("")) == ["link", "linked", "run.sh", "web/compose.yaml"]
    assert list(tree.beneath("web")) == ["web/compose.yaml"]
    assert tree.read("web/compose.yaml") == b"services: {}\n"


@pytest.mark.parametrize(
    "path",
    ["link", "linked", "linked/secret", "pipe", "../outside/secret", "web/../../outside/secret", "/etc/hosts",
     ".git/config", "vendored/.git", "web", "", "no", "web/no", "run.sh/x", "a\0b", "a\nb", "\udcff"],
)  # fmt: skip
def test_what_a_bounded_tree_never_reads(top: Path, path: str) -> None:
    with pytest.raises(KeyError):
        bounded(top).read(path)


@pytest.mark.parametrize("directory", ["linked", "../outside", "/etc", ".git", "no", "web/compose.yaml"])
def test_what_a_bounded_tree_never_lists(top: Path, directory: str) -> None:
    assert list(bounded(top).beneath(directory)) == []


def test_a_file_that_becomes_a_link_between_looking_and_reading_is_not_followed(top: Path) -> None:
    tree = bounded(top)
    assert tree.entries()["web/compose.yaml"].kind is EntryKind.FILE
    (top / "web/compose.yaml").unlink()
    (top / "web/compose.yaml").symlink_to("/etc/hosts")
    with pytest.raises(BadManifest) as caught:
        tree.read("web/compose.yaml")
    assert caught.value.reason == "FileUnreadable"


def test_a_directory_that_becomes_a_link_is_not_followed(top: Path) -> None:
    write(top.parent / "outside/compose.yaml", b"secret")
    tree = bounded(top)
    assert "web/compose.yaml" in tree.entries()
    (top / "web/compose.yaml").unlink()
    (top / "web").rmdir()
    (top / "web").symlink_to(top.parent / "outside")
    with pytest.raises(BadManifest):
        tree.read("web/compose.yaml")


def test_the_whole_disk_is_in_reach_and_links_are_followed(top: Path) -> None:
    tree, inside = whole_disk(), str(top).lstrip("/")
    assert tree.read(f"{inside}/linked/secret") == b"x"
    assert tree.entries()[f"{inside}/linked/secret"] == Entry(EntryKind.FILE, 1)
    assert tree.read("etc/hosts") == Path("/etc/hosts").read_bytes()
    assert f"{inside}/linked" not in tree.entries(), "a link to a directory is a directory"
    assert f"{inside}/pipe" not in tree.entries()
    assert "a\0b" not in tree.entries()
    assert sorted(tree.beneath(f"{inside}/web")) == [f"{inside}/web/compose.yaml"]


def test_nothing_is_listed_to_read_a_file(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "scandir", None)
    assert bounded(top).read("web/compose.yaml")
    assert whole_disk().read(str(top / "web/compose.yaml").lstrip("/"))


def test_what_was_read_stays_as_it_was_and_makes_the_revision(top: Path) -> None:
    tree, file = bounded(top), top / "web/compose.yaml"
    tree.read("web/compose.yaml")
    file.write_bytes(b"new")
    write(top / "more")
    assert tree.read("web/compose.yaml") == b"services: {}\n"
    assert tree.files_read == ("web/compose.yaml",)
    again = bounded(top)
    again.read("web/compose.yaml")
    assert again.revision() != tree.revision()
    file.write_bytes(b"services: {}\n")
    old = bounded(top)
    old.read("web/compose.yaml")
    assert old.revision() == tree.revision(), "what nobody read is no part of it"
    assert old.revision().id.startswith("dir-")


def test_a_file_that_is_too_large_is_a_problem_at_its_place(top: Path) -> None:
    with write(top / "web/compose.yaml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadManifest) as caught:
        bounded(top).read("web/compose.yaml")
    assert caught.value.reason == "FileTooLarge"


def test_more_paths_than_anybody_means_are_refused(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_MOST_LISTED", 3)
    with pytest.raises(Refused) as caught:
        bounded(top).beneath("")
    assert caught.value.reason == "DirectoryTooLarge"
    assert list(bounded(top).beneath("web")) == ["web/compose.yaml"]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        bounded(tmp_path / "no")
    assert caught.value.reason == "DirectoryNotFound"


def test_the_work_tree_is_the_nearest_above(tmp_path: Path) -> None:
    write(tmp_path / "repo/.git/HEAD")
    write(tmp_path / "repo/vendored/.git", b"gitdir: ../.git/modules/vendored")
    for path in ("repo/stacks/web", "repo/vendored/web", "loose", "elsewhere/web"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "repo/linked").symlink_to(tmp_path / "elsewhere")
    found = {
        path: work_tree_of(tmp_path / path).relative_to(tmp_path).as_posix()
        for path in ("repo", "repo/stacks/web", "repo/vendored/web", "loose", "repo/linked", "repo/linked/web")
    }
    assert found == {
        "repo": "repo",
        "repo/stacks/web": "repo",
        "repo/vendored/web": "repo/vendored",
        "loose": "loose",
        "repo/linked": "repo/linked",
        "repo/linked/web": "repo/linked/web",
    }


def test_the_origin_is_that_of_the_directory_as_a_source(tmp_path: Path) -> None:
    assert DirectorySource(tmp_path).origin == origin_of(tmp_path)


@pytest.fixture
def closed() -> Iterator[Path]:
    """A directory with a stack in a directory that only its owner may enter."""
    with TemporaryDirectory() as name:  # into `tmp_path` only its owner may go
        top = Path(name)
        top.chmod(0o755)
        write(top / "stacks/db/compose.yaml")
        write(top / "stacks/web/compose.yaml").parent.chmod(0)
        yield top
        (top / "stacks/web").chmod(0o755)


@pytest.mark.parametrize("whole", [False, True])
def test_a_directory_that_may_not_be_entered_is_told(closed: Path, whole: bool) -> None:
    inside = str(closed).lstrip("/") if whole else ""
    tree, below = whole_disk() if whole else bounded(closed), f"{inside}/" if whole else ""
    with as_nobody():
        assert list(tree.beneath(inside)) == [f"{below}stacks/db/compose.yaml"]
    assert unread(tree) == {f"{below}stacks/web": "Permission denied"}


def test_one_that_cannot_be_listed_for_now_is_refused(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "web":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(Refused, match="web cannot be read: Too many open files") as caught:
        bounded(top).beneath("")
    assert caught.value.reason == "DirectoryUnreadable"


def test_one_that_goes_meanwhile_is_gone(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = os.scandir

    def gone(path: Any) -> Any:
        return listing(Path(path) / "nosuch" if Path(path).name == "web" else path)

    monkeypatch.setattr(os, "scandir", gone)
    tree = bounded(top)
    assert sorted(tree.beneath("")) == ["link", "linked", "run.sh"]
    assert unread(tree) == {}
