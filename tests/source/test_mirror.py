"""The mirror of a repository: damaged, deleted, cut, locked, and read while it is fetched into."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from pathlib import Path

import pytest

from agent.errors import Refused, Unreachable
from agent.source.repository import GitSource
from tests.source.repositories import WEB, Calls, Open, Repository


def mirror_of(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mirror"


def objects_of(mirror: Path) -> set[Path]:
    return {*mirror.glob("objects/pack/*.pack"), *mirror.glob("objects/??/*")}


def damage(mirror: Path, *, spare: Collection[Path] = ()) -> None:
    """Turn bits in the objects that are stored, but for the heads of the packs."""
    hit = objects_of(mirror) - set(spare)
    assert hit
    for path in hit:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:14] + b"\xff" * (path.stat().st_size - 14))


def test_a_corrupt_pack_is_replaced_by_a_fresh_mirror(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    repository.commit({"compose.yaml": b"# 119\n"})
    source = open_source(repository)
    source.accept("web", source.sync().revision.id)
    source.close()
    damage(mirror_of(tmp_path))
    again = open_source(repository)
    assert again.last() is None
    with pytest.raises(Unreachable):
        again.good("web")  # which is not to say that there is none
    snapshot = again.sync()
    assert snapshot.revision.id == repository.tip()
    assert snapshot.tree.read("compose.yaml") == b"# 119\n"
    assert again.good("web") == snapshot
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["mirror", "mirror.lock"]


def test_a_corrupt_mirror_is_kept_until_the_server_is_back(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository)
    known = source.sync()
    source.close()
    damage(mirror_of(tmp_path))
    away = repository.path.rename(tmp_path / "away.git")
    again = open_source(repository)
    with pytest.raises(Refused):
        again.sync()
    assert again.last() is None
    assert mirror_of(tmp_path).is_dir()
    away.rename(repository.path)
    assert again.sync() == known


def test_a_good_revision_that_was_rewritten_away_survives_a_new_mirror(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository)
    good = source.sync()
    source.accept("web", good.revision.id)
    intact = objects_of(mirror_of(tmp_path))
    repository.commit({"compose.yaml": b"{}"}, onto=None)
    newest = source.sync()
    source.close()
    damage(mirror_of(tmp_path), spare=intact)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    again = open_source(repository)
    assert again.sync() == newest
    assert again.good("web") == good


def test_a_mirror_that_is_deleted_is_cloned_again(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    known = source.sync()
    source.accept("web", known.revision.id)
    shutil.rmtree(mirror_of(tmp_path))
    with pytest.raises(Unreachable):
        source.good("web")
    assert source.good("api") is None
    source.accept("db", known.revision.id)
    assert source.sync() == known
    assert source.good("web") == known
    assert source.good("db") == known


def test_what_was_good_before_this_process_is_known_though_the_mirror_is_deleted(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository)
    good = source.sync()
    source.accept("web", good.revision.id)
    source.close()
    repository.commit({"compose.yaml": b"{}"})
    again = open_source(repository)
    newest = again.sync()
    shutil.rmtree(mirror_of(tmp_path))
    with pytest.raises(Unreachable):
        again.good("web")  # which is not to say that there is none
    assert again.sync() == newest
    assert again.good("web") == good


def test_leavings_of_a_killed_git_are_removed(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    source.sync()
    source.close()
    mirror = mirror_of(tmp_path)
    leavings = [
        mirror / "refs/windlass/candidate.lock",
        mirror / "packed-refs.lock",
        mirror / "config.lock",
        mirror / "objects/pack/tmp_pack_abc",
    ]
    for path in leavings:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    pushed = repository.commit({"compose.yaml": b"{}"})
    assert open_source(repository).sync().revision.id == pushed
    assert not [path for path in leavings if path.exists()]


def test_a_replacement_that_was_cut_is_undone(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    known = source.sync()
    source.close()
    mirror_of(tmp_path).rename(tmp_path / "state" / "mirror.old")
    shutil.rmtree(repository.path)
    assert open_source(repository).last() == known


def test_a_directory_that_is_no_mirror_is_left_alone(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    precious = mirror_of(tmp_path) / "precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("data")
    with pytest.raises(Refused) as caught:
        open_source(repository).sync()
    assert caught.value.reason == "MirrorForeign"
    assert precious.read_text() == "data"


def test_a_mirror_is_used_by_one_source_at_a_time(
    repository: Repository, open_source: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.source.mirror._LOCK_WAIT", 0.2)
    open_source(repository).sync()
    other = GitSource(str(repository), "main", "", mirror_of(tmp_path))
    with pytest.raises(Refused) as caught:
        other.sync()
    assert caught.value.reason == "MirrorBusy"


def test_a_server_with_a_corrupt_repository_leaves_the_mirror_as_it_is(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository)
    known = source.sync()
    repository.commit({"compose.yaml": b"broken"})
    blob = repository.git("rev-parse", "main:compose.yaml")
    path = repository.path / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(b"garbage")
    with pytest.raises(Unreachable) as caught:
        source.sync()
    assert caught.value.reason == "GitFetchFailed"
    assert source.last() is known
    assert open_source(repository).last() == known
    fixed = repository.commit({"compose.yaml": b"whole"}, onto=None)
    assert open_source(repository).sync().revision.id == fixed


def test_many_small_fetches_are_packed_without_losing_anything(
    repository: Repository, open_source: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.source.mirror._MANY_LOOSE", -1)
    calls = Calls()
    source = open_source(repository, observe=calls)
    known = source.sync()
    source.accept("web", known.revision.id)
    assert "gc" in calls.verbs
    good = open_source(repository).good("web")
    assert good is not None
    assert good == known
    assert good.tree.read(WEB) == b"services: {}\n"


def test_sync_and_reading_go_side_by_side(repository: Repository, open_source: Open) -> None:
    large = {f"{number}.bin": bytes([number]) * (4 << 20) for number in range(5)}
    repository.commit(large)
    source = open_source(repository)
    snapshot = source.sync()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for path, data in large.items():
                assert snapshot.tree.read(path) == data
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(5):
        pushed = repository.commit({"compose.yaml": b"%d" % number})
        assert source.sync().revision.id == pushed
        source.accept("web", pushed)
    for reader in readers:
        reader.join(60)
    assert not failures
