"""Which stacks a tree holds, and what is said about what cannot be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.desired import Reader
from agent.errors import BadManifest
from agent.fleet import Found, closed, hidden, stacks
from agent.model import Problem, Revision, Snapshot
from agent.tree import Entry, EntryKind
from tests.compose.tree import DictTree


@dataclass(frozen=True)
class Paths:
    """A tree of which only the paths matter."""

    paths: tuple[str, ...]
    kind: EntryKind = EntryKind.FILE
    unread: Mapping[str, str] = field(default_factory=dict)

    def entries(self) -> Mapping[str, Entry]:
        return {path: Entry(self.kind, 1) for path in self.paths}

    def beneath(self, directory: str) -> list[str]:
        return [path for path in self.paths if not directory or path.startswith(f"{directory}/")]

    def read(self, path: str) -> bytes:
        raise AssertionError("nothing is read to find stacks")


def found(*paths: str, default_name: str = "top") -> list[tuple[str, str, str]]:
    listed = stacks(Paths(paths), default_name=default_name)
    return [(one.name, one.directory, one.place.file) for one in listed]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["README.md", "web/app.yaml"], [], id="no compose file"),
        pytest.param(["compose.yaml"], [("top", "", "compose.yaml")], id="root"),
        pytest.param(["compose.yaml", "web/compose.yaml"], [("top", "", "compose.yaml")], id="root goes first"),
        pytest.param(
            ["stacks/web/compose.yaml", "db/compose.yml", "a/b/c/docker-compose.yml", "d/docker-compose.yaml"],
            [
                ("c", "a/b/c", "a/b/c/docker-compose.yml"),
                ("d", "d", "d/docker-compose.yaml"),
                ("db", "db", "db/compose.yml"),
                ("web", "stacks/web", "stacks/web/compose.yaml"),
            ],
            id="any depth, any name, sorted",
        ),
        pytest.param(
            ["web/docker-compose.yml", "web/compose.yml", "web/compose.yaml"],
            [("web", "web", "web/compose.yaml")],
            id="the first name counts",
        ),
        pytest.param(
            ["web/compose.yaml", "web/sub/compose.yaml", "web/a/b/compose.yaml", "web2/compose.yaml"],
            [("web", "web", "web/compose.yaml"), ("web2", "web2", "web2/compose.yaml")],
            id="not below a stack",
        ),
        pytest.param(
            [".github/compose.yaml", "a/.cache/b/compose.yaml", "charts/x/compose.yaml", "charts/compose.yaml"],
            [],
            id="skipped",
        ),
        pytest.param(
            ["apps/charts/compose.yaml"], [("charts", "apps/charts", "apps/charts/compose.yaml")], id="charts below"
        ),
        pytest.param(["My App.v2/compose.yaml"], [("myappv2", "My App.v2", "My App.v2/compose.yaml")], id="normalised"),
        pytest.param(["_-x_-/compose.yaml"], [("x_-", "_-x_-", "_-x_-/compose.yaml")], id="stripped"),
        pytest.param(
            ["hosts/compose.yaml", "hosts/values.yaml"], [("hosts", "hosts", "hosts/compose.yaml")], id="named hosts"
        ),
        pytest.param(["a/hosts/x.yaml", "a/windlass.yaml"], [], id="settings below the root are nothing"),
    ],
)
def test_stacks_that_are_found(paths: list[str], expected: list[tuple[str, str, str]]) -> None:
    assert found(*paths) == expected


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        pytest.param(
            ["a/web/compose.yaml", "b/web/compose.yml"],
            ["b/web/compose.yml:1:1: the stack 'web' is defined at a/web/compose.yaml as well"],
            id="double",
        ),
        pytest.param(
            ["Web/compose.yaml", "web/compose.yaml"],
            ["web/compose.yaml:1:1: the stack 'web' is defined at Web/compose.yaml as well"],
            id="double once normalised",
        ),
        pytest.param(["ÄÖ/compose.yaml"], ["ÄÖ/compose.yaml:1:1: 'ÄÖ' gives the stack no usable name"], id="no name"),
        pytest.param(
            ["x" * 64 + "/compose.yaml"],
            ["x" * 64 + "/compose.yaml:1:1: '" + "x" * 64 + "' gives the stack no usable name"],
            id="too long",
        ),
        pytest.param(
            ["windlass.yml", "windlass.yaml", "hosts/one.yml", "web/compose.yaml"],
            [
                "hosts/one.yml:1:1: selecting stacks by host is not supported yet",
                "windlass.yml:1:1: is not read under this name",
            ],
            id="not supported yet",
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_its_place(paths: list[str], said: list[str]) -> None:
    with pytest.raises(BadManifest) as caught:
        found(*paths)
    assert [str(problem).removesuffix(f", {problem.hint}") for problem in caught.value.problems] == said


@pytest.mark.parametrize(
    ("paths", "used", "told"),
    [
        (["compose.yaml", "stacks/web/compose.yaml", "stacks/db/compose.yml", "stacks/db/x/compose.yaml"], set(),
         ["compose.yaml:1:1: hides stacks/db/compose.yml and 1 more: below a stack there is no other"]),
        (["compose.yaml", "stacks/web/compose.yaml"], {"", "stacks/web/compose.yaml"}, []),
        (["compose.yaml", "stacks/web/compose.yaml"], {"stacks"}, []),
        (["compose.yaml", "examples/web/compose.yaml", "stacks/web/data", "stacks/.x/compose.yaml"], set(), []),
        (["stacks/web/compose.yaml", "db/compose.yaml"], set(), []),
    ],
    ids=["hidden", "included", "mounted", "none there", "no root"],
)  # fmt: skip
def test_what_a_compose_file_at_the_root_hides_is_told(paths: list[str], used: set[str], told: list[str]) -> None:
    tree = Paths(tuple(paths))
    warnings = list(hidden(tree, stacks(tree, default_name="top"), used))
    assert [str(problem).removesuffix(f", {problem.hint}") for problem in warnings] == told
    assert all("directory of its own" in problem.hint for problem in warnings)


def test_whoever_reads_a_repository_is_told_unless_the_root_includes_them() -> None:
    web = {"stacks/web/compose.yaml": "services: {web: {image: x}}\n"}
    told = []
    for root in ("services: {top: {image: x}}\n", "include: [stacks/web/compose.yaml]\n"):
        snapshot = Snapshot(Revision("a"), DictTree({**web, "compose.yaml": root}))
        told.append(
            [one.place.file for one in Reader(PurePosixPath("/state"), default_name="top").read(snapshot).warnings]
        )
    assert told == [["compose.yaml"], []]


def test_a_stack_at_the_root_needs_a_name() -> None:
    with pytest.raises(BadManifest, match="the root of the repository"):
        found("compose.yaml", default_name="")


def test_a_compose_file_that_is_a_link_still_makes_a_stack() -> None:
    """Its stack says that it cannot be read; were it passed over, the stack would be pruned."""
    assert [one.name for one in stacks(Paths(("web/compose.yaml",), EntryKind.SYMLINK))] == ["web"]


names = st.sampled_from(["a", "b", "A", "charts", ".x", "hosts", "compose.yaml", "compose.yml", "docker-compose.yml"])
paths = st.lists(st.lists(names, min_size=1, max_size=4).map("/".join), max_size=8)


@given(paths)
def test_the_order_of_the_tree_does_not_matter_and_no_stack_lies_in_another(given_: list[str]) -> None:
    ordered = tuple(sorted(set(given_)))
    forward, backward = outcome(ordered), outcome(ordered[::-1])
    assert forward == backward
    directories = [one.directory for one in forward if isinstance(one, Found)]
    assert not [
        (outer, inner)
        for outer in directories
        for inner in directories
        if outer != inner and (not outer or inner.startswith(f"{outer}/"))
    ]


def outcome(given_: tuple[str, ...]) -> tuple[Found, ...] | tuple[Problem, ...]:
    try:
        return stacks(Paths(given_), default_name="top")
    except BadManifest as wrong:
        return wrong.problems


@pytest.mark.parametrize(
    ("below", "unread", "told"),
    [
        ("", ["stacks/db", "stacks/web/data", "stacks/web/conf/x"], ["stacks/db"]),
        ("", ["data", "stacks/web-data", "hosts/a"], ["data", "hosts/a", "stacks/web-data"]),
        ("", ["charts/x", ".ssh", "stacks/.cache/x"], []),
        ("", [""], ["."]),
        ("stacks", ["data", "stacks/db", "stacks/charts"], ["stacks/db"]),
    ],
    ids=["data of a stack", "beside stacks", "where none is looked for", "the root", "below a directory"],
)
def test_a_directory_that_cannot_be_read_is_told_where_a_stack_may_lie_in_it(
    below: str, unread: list[str], told: list[str]
) -> None:
    tree = Paths(("stacks/web/compose.yaml",), unread=dict.fromkeys(unread, "Permission denied"))
    problems = list(closed(tree, stacks(tree, below=below), below=below))
    assert [problem.place.file for problem in problems] == told
    assert all("cannot be read (Permission denied)" in problem.message and problem.hint for problem in problems)


def test_the_data_of_a_stack_at_the_root_may_be_closed() -> None:
    tree = Paths(("compose.yaml",), unread={"data": "Permission denied"})
    assert list(closed(tree, stacks(tree, default_name="top"))) == []
