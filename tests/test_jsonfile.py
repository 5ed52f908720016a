"""Notes in a file: whole or as they were, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Refused
from agent.jsonfile import JsonFile, Note, part_of, with_entry, with_part
from agent.model import Failure


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "notes.json").write_text('{"old": 1}')
    return tmp_path / "notes.json"


def add(kept: dict[str, Any]) -> dict[str, Any]:
    return {**kept, "new": 2}


def test_what_is_kept_is_changed(file: Path) -> None:
    JsonFile(file).change(add)
    assert JsonFile(file).read() == {"old": 1, "new": 2}


def test_notes_without_a_file_last_as_long_as_the_object() -> None:
    notes = JsonFile()
    notes.change(add)
    assert (notes.read(), JsonFile().read()) == ({"new": 2}, {})


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_what_cannot_be_read_is_not_written_over(file: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(_path: Path) -> str:
        raise OSError(code, os.strerror(code))

    notes = JsonFile(file)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", refuse)
        assert notes.read() == {}
        with pytest.raises(Refused, match=f"cannot be read: {os.strerror(code)}") as refused:
            notes.change(add)
    assert refused.value.reason == "StateReadFailed"
    assert json.loads(file.read_text()) == {"old": 1}


def test_what_was_read_before_is_known_while_the_file_cannot_be_read(file: Path) -> None:
    told = list[tuple[Path, Failure | None]]()
    notes = JsonFile(file, lambda path, failure: told.append((path, failure)))
    assert notes.look() == ({"old": 1}, None, False)
    file.write_text("{")
    kept, failure, spoilt = notes.look()
    assert (kept, spoilt) == ({"old": 1}, True)
    assert failure is not None
    assert str(file) in failure.message
    assert notes.look() == notes.look() == (kept, failure, True)
    assert told == [(file, failure)], "it is told once"
    assert JsonFile(file).look().kept is None, "another process knows nothing"
    notes.change(add, anew=False)
    assert JsonFile(file).read() == {"old": 1, "new": 2}
    assert told[1:] == []
    notes.look()
    assert told[1:] == [(file, None)]


def test_what_nobody_knows_is_not_written_over_where_that_matters(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(Refused, match="remove it") as refused:
        JsonFile(file).change(add, anew=False)
    assert refused.value.reason == "StateReadFailed"
    assert file.read_text() == "{"


def test_a_file_that_was_removed_says_nothing(file: Path) -> None:
    notes = JsonFile(file)
    notes.look()
    file.unlink()
    assert notes.look() == ({}, None, False)


@pytest.mark.parametrize("text", ["", "{", "[]", "\0\0\0"])
def test_what_is_no_longer_what_it_was_is_written_anew(file: Path, text: str) -> None:
    file.write_text(text)
    JsonFile(file).change(add)
    assert JsonFile(file).read() == {"new": 2}


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, bool]] = []  # how many bytes, and whether the file was the old one by then

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_size, "new" not in file.read_text()))

    monkeypatch.setattr(os, "fsync", sync)
    JsonFile(file).change(add)
    assert synced[0] == (len(file.read_text()), True)
    assert len(synced) == 2, "and the directory after that"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_writes_is_the_agents(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    before = os.umask(0o077)
    try:
        JsonFile(tmp_path / "notes.json").change(add)
    finally:
        os.umask(before)
    assert (tmp_path / "notes.json").stat().st_uid == 12345


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_private_note_is_for_its_owners_eyes_from_the_first_byte(tmp_path: Path, private: bool, mode: int) -> None:
    path, before = tmp_path / "notes.json", os.umask(0o022)
    try:
        JsonFile(path, private=private).change(lambda _kept: {"secret": 1})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode


def test_a_part_of_a_note_is_an_object_whatever_is_there() -> None:
    kept = {"web": {"one": 1}, "db": "nonsense", "none": None}
    assert [part_of(kept, name) for name in ("web", "db", "none", "gone")] == [{"one": 1}, {}, {}, {}]


def test_a_note_that_cannot_be_written_is_known_for_as_long_as_the_process_lives(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("a file")
    note = Note(JsonFile(tmp_path / "in the way" / "note.json"))
    note.change(lambda kept: with_part(kept, "web", {"id": "1"}))
    note.change(lambda kept: with_part(kept, "db", {"id": "2"}))
    assert note.known() == {"web": {"id": "1"}, "db": {"id": "2"}}
    assert note.part("nobody") == {}
    (tmp_path / "in the way").unlink()
    (tmp_path / "in the way").mkdir()
    note.change(lambda kept: with_part(kept, "db", {}))
    assert JsonFile(tmp_path / "in the way" / "note.json").read() == {"web": {"id": "1"}}


def test_a_note_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    Note(JsonFile(path)).change(lambda kept: with_part(kept, "web", {"id": "1"}))
    assert Note(JsonFile(path)).part("web") == {"id": "1"}


def test_a_note_that_cannot_be_read_at_first_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    path.mkdir()
    note = Note(JsonFile(path))
    note.change(lambda kept: with_entry(kept, "db", "id", "2"))
    assert note.known() == {"db": {"id": "2"}}
    path.rmdir()
    path.write_text('{"web": {"id": "1"}}')
    assert note.known() == {"web": {"id": "1"}, "db": {"id": "2"}}
    note.only("web", lambda _key, entry: entry != "1")
    assert JsonFile(path).read() == {"db": {"id": "2"}}


def test_a_part_that_has_become_empty_goes() -> None:
    assert with_part({"web": {"a": 1}, "db": {"b": 2}}, "web", {}) == {"db": {"b": 2}}
