"""What a commit may hold and what of it can be read: bombs, giants, links, strange names."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadManifest, Refused
from agent.source.content import checked_path, escaped
from agent.source.repository import GitSource
from agent.source.tree import Listing, split_batch
from agent.source.trouble import MirrorCorrupt
from agent.tree import Entry, EntryKind
from tests.source.repositories import Repository

Open = Callable[..., GitSource]
NOWHERE = "1" * 40
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "origin.git")


def test_every_kind_of_entry_is_told_apart(repository: Repository, open_source: Open) -> None:
    blob = repository.blob(b"content")
    tree = repository.tree(
        [
            ("100644", "blob", blob, b"file"),
            ("100755", "blob", blob, b"program"),
            ("120000", "blob", repository.blob(b"/etc/shadow"), b"link"),
            ("160000", "commit", NOWHERE, b"module"),
        ]
    )
    repository.commit(tree)
    snapshot = open_source(repository).sync()
    assert dict(snapshot.tree.entries()) == {
        "file": Entry(EntryKind.FILE, 7),
        "program": Entry(EntryKind.EXECUTABLE, 7),
        "link": Entry(EntryKind.SYMLINK, 11),
        "module": Entry(EntryKind.SUBMODULE, 0),
    }
    assert snapshot.tree.read("file") == snapshot.tree.read("program") == b"content"
    for path in ("link", "module", "missing", "", "..", "/etc/passwd"):
        with pytest.raises(KeyError):
            snapshot.tree.read(path)


def test_attributes_of_the_repository_change_nothing(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    files = {
        ".gitattributes": b"* filter=x export-subst eol=crlf\nhidden export-ignore\n",
        "hidden": b"$Format:%H$\n",
        "sub/HEAD": b"ref: refs/heads/main\n",
        "sub/config": f'[core]\n\tfsmonitor = "touch {marker}"\n\trepositoryformatversion = 0\n'.encode(),
        "sub/objects/x": b"",
        "sub/refs/x": b"",
    }
    repository.commit(files)
    tree = open_source(repository).sync().tree
    assert {path: tree.read(path) for path in tree.entries()} == files
    assert not marker.exists()


def test_a_tree_bomb_is_refused_before_it_goes_off(repository: Repository, open_source: Open) -> None:
    object_id = repository.blob(b"boom")
    kind, mode = "blob", "100644"
    for _ in range(10):
        object_id = repository.tree([(mode, kind, object_id, b"d%d" % number) for number in range(10)])
        kind, mode = "tree", "040000"
    repository.commit(object_id)
    source = open_source(repository)
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        source.sync()
    assert caught.value.reason == "RepoTooManyFiles"
    assert time.monotonic() - started < 20, "listing all of it would take hours"
    with pytest.raises(Refused):
        source.sync()
    assert source.last() is None


@pytest.mark.parametrize(
    ("path", "size"), [("compose.yaml", (4 << 20) + 1), (".env", (4 << 20) + 1), ("data.bin", (5 << 20) + 1)]
)
def test_a_huge_file_is_refused_by_its_size(repository: Repository, open_source: Open, path: str, size: int) -> None:
    repository.commit({path: bytes(size), f"small-{path}": b"x", f"edge-{path}": bytes(size - 1)})
    tree = open_source(repository).sync().tree
    assert tree.entries()[path].size == size
    with pytest.raises(BadManifest) as caught:
        tree.read(path)
    assert caught.value.reason == "FileTooLarge"
    assert caught.value.problems[0].place.file == path
    assert tree.read(f"small-{path}") == b"x"
    assert tree.read(f"edge-{path}") == bytes(size - 1)


def test_an_lfs_pointer_is_not_the_content(repository: Repository, open_source: Open) -> None:
    repository.commit({"config.json": LFS})
    with pytest.raises(BadManifest) as caught:
        open_source(repository).sync().tree.read("config.json")
    assert caught.value.reason == "LfsPointer"


STRANGE = [
    pytest.param(b"a\nb", "a\\nb", id="newline"),
    pytest.param(b"\x1b[31m", "\\x1b[31m", id="escape"),
    pytest.param(b"caf\xe9", "caf\\xe9", id="latin-1"),
    pytest.param(b"\xc2\x85", "\\x85", id="C1"),
    pytest.param(b"x" * 256, "xxx", id="long"),
]


@pytest.mark.parametrize(("name", "shown"), STRANGE)
def test_strange_names_are_refused_and_shown_escaped(
    repository: Repository, open_source: Open, name: bytes, shown: str
) -> None:
    blob = repository.blob(b"")
    repository.commit(repository.tree([("100644", "blob", blob, b"compose.yaml"), ("100644", "blob", blob, name)]))
    with pytest.raises(Refused) as caught:
        open_source(repository).sync()
    assert caught.value.reason == "RepoPathRefused"
    assert shown in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT"])
def test_names_that_lead_out_never_get_in(repository: Repository, open_source: Open, name: bytes) -> None:
    """git's own check of what it fetches is in front of ours."""
    inner = repository.tree([("100644", "blob", repository.blob(b""), b"x")])
    raw = b"40000 " + name + b"\0" + bytes.fromhex(inner)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    repository.commit(tree)
    with pytest.raises(Refused) as caught:
        open_source(repository).sync()
    assert caught.value.reason == "RepoInvalid"


@given(
    st.binary(min_size=1, max_size=40)
    | st.lists(st.sampled_from([b"..", b".git", b"/", b"a", b"\xff", b"\n"])).map(b"".join)
)
def test_no_accepted_path_leads_out(raw: bytes) -> None:
    try:
        path = checked_path(raw)
    except Refused as refused:
        assert str(refused).isprintable()  # noqa: PT017 - either ending is fine
        return
    assert path.encode() == raw
    assert not {"", ".", "..", ".git"} & {part.lower() for part in path.split("/")}
    assert all(ord(char) >= 0x20 for char in path)


@given(st.text(max_size=300))
def test_what_is_escaped_is_printable(text: str) -> None:
    assert escaped(text).isprintable()


@given(st.lists(st.integers(1, 30), max_size=12))
def test_a_listing_may_come_in_any_pieces(cuts: list[int]) -> None:
    text = b"".join(b"100644 blob %040d %7d\tdir/file%d\0" % (n, n, n) for n in range(5))
    listing = Listing()
    for size in cuts:
        listing.take(text[:size])
        text = text[size:]
    listing.take(text)
    assert [listed.entry.size for listed in listing.found.values()] == [0, 1, 2, 3, 4]


def test_a_listing_names_nothing_twice_and_knows_its_modes() -> None:
    record = b"%s blob 1111111111111111111111111111111111111111 0\ta\0"
    with pytest.raises(Refused):
        Listing().take(record % b"100644" * 2)
    with pytest.raises(Refused):
        Listing().take(record % b"140000")
    with pytest.raises(Refused):
        Listing().take(b"x" * (1 << 17))


def test_a_blob_that_is_listed_and_not_there_is_damage() -> None:
    with pytest.raises(MirrorCorrupt, match=r"a/b"):
        Listing().take(b"100644 blob b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0     BAD\ta/b\0")


@pytest.mark.parametrize(
    "output",
    [b"", b"%s missing\n", b"%s blob 5\nhell0\n", b"%s blob 5\nhel", b"%s commit 5\nhello\n"],
    ids=["nothing", "missing", "changed", "cut", "no blob"],
)
def test_a_blob_that_is_not_what_its_id_says_is_damage(output: bytes) -> None:
    object_id = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # "hello"
    good = f"{object_id} blob 5\nhello\n".encode()
    assert split_batch([object_id], good) == {object_id: b"hello"}
    with pytest.raises(MirrorCorrupt):
        split_batch([object_id], output.replace(b"%s", object_id.encode()))
