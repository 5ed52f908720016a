"""A plain directory as a source: what is seen, when it counts as moved, and that a snapshot stays what it was."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.errors import BadManifest, Refused
from agent.source import Source
from agent.source.directory import DirectorySource
from agent.tree import Entry, EntryKind, unread
from tests.nobody import as_nobody


def write(top: Path, path: str, data: bytes = b"x") -> Path:
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def test_files_and_links_are_entries_and_nothing_is_followed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "stacks/web/compose.yaml", b"services: {}\n")
    write(top, "run.sh").chmod(0o755)
    write(top, ".git/config")
    write(top, "vendored/.git", b"gitdir: ../.git/modules/x")
    write(tmp_path, "outside/secret")
    (top / "link").symlink_to("/etc/shadow")
    (top / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(top / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "sock"))
        tree = DirectorySource(top).sync().tree
    assert dict(tree.entries()) == {
        "link": Entry(EntryKind.SYMLINK, 11),
        "linked": Entry(EntryKind.SYMLINK, len(str(tmp_path / "outside"))),
        "run.sh": Entry(EntryKind.EXECUTABLE, 1),
        "stacks/web/compose.yaml": Entry(EntryKind.FILE, 13),
    }
    assert tree.read("stacks/web/compose.yaml") == b"services: {}\n"
    for path in ("link", "linked", "linked/secret", "pipe", "../outside/secret", ".git/config"):
        with pytest.raises(KeyError):
            tree.read(path)


def test_a_snapshot_is_the_same_until_something_moves(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    file = write(tmp_path, "compose.yaml", b"old")
    first = source.sync()
    assert first.revision.id.startswith("dir-")
    assert source.sync() is first
    file.touch()
    assert source.sync() is first, "times mean nothing"
    seen = {first.revision.id}
    for change in (
        lambda: file.write_bytes(b"new"),
        lambda: file.chmod(0o755),
        lambda: write(tmp_path, "more"),
        lambda: file.rename(tmp_path / "compose.yml"),
        lambda: (tmp_path / "link").symlink_to("a"),
    ):
        change()
        seen.add(source.sync().revision.id)
    assert len(seen) == 6
    assert first.tree.read("compose.yaml") == b"old"
    assert DirectorySource(tmp_path).sync().revision == source.sync().revision


def test_what_was_accepted_is_remembered(tmp_path: Path) -> None:
    source: Source = DirectorySource(tmp_path)
    file = write(tmp_path, "compose.yaml", b"old")
    assert source.last() is None
    good = source.sync()
    source.accept("web", good.revision.id)
    source.accept("db", "dir-unknown")
    file.write_bytes(b"new")
    newest = source.sync()
    assert source.good("web") is good
    assert source.good("db") is None
    assert source.last() is newest
    source.accept("web", newest.revision.id)
    assert source.good("web") is newest
    source.forget("web")
    source.forget("db")
    assert source.good("web") is None


def test_the_origin_is_stable_and_follows_a_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path, f"{name}/compose.yaml", name.encode())
    link = tmp_path / "current"
    link.symlink_to("one")
    source = DirectorySource(link)
    assert source.sync().tree.read("compose.yaml") == b"one"
    link.unlink()
    link.symlink_to("two")
    assert source.sync().tree.read("compose.yaml") == b"two"
    assert source.origin == DirectorySource(link).origin
    assert source.origin != DirectorySource(tmp_path / "one").origin


def test_a_file_that_is_too_large_is_not_held(tmp_path: Path) -> None:
    with write(tmp_path, "compose.yaml").open("wb") as file:
        file.truncate(1 << 40)
    source = DirectorySource(tmp_path)
    tree = source.sync().tree
    assert tree.entries()["compose.yaml"].size == 1 << 40
    with pytest.raises(BadManifest) as caught:
        tree.read("compose.yaml")
    assert caught.value.reason == "FileTooLarge"


@pytest.mark.parametrize(("limit", "value"), [("_MAX_HELD", 5000), ("_MAX_ENTRIES", 4)])
def test_too_many_files_and_too_much_to_parse_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    for number in range(6):
        write(tmp_path, f"{number}.yaml", bytes(1000))
    monkeypatch.setattr(f"agent.source.directory.{limit}", value)
    with pytest.raises(Refused) as caught:
        DirectorySource(tmp_path).sync()
    assert caught.value.reason == "DirectoryTooLarge"


def test_data_beside_the_files_may_be_of_any_size_and_name(tmp_path: Path) -> None:
    write(tmp_path, "compose.yaml", b"services: {}")
    with write(tmp_path, "data/base.db").open("wb") as file:
        file.truncate(1 << 40)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/data/caf\xe9")).touch()
    source = DirectorySource(tmp_path)
    before = source.sync()
    assert set(before.tree.entries()) == {"compose.yaml", "data/base.db"}
    with pytest.raises(BadManifest):
        before.tree.read("data/base.db")
    os.utime(tmp_path / "data/base.db", (1, 1))
    assert source.sync().revision != before.revision


def test_a_file_that_is_not_parsed_is_read_over_no_link(tmp_path: Path) -> None:
    write(tmp_path, "outside/secret", b"secret")
    write(tmp_path, "top/site/index.html", b"hello")
    tree = DirectorySource(tmp_path / "top").sync().tree
    assert tree.read("site/index.html") == b"hello"
    (tmp_path / "top/site/index.html").unlink()
    (tmp_path / "top/site").rmdir()
    (tmp_path / "top/site").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/secret").rename(tmp_path / "outside/index.html")
    with pytest.raises(BadManifest) as caught:
        tree.read("site/index.html")
    assert caught.value.reason == "FileUnreadable"


def test_what_may_not_be_entered_any_more_is_as_it_was(tmp_path: Path) -> None:
    """It is not gone, and nor is the stack in it."""
    with TemporaryDirectory() as name:  # into `tmp_path` only its owner may go
        top = Path(name)
        top.chmod(0o755)
        write(top, "stacks/web/compose.yaml", b"services: {}")
        write(top, "stacks/web/conf/a.yaml")
        write(top, "stacks/db/compose.yaml")
        closed = write(top, "stacks/db/data/base.db").parent
        closed.chmod(0)
        with as_nobody():
            source = DirectorySource(top)
            before = source.sync()
        assert set(before.tree.entries()) == {f"stacks/{one}" for one in PATHS}, "data may be closed from the start"
        for mode in (0, 0o400):
            (top / "stacks/web").chmod(mode)
            with as_nobody():
                now = source.sync()
            assert now is before
            assert now.tree.read("stacks/web/compose.yaml") == b"services: {}"
        (top / "stacks/web").chmod(0o755)
        (top / "stacks/web/compose.yaml").unlink()
        with as_nobody():
            assert "stacks/web/compose.yaml" not in source.sync().tree.entries()


def test_what_may_not_be_entered_from_the_start_is_told_until_it_may(tmp_path: Path) -> None:
    with TemporaryDirectory() as name:  # into `tmp_path` only its owner may go
        top = Path(name)
        top.chmod(0o755)
        write(top, "stacks/db/compose.yaml")
        (top / "stacks/web").mkdir(mode=0)
        with as_nobody():
            source = DirectorySource(top)
            closed = source.sync()
            assert source.sync() is closed
        assert unread(closed.tree) == {"stacks/web": "Permission denied"}
        (top / "stacks/web").chmod(0o755)
        with as_nobody():
            opened = source.sync()
        assert unread(opened.tree) == {}
        assert opened.revision != closed.revision, "else the first of the two would still be what is followed"


def test_what_was_read_before_stands_for_what_is_closed_now_and_so_does_what_was_not(tmp_path: Path) -> None:
    with TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        write(top, "stacks/db/compose.yaml")
        (top / "stacks/web").mkdir(mode=0)
        with as_nobody():
            source = DirectorySource(top)
            before = source.sync()
        (top / "stacks").chmod(0)
        with as_nobody():
            now = source.sync()
        (top / "stacks").chmod(0o755)
        assert now is before
        assert unread(now.tree) == {"stacks/web": "Permission denied"}


PATHS = ("web/compose.yaml", "web/conf/a.yaml", "db/compose.yaml")


def test_a_directory_that_cannot_be_read_for_now_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "stacks/web/compose.yaml")
    source, opens = DirectorySource(tmp_path), os.open
    known = source.sync()

    def refuse(path: Any, *how: Any, **more: Any) -> int:
        if path == b"web":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return opens(path, *how, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Refused, match="Too many open files") as caught:
        source.sync()
    assert caught.value.reason == "DirectoryUnreadable"
    assert source.last() is known


def test_a_missing_directory_leaves_what_was_known(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "compose.yaml")
    source = DirectorySource(top)
    known = source.sync()
    top.rename(tmp_path / "away")
    with pytest.raises(Refused) as caught:
        source.sync()
    assert caught.value.reason == "DirectoryNotFound"
    assert source.last() is known


def test_a_file_that_may_not_be_read_says_so() -> None:
    with TemporaryDirectory() as name:  # into `tmp_path` only its owner may go
        top = Path(name)
        top.chmod(0o755)
        write(top, "compose.yaml").chmod(0)
        with as_nobody(), pytest.raises(BadManifest) as caught:
            DirectorySource(top).sync().tree.read("compose.yaml")
    assert caught.value.reason == "FileUnreadable"
