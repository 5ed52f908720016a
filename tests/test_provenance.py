"""Which commit brought what a stack wants: what the stack was read from, and how often git is asked about it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from agent.desired import Reader, Reading
from agent.model import Revision, Snapshot, Stack
from agent.provenance import PATIENCE, UNKNOWN, NoPast, Provenance, Tracer
from agent.tree import Noted
from tests.compose.tree import DictTree

HEAD, FIRST, SECOND = Revision("9" * 40), "1" * 40, "2" * 40
BROUGHT = Revision("5" * 40, "Raise the level", "Ada")
FILE = "services: {one: {image: one}}\n"


def reading(files: Mapping[str, str], *, allow_build: bool = False) -> Reading:
    reader = Reader(PurePosixPath("/state"), default_name="fleet", allow_build=allow_build)
    return reader.read(Snapshot(HEAD, DictTree(files)))


def inputs(compose: str, files: Mapping[str, str] | None = None, *, allow_build: bool = False) -> set[str]:
    """What the stack of `stacks/web/compose.yaml` was read from and is there."""
    all_files = {"README.md": "", "stacks/db/compose.yaml": FILE, "stacks/web/compose.yaml": compose, **(files or {})}
    found = reading(all_files, allow_build=allow_build)
    assert not found.broken
    there = {*all_files, *(path.rpartition("/")[0] for path in all_files)}
    return set(found.stacks["web"].inputs & there)


OUTSIDE = """
include: [../../shared/base.yaml]
services:
  one:
    image: one
    env_file: [{path: ../../shared/one.env}, {path: ../../shared/maybe.env, required: false}]
    extends: {file: ../../shared/more.yaml, service: two}
    security_opt: ["seccomp=../../shared/seccomp.json"]
    volumes: ["../../shared/page.html:/page.html:ro", "../../shared/site:/site:ro"]
    secrets: [word]
secrets: {word: {file: ../../shared/word}}
"""


def test_a_stack_is_read_from_its_files_and_from_those_outside_of_its_folder() -> None:
    used = {
        "shared/base.yaml": "services: {base: {image: base}}",
        "shared/one.env": "A=1",
        "shared/more.yaml": "services: {two: {image: two, label_file: ./more.labels}}",
        "shared/more.labels": "a=b",
        "shared/seccomp.json": "{}",
        "shared/page.html": "",
        "shared/site/index.html": "",
        "shared/word": "x",
        "stacks/web/.env": "A=1",
        "stacks/web/compose.override.yaml": FILE,
    }
    unused = {"shared/unused.env": "", "stacks/web/README.md": ""}
    found = inputs(OUTSIDE, {**used, **unused})
    files = {path for path in used if not path.startswith("shared/site/")}
    assert found == {*files, "shared/site", "stacks/web/compose.yaml"}


def test_what_is_not_there_and_would_be_read_counts_too() -> None:
    stack = reading({"stacks/web/compose.yaml": OUTSIDE.partition("    extends")[0].replace("include", "x-include")})
    assert stack.broken.keys() == {"web"}
    assert {"shared/one.env", "shared/maybe.env", "stacks/web/.env"} <= stack.read["web"]
    bare = reading({"stacks/web/compose.yml": FILE}).stacks["web"].inputs
    assert {"stacks/web/compose.yaml", "stacks/web/compose.override.yml", "stacks/web/.env"} <= bare
    assert not {"stacks", "stacks/web", ""} & bare


def test_a_build_is_read_from_its_whole_context_and_keeps_the_tree_itself() -> None:
    files = {"stacks/web/app/Dockerfile": "FROM scratch", "stacks/web/app/src/main.c": "", "stacks/web/other": ""}
    compose = "services: {one: {build: ./app}}"
    assert inputs(compose, files, allow_build=True) == {"stacks/web/compose.yaml", "stacks/web/app"}
    found = reading({"stacks/web/compose.yaml": compose, **files}, allow_build=True)
    (image,) = (one for one in found.stacks["web"].resources if one.key.kind == "image")
    assert image.spec["build"]["tree"] is found.snapshot.tree


def test_of_a_tree_that_was_gone_through_everything_counts() -> None:
    noted = Noted(DictTree({"a/b": "1", "c": "1"}))
    assert noted.read("c") == b"1"
    assert noted.asked == {"c"}
    assert set(noted.entries()) == {"a/b", "c"}
    assert noted.asked == {""}


# --- asking -----------------------------------------------------------------------------------------------------


class Past(NoPast):
    """Has `commit` as its answer, and revisions that want the same; notes what was asked."""

    def __init__(self, commit: Revision | None, *same: str, good: str = "") -> None:
        self.commit, self.same, self.was_good = commit, same, good
        self.asked: list[str] = []
        self.led: tuple[Revision, ...] = ()

    def between(self, earlier: str, later: str, paths: frozenset[str]) -> tuple[Revision, ...]:
        self.asked.append(f"{earlier[0]}-{later[0]} {','.join(sorted(paths))}")
        return self.led

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        self.asked.append(f"{revision[0]} {','.join(sorted(paths))}")
        return self.commit

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        self.asked.append(f"{one[0]}={other[0]} {','.join(sorted(paths))}")
        return one in self.same

    def good(self, stack: str) -> str:
        return self.was_good if stack == "web" else ""


def stack(*paths: str, revision: Revision = HEAD) -> Stack:
    return Stack("web", (), revision, inputs=frozenset(paths))


@pytest.mark.parametrize("commit", [BROUGHT, None])
def test_git_is_asked_each_thing_once(commit: Revision | None) -> None:
    past = Past(commit, FIRST)
    tracer = Tracer(past)
    for _ in range(3):
        assert tracer.trace(stack("a", "b"), {FIRST, SECOND, HEAD.id, ""}) == Provenance(
            commit, frozenset({FIRST, HEAD.id})
        )
    assert past.asked == ["9 a,b", "1=9 a,b", "2=9 a,b"]
    tracer.trace(stack("a"), {FIRST})
    tracer.trace(stack("a", "b", revision=Revision(SECOND)), {FIRST})
    assert past.asked[3:] == ["9 a", "1=9 a", "2 a,b", "1=2 a,b"]


def test_skipped_is_what_lies_between_the_last_turn_and_the_commit_that_brought_it() -> None:
    past = Past(BROUGHT)
    past.led = (BROUGHT, Revision(SECOND))
    tracer = Tracer(past)
    assert tracer.skipped(stack("a"), FIRST, BROUGHT) == (Revision(SECOND),)
    assert past.asked == ["1-9 a"]
    assert tracer.skipped(stack("a"), "", BROUGHT) == tracer.skipped(stack(), FIRST, BROUGHT) == ()


@pytest.mark.parametrize(("good", "said"), [(FIRST, True), (HEAD.id, True), (SECOND, False), ("", False)])
def test_where_a_stack_was_good_with_the_very_same_no_commit_brought_what_is_new(good: str, said: bool) -> None:
    tracer = Tracer(Past(BROUGHT, FIRST, good=good))
    assert tracer.trace(stack("a"), ()) == Provenance(BROUGHT, was_good=said)
    assert tracer.trace(replace(stack("a"), name="db"), ()) == Provenance(BROUGHT)


def test_of_what_was_read_from_nothing_that_is_known_nobody_is_asked() -> None:
    past = Past(BROUGHT, FIRST)
    assert Tracer(past).trace(stack(), {FIRST}) == UNKNOWN
    assert past.asked == []
    assert Tracer(NoPast()).trace(stack("a"), {FIRST}) == UNKNOWN


def test_after_a_while_no_more_is_asked_until_the_next_time() -> None:
    past, times = Past(BROUGHT, FIRST, SECOND), itertools.count(step=PATIENCE * 0.7)
    tracer = Tracer(past, clock=lambda: next(times))
    assert tracer.trace(stack("a"), {FIRST, SECOND}) == Provenance(BROUGHT, frozenset({FIRST}))
    assert past.asked == ["9 a", "1=9 a"]
    times = itertools.count(step=0)
    assert tracer.trace(stack("a"), {FIRST, SECOND}) == Provenance(BROUGHT, frozenset({FIRST, SECOND}))


def test_what_was_asked_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.provenance._KEPT", 2)
    past = Past(BROUGHT)
    tracer = Tracer(past)
    for path in ("a", "b", "c", "a"):
        tracer.trace(stack(path), ())
    assert past.asked == ["9 a", "9 b", "9 c", "9 a"]
