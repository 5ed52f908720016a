"""Files on a real file system: written whole, compared by their bytes, and never through a symbolic link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Refused
from agent.kinds.file import FileKind
from agent.model import Action, Cause, Change, Condition, Key, Owner, Remedy, Resource
from agent.probe import Gate, Probe
from tests.kinds_file.scene import SCOPE, differing, make, one, resource, see

# --- files of the commit ----------------------------------------------------------------------------------------


def test_what_is_absent_is_not_observed(kind: FileKind, state: Path) -> None:
    assert see(kind, resource(state / "files/ab/x.conf", one(b"x"))) is None


@pytest.mark.parametrize(("mode", "on_disk"), [(0o644, 0o644), (0o600, 0o644), (0o755, 0o755), (0o100755, 0o755)])
def test_one_file_is_written_for_everyone_to_read(kind: FileKind, state: Path, mode: int, on_disk: int) -> None:
    wanted = resource(state / "files/ab/x.conf", one(b"hello", mode))
    before = os.umask(0o077)
    try:
        make(kind, wanted)
    finally:
        os.umask(before)
    file = state / "files/ab/x.conf"
    assert file.read_bytes() == b"hello"
    assert stat.S_IMODE(file.stat().st_mode) == on_disk
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755
    assert [path.name for path in file.parent.iterdir()] == ["x.conf"]


def test_it_is_seen_as_ours(kind: FileKind, state: Path) -> None:
    wanted = resource(state / "files/ab/x.conf", one(b""))
    make(kind, wanted)
    seen = see(kind, wanted)
    assert seen
    assert (seen.owner, seen.stack, seen.origin, seen.keeps_data) == (Owner.OURS, "web", SCOPE.origin, False)


def test_a_directory_of_files(kind: FileKind, state: Path) -> None:
    content = {"a.conf": (0o644, b"a"), "conf.d/b.sh": (0o755, b"b"), "conf.d/deep/c": (0o644, b"c")}
    wanted = resource(state / "files/ab/nginx", content)
    make(kind, wanted)
    assert {name: (state / "files/ab/nginx" / name).read_bytes() for name in content} == {
        name: data for name, (_, data) in content.items()
    }


def _edit(file: Path) -> None:
    file.write_bytes(b"edited")


def _same_length(file: Path) -> None:
    file.write_bytes(b"WANTED")


def _chmod(file: Path) -> None:
    file.chmod(0o600)


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/hostname")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("spoil", [_edit, _same_length, _chmod, _link, _pipe, Path.unlink])
def test_what_was_changed_by_hand_is_put_right(kind: FileKind, state: Path, spoil: Callable[[Path], None]) -> None:
    wanted = resource(state / "files/ab/dir", {"x": (0o644, b"wanted"), "y": (0o644, b"y")})
    make(kind, wanted)
    untouched = (state / "files/ab/dir/y").stat().st_ino
    spoil(state / "files/ab/dir/x")
    assert differing(kind, wanted) == {"x": (Remedy.IN_PLACE, False)}
    make(kind, wanted)
    assert (state / "files/ab/dir/x").read_bytes() == b"wanted"
    assert not (state / "files/ab/dir/x").is_symlink()
    assert (state / "files/ab/dir/y").stat().st_ino == untouched


def _add_file(directory: Path) -> str:
    (directory / "conf.d/more.conf").write_bytes(b"more")
    return "conf.d/more.conf"


def _add_directory(directory: Path) -> str:
    (directory / "more/deep").mkdir(parents=True)
    (directory / "more/deep/x").write_bytes(b"more")
    return "more"


def _add_link(directory: Path) -> str:
    (directory / "link").symlink_to(directory / "conf.d", target_is_directory=True)
    return "link"


@pytest.mark.parametrize("add", [_add_file, _add_directory, _add_link])
def test_what_was_added_by_hand_to_a_directory_is_removed(
    kind: FileKind, state: Path, add: Callable[[Path], str]
) -> None:
    directory = state / "files/ab/nginx"
    wanted = resource(directory, {"a.conf": (0o644, b"a"), "conf.d/b": (0o644, b"b")})
    make(kind, wanted)
    added = add(directory)
    assert differing(kind, wanted) == {added: (Remedy.IN_PLACE, False)}
    make(kind, wanted)
    assert not os.path.lexists(directory / added)
    assert (directory / "conf.d/b").read_bytes() == b"b"


def test_a_repair_leaves_the_old_file_to_whoever_has_it_open(kind: FileKind, state: Path) -> None:
    wanted = resource(state / "files/ab/x", one(b"new"))
    make(kind, wanted)
    (state / "files/ab/x").write_bytes(b"old")
    with (state / "files/ab/x").open("rb") as held:
        make(kind, wanted)
        assert held.read() == b"old"


def test_the_empty_directory_that_an_engine_makes_of_a_missing_file_is_replaced_by_it(
    kind: FileKind, state: Path
) -> None:
    wanted = resource(state / "files/ab/x", one(b"x"))
    (state / "files/ab/x").mkdir(parents=True)
    assert see(kind, wanted) is None
    make(kind, wanted)
    assert (state / "files/ab/x").read_bytes() == b"x"


def test_a_directory_in_a_files_place_is_held(kind: FileKind, state: Path) -> None:
    wanted = resource(state / "files/ab/x", one(b"x"))
    (state / "files/ab/x/data").mkdir(parents=True)
    assert differing(kind, wanted) == {"content": (Remedy.NEVER, False)}


# --- seeds and directories --------------------------------------------------------------------------------------


def seed(state: Path, **files: bytes) -> Resource:
    content = {name: (0o644, data) for name, data in files.items()}
    return resource(state / "stacks/web/conf", content, seed=True)


def test_a_seed_is_written_once_and_then_belongs_to_the_containers(kind: FileKind, state: Path) -> None:
    make(kind, seed(state, a=b"1", b=b"1"))
    (state / "stacks/web/conf/a").write_bytes(b"by the container")
    (state / "stacks/web/conf/own").write_bytes(b"by the container")
    assert differing(kind, seed(state, a=b"1", b=b"1")) == {}
    make(kind, seed(state, a=b"1", b=b"1"))
    assert (state / "stacks/web/conf/a").read_bytes() == b"by the container"


def test_a_seed_that_the_commit_changes_is_written_again_file_by_file(kind: FileKind, state: Path) -> None:
    make(kind, seed(state, a=b"1", b=b"1"))
    for name in ("a", "b", "own"):
        (state / "stacks/web/conf" / name).write_bytes(b"by the container")
    changed = seed(state, a=b"2", b=b"1", c=b"1")
    assert differing(kind, changed) == {"a": (Remedy.IN_PLACE, True), "c": (Remedy.IN_PLACE, True)}
    make(kind, changed)
    found = {path.name: path.read_bytes() for path in (state / "stacks/web/conf").iterdir()}
    assert found == {"a": b"2", "b": b"by the container", "c": b"1", "own": b"by the container"}


def test_a_seed_that_is_missing_comes_back(kind: FileKind, state: Path) -> None:
    make(kind, seed(state, a=b"1", b=b"1"))
    (state / "stacks/web/conf/a").unlink()
    assert differing(kind, seed(state, a=b"1", b=b"1")) == {"a": (Remedy.IN_PLACE, False)}
    make(kind, seed(state, a=b"1", b=b"1"))


def test_data_that_was_there_before_the_seed_is_kept(kind: FileKind, state: Path) -> None:
    (state / "stacks/web/conf").mkdir(parents=True)
    (state / "stacks/web/conf/a").write_bytes(b"theirs")
    make(kind, seed(state, a=b"1", b=b"1"))
    make(kind, seed(state, a=b"2", b=b"2"))
    assert (state / "stacks/web/conf/a").read_bytes() == b"theirs"
    assert (state / "stacks/web/conf/b").read_bytes() == b"2"


def test_a_seed_that_was_cut_before_it_was_noted_is_noted(kind: FileKind, state: Path) -> None:
    make(kind, seed(state, a=b"1"))
    (note,) = (state / "seeds").iterdir()
    note.unlink()
    assert differing(kind, seed(state, a=b"1")) == {"a": (Remedy.IN_PLACE, False)}
    make(kind, seed(state, a=b"1"))
    make(kind, seed(state, a=b"2"))
    assert (state / "stacks/web/conf/a").read_bytes() == b"2"


@pytest.mark.parametrize("note", [b"", b"[]", b"{broken"])
def test_a_broken_note_counts_as_none(kind: FileKind, state: Path, note: bytes) -> None:
    make(kind, seed(state, a=b"1"))
    (file,) = (state / "seeds").iterdir()
    file.write_bytes(note)
    make(kind, seed(state, a=b"1"))
    assert file.read_bytes() != note
    assert (state / "stacks/web/conf/a").read_bytes() == b"1"


def test_a_directory_is_made_once_and_left_alone(kind: FileKind, state: Path) -> None:
    wanted = resource(state / "stacks/web/data/deep", directory=True)
    make(kind, wanted)
    assert stat.S_IMODE((state / "stacks/web/data/deep").stat().st_mode) == 0o755
    (state / "stacks/web/data/deep").chmod(0o700)
    (state / "stacks/web/data/deep/file").write_bytes(b"data")
    assert differing(kind, wanted) == {}


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc/x.conf", "{state}", "{state}/../x", "{state}-other/x", "relative/x"])
@pytest.mark.parametrize("spec", [{"content": one(b"x")}, {"directory": True}], ids=["content", "directory"])
def test_nothing_is_written_outside(kind: FileKind, state: Path, path: str, spec: dict[str, Any]) -> None:
    wanted = Resource(Key("file", path.format(state=state)), "web", spec)
    with pytest.raises(Refused, match="lies outside") as caught:
        kind.create(Change(0, Action.CREATE, wanted.key, "web", Cause.FILE, "", wanted=wanted), "")
    assert caught.value.reason == "PathOutside"
    assert list(state.parent.iterdir()) == [state]


@pytest.mark.parametrize("target", ["/etc", "somewhere"], ids=["absolute", "relative"])
def test_no_link_is_followed_on_the_way(kind: FileKind, state: Path, tmp_path: Path, target: str) -> None:
    aim = Path(target) if target.startswith("/") else tmp_path / target
    aim.mkdir(exist_ok=True)
    before = sorted(aim.iterdir())
    (state / "stacks").mkdir()
    (state / "stacks/web").symlink_to(aim)
    wanted = resource(state / "stacks/web/x", one(b"1"), seed=True)
    assert differing(kind, wanted) == {"path": (Remedy.NEVER, False)}
    with pytest.raises(Refused) as caught:
        kind.create(Change(0, Action.CREATE, wanted.key, "web", Cause.FILE, "", wanted=wanted), "")
    assert caught.value.reason == "StateWriteFailed"
    assert sorted(aim.iterdir()) == before


def test_a_draft_that_is_a_link_is_not_written_through(kind: FileKind, state: Path, tmp_path: Path) -> None:
    wanted = resource(state / "files/ab/x", one(b"1"))
    make(kind, wanted)
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (state / "files/ab/x").unlink()
    for name in (".windlass-2d711642b726b044", "x"):  # the draft of x, and x itself
        (state / "files/ab" / name).symlink_to(victim)
    make(kind, wanted)
    assert victim.read_bytes() == b"safe"
    assert [path.name for path in (state / "files/ab").iterdir()] == ["x"]


def test_a_full_disk_is_said_of_the_file(kind: FileKind, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    wanted = resource(state / "files/ab/x", one(b"1"))
    with pytest.raises(Refused, match="cannot be written: No space left on device") as caught:
        kind.create(Change(0, Action.CREATE, wanted.key, "web", Cause.FILE, "", wanted=wanted), "")
    assert caught.value.reason == "StateWriteFailed"
    assert not (state / "files/ab/x").exists()
    monkeypatch.undo()
    make(kind, wanted)
    assert [path.name for path in (state / "files/ab").iterdir()] == ["x"]


def test_a_missing_state_directory_is_said(tmp_path: Path) -> None:
    wanted = resource(tmp_path / "nowhere/files/x", one(b"1"))
    with pytest.raises(Refused) as caught:
        FileKind(tmp_path / "nowhere").create(
            Change(0, Action.CREATE, wanted.key, "web", Cause.FILE, "", wanted=wanted), ""
        )
    assert caught.value.reason == "StateWriteFailed"


def test_a_file_is_not_removed(kind: FileKind, state: Path) -> None:
    wanted = resource(state / "files/ab/x", one(b"1"))
    make(kind, wanted)
    with pytest.raises(Refused):
        kind.remove(Change(0, Action.REMOVE, wanted.key, "web", Cause.PRUNE, ""))
    assert kind.probe(wanted.key, Condition.EXISTS) == Probe(Gate.PASSED)
    assert kind.probe(Key("file", str(state / "no")), Condition.EXISTS)[0] is Gate.FAILED


def test_what_a_stack_does_not_need_any_more_is_cleared_away(kind: FileKind, state: Path) -> None:
    kind.tidy("web", ())
    for name in ("web/aa/x", "web/ab/x", "web/ac/dir", "db/ad/x"):
        content = one(b"1") if not name.endswith("dir") else {"y": (0o644, b"1")}
        make(kind, resource(state / "files" / name, content))
    make(kind, seed(state, a=b"1"))
    kind.tidy("web", {Key("file", str(state / "files/web/aa/x")), Key("file", str(state / "files/web/ac/dir"))})
    assert sorted(path.name for path in (state / "files/web").iterdir()) == ["aa", "ac"]
    assert (state / "files/db/ad/x").exists()
    kind.tidy("web", ())
    assert [path.name for path in (state / "files").iterdir()] == ["db"]
    assert (state / "stacks/web/conf/a").exists()


def test_what_cannot_be_looked_into_is_left_to_the_next_time(state: Path) -> None:
    taken = state / "taken"
    taken.write_text("no directory")
    kind = FileKind(state, secrets=taken)
    make(kind, resource(state / "files/web/aa/x", one(b"1")))
    kind.tidy("web", ())
    assert not (state / "files/web").exists()
