"""Which file of a tree a path means, and where absolute paths mean something at all."""

from __future__ import annotations

import pytest

from agent.compose.files import Files, NotReadable
from agent.source.content import under
from agent.source.tree import CommitTree, Listed
from agent.tree import Entry, EntryKind
from tests.compose.tree import DictTree, problems, project

TREE = DictTree({"home/me/web/compose.yaml": "", "home/me/x.env": ""}, links=("home/link",))


@pytest.mark.parametrize(
    ("root", "path", "located"),
    [
        ("", "../x.env", "home/me/x.env"),
        ("", "./a//../b", "home/me/web/b"),
        ("/", "../x.env", "home/me/x.env"),
        ("/", "/home/me/../me/x.env", "home/me/x.env"),
        ("/", "/", ""),
        ("/srv", "/srv/home/me/x.env", "home/me/x.env"),
        ("/srv", "/srv", ""),
    ],
)
def test_what_a_path_means(root: str, path: str, located: str) -> None:
    assert Files(TREE, root).locate("home/me/web", path) == located


@pytest.mark.parametrize(
    ("root", "path", "reason"),
    [
        ("", "/home/me/x.env", "PathEscape"),
        ("", "../../../../etc/passwd", "PathEscape"),
        ("/srv", "/srv2/x.env", "PathEscape"),
        ("/srv", "/srv/../etc/passwd", "PathEscape"),
        ("/", "/home/link/x.env", "SymlinkRefused"),
    ],
)
def test_what_no_path_may_mean(root: str, path: str, reason: str) -> None:
    with pytest.raises(NotReadable) as caught:
        Files(TREE, root).locate("home/me/web", path)
    assert caught.value.reason == reason


def test_an_absolute_environment_file_is_read_where_the_tree_is_known_to_lie() -> None:
    text = "services: {a: {image: x, env_file: /srv/one.env}}"
    loaded = project(text, {"one.env": "A=1"}, root="/srv")
    assert loaded.services["a"]["environment"] == {"A": "1"}
    assert problems(text, {"one.env": "A=1"}) == [
        "compose.yaml:1:36: services.a.env_file[0]: leads out of the repository"
    ]


def test_a_missing_file_is_named_as_the_user_knows_it() -> None:
    text = "services: {a: {image: x, env_file: ./one.env}}"
    assert problems(text) == ['compose.yaml:1:36: services.a.env_file[0]: there is no file "one.env" in the repository']
    assert problems(text, root="/srv", shown="../{}".format) == [
        'compose.yaml:1:36: services.a.env_file[0]: there is no file "../one.env"'
    ]


def test_the_way_to_a_file_is_told_as_the_user_knows_it() -> None:
    files = {"inc.yaml": "services: {b: {imagee: x}}"}
    assert problems("include: [inc.yaml]", files, shown="../{}".format)[0] == (
        'inc.yaml:1:16: services.b: unknown key "imagee" (included by ../compose.yaml:1:11), did you mean "image"?'
    )
    assert problems("include: [compose.yaml]", shown="../{}".format) == [
        "compose.yaml:1:11: include[0]: the files include one another: ../compose.yaml → ../compose.yaml"
    ]


PATHS = sorted(["a", "a-b/c", "a/b", "a/b/c", "a/é", "a0", "b/a"])


@pytest.mark.parametrize(
    ("directory", "below"),
    [("", PATHS), ("a", ["a/b", "a/b/c", "a/é"]), ("a/b", ["a/b/c"]), ("c", []), ("a0", []), ("b", ["b/a"])],
)
def test_what_lies_below_a_directory(directory: str, below: list[str]) -> None:
    assert list(under(PATHS, directory)) == below
    found = {path: Listed(Entry(EntryKind.FILE, 0), "") for path in reversed(PATHS)}
    assert list(CommitTree(found, {}, lambda _: b"").beneath(directory)) == below
