"""A repository as a source, over local transport: what moves, what stays, and what is remembered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.errors import BadSettings, Refused
from agent.source import Source
from agent.source.repository import GitSource
from agent.tree import Entry, EntryKind
from tests.source.repositories import WEB, Calls, Open, Repository


def test_sync_gives_the_newest_revision_and_its_tree(repository: Repository, open_source: Open) -> None:
    source: Source = open_source(repository)
    snapshot = source.sync()
    assert snapshot.revision.id == repository.tip()
    assert snapshot.revision.subject == "Add the web stack"
    assert snapshot.revision.author == "Ada"
    assert snapshot.revision.timestamp == 1700000000
    assert dict(snapshot.tree.entries()) == {WEB: Entry(EntryKind.FILE, 13)}
    assert snapshot.tree.read(WEB) == b"services: {}\n"
    assert source.last() is snapshot


def test_what_a_commit_says_of_itself_is_cut_and_escaped(repository: Repository, open_source: Open) -> None:
    repository.commit({}, "\x1b[31mred" + "x" * 1_000_000 + "\nbody")
    revision = open_source(repository).sync().revision
    assert revision.subject.startswith("\\x1b[31mredxxx")
    assert revision.subject.isprintable()
    assert len(revision.subject) < 220


def test_nothing_is_fetched_while_nothing_moves(repository: Repository, open_source: Open) -> None:
    calls = Calls()
    source = open_source(repository, observe=calls)
    first = source.sync()
    assert calls.verbs.count("fetch") == 1
    calls.made.clear()
    assert source.sync() is first
    assert calls.verbs.count("ls-remote") == 1
    assert "fetch" not in calls.verbs
    assert "ls-tree" not in calls.verbs
    assert {result for _, result in calls.made} == {"success"}


def test_an_old_snapshot_stays_readable_while_the_mirror_moves_on(repository: Repository, open_source: Open) -> None:
    large = b"x" * (3 << 20)
    repository.commit({f"{name}.bin": bytes([ord(name)]) + large for name in "abcdefgh"})
    source = open_source(repository)
    old = source.sync()
    repository.commit({"compose.yaml": b"services: {}\n"}, onto=None)
    new = source.sync()
    assert list(new.tree.entries()) == ["compose.yaml"]
    assert [old.tree.read(f"{name}.bin")[:1] for name in "abcdefgh"] == [name.encode() for name in "abcdefgh"]
    with pytest.raises(KeyError):
        new.tree.read("a.bin")


@pytest.mark.parametrize("onto", ["", None], ids=["fast-forward", "rewritten"])
def test_a_branch_is_followed(repository: Repository, open_source: Open, onto: str | None) -> None:
    source = open_source(repository)
    source.sync()
    pushed = repository.commit({"compose.yaml": b"{}"}, onto=onto)
    assert source.sync().revision.id == pushed


def test_a_branch_set_back_to_an_older_commit_is_followed(repository: Repository, open_source: Open) -> None:
    first = repository.tip()
    repository.commit({"compose.yaml": b"{}"})
    source = open_source(repository)
    source.sync()
    repository.git("update-ref", "refs/heads/main", first or "")
    assert source.sync().revision.id == first


@pytest.mark.parametrize("ref", ["v1", "refs/tags/v1"])
@pytest.mark.parametrize("annotated", [True, False], ids=["annotated", "lightweight"])
def test_a_tag_is_followed_to_its_commit(repository: Repository, open_source: Open, ref: str, annotated: bool) -> None:
    tagged = repository.tip()
    repository.git("tag", *(["-a", "-m", "one"] if annotated else []), "v1", "main")
    repository.commit({"compose.yaml": b"{}"})
    calls = Calls()
    source = open_source(repository, ref, observe=calls)
    assert source.sync().revision.id == tagged
    assert source.sync().revision.id == tagged
    assert calls.verbs.count("fetch") == 1


def test_a_branch_goes_before_a_tag_of_its_name(repository: Repository, open_source: Open) -> None:
    repository.git("tag", "both", "main")
    branched = repository.commit({"compose.yaml": b"{}"}, branch="both", onto=repository.tip())
    assert open_source(repository, "both").sync().revision.id == branched


def test_head_is_the_default_branch(repository: Repository, open_source: Open) -> None:
    assert open_source(repository, "HEAD").sync().revision.id == repository.tip()


def test_a_commit_is_pinned_and_needs_the_network_once(repository: Repository, open_source: Open) -> None:
    pinned = repository.tip()
    repository.commit({"compose.yaml": b"{}"})
    source = open_source(repository, pinned)
    assert source.sync().revision.id == pinned
    shutil.rmtree(repository.path)
    assert source.sync().revision.id == pinned


def test_a_commit_that_the_server_does_not_have_is_refused(repository: Repository, open_source: Open) -> None:
    with pytest.raises(Refused) as caught:
        open_source(repository, "0123456789" * 4).sync()
    assert caught.value.reason == "RefNotFound"


def test_a_path_is_the_root_of_the_tree(repository: Repository, open_source: Open) -> None:
    whole = open_source(repository)
    below = open_source(repository, path="./stacks/web/")
    assert list(below.sync().tree.entries()) == ["compose.yaml"]
    assert below.origin != whole.origin


def test_a_path_that_is_missing_or_a_file_is_refused(repository: Repository, open_source: Open) -> None:
    for path in ("nowhere", WEB, "a tree"):
        with pytest.raises(Refused) as caught:
            open_source(repository, path=path).sync()
        assert caught.value.reason == "PathNotFound"


def test_a_missing_branch_names_those_that_are_there(repository: Repository, open_source: Open) -> None:
    with pytest.raises(Refused, match="its branches: main") as caught:
        open_source(repository, "master").sync()
    assert caught.value.reason == "RefNotFound"


def test_a_deleted_branch_leaves_what_was_known(repository: Repository, open_source: Open) -> None:
    source = open_source(repository)
    known = source.sync()
    repository.commit({}, branch="other", onto=None)
    repository.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(Refused) as caught:
        source.sync()
    assert caught.value.reason == "RefNotFound"
    assert source.last() is known
    assert open_source(repository).last() == known


def test_an_empty_repository_says_so(tmp_path: Path, open_source: Open) -> None:
    empty = Repository.create(tmp_path / "empty.git")
    source = open_source(empty)
    with pytest.raises(Refused, match="push a first commit") as caught:
        source.sync()
    assert caught.value.reason == "EmptyRepository"
    assert source.last() is None
    made = empty.commit({"compose.yaml": b"{}"})
    assert source.sync().revision.id == made


def test_a_missing_repository_is_refused(tmp_path: Path, open_source: Open) -> None:
    with pytest.raises(Refused) as caught:
        open_source(tmp_path / "nowhere.git").sync()
    assert caught.value.reason == "RepoNotFound"


def test_bad_settings_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    for url, ref, path in (("ext::sh -c true", "main", ""), ("/r", "-x", ""), ("/r", "main", "../..")):
        with pytest.raises(BadSettings):
            GitSource(url, ref, path, tmp_path / "mirror")
    assert not any(tmp_path.iterdir())


# --- what is remembered ---


def test_what_was_synced_and_accepted_survives_a_restart_without_the_server(
    repository: Repository, open_source: Open
) -> None:
    source = open_source(repository)
    good = source.sync()
    source.accept("web", good.revision.id)
    repository.commit({"compose.yaml": b"services: {}\n"})
    newest = source.sync()
    shutil.rmtree(repository.path)
    again = open_source(repository)
    assert again.last() == newest
    found = again.good("web")
    assert found == good
    assert found is not None
    assert found.tree.read(WEB) == b"services: {}\n"
    assert again.good("db") is None
    with pytest.raises(Refused):
        again.sync()
    again.forget("web")
    again.forget("db")
    assert again.good("web") is None


def test_another_ref_or_repository_has_no_last(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    source.accept("web", source.sync().revision.id)
    assert open_source(repository, "other").last() is None
    elsewhere = Repository.create(tmp_path / "elsewhere.git")
    moved = open_source(elsewhere)
    assert moved.last() is None
    assert moved.good("web") is None
    pushed = elsewhere.commit({"compose.yaml": b"{}"})
    assert moved.sync().revision.id == pushed
    assert moved.good("web") is None


@pytest.mark.parametrize("stack", ["", "../x", "Web", "a/b", "-x", "x" * 64, "a.lock"])
def test_only_names_of_stacks_become_refs(repository: Repository, open_source: Open, stack: str) -> None:
    source = open_source(repository)
    revision = source.sync().revision.id
    with pytest.raises(Refused):
        source.accept(stack, revision)
    with pytest.raises(Refused):
        source.good(stack)


@pytest.mark.parametrize("revision", ["", "HEAD", "--stdin", "abc123", "dir-0123"])
def test_only_commits_are_accepted(repository: Repository, open_source: Open, revision: str) -> None:
    with pytest.raises(Refused):
        open_source(repository).accept("web", revision)


def test_a_commit_that_is_not_there_is_not_good_and_no_damage(repository: Repository, open_source: Open) -> None:
    calls = Calls()
    source = open_source(repository, observe=calls)
    source.sync()
    source.accept("web", "0123456789" * 4)
    assert source.good("web") is None
    source.sync()
    assert calls.verbs.count("init") == 1
