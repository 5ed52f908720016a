"""Whoever has several mistakes in a file is told all of them: those of reading it and those of the paths in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose import LoadOptions, Project, load
from agent.compose.findings import Findings
from agent.compose.resources import report, resources
from agent.desired import Reader
from agent.errors import BadManifest
from agent.model import Place, Problem, Revision, Snapshot
from tests.compose.tree import TARGET, DictTree

FILES: dict[str, str | bytes] = {"app/Dockerfile": "FROM x", "no.json": "{", "here.json": "{}", "e.env": "A=1"}
BUILDING = replace(TARGET, allow_build=True)


class Lines(NamedTuple):
    """What is wrong, as a line of a service and one at the top, and the same put right."""

    wrong: str
    right: str
    wrong_top: str = "x-a: 1"
    right_top: str = "x-a: 1"


READING = {
    "unknown key": Lines("restrat: always", "restart: always"),
    "wrong type": Lines("restart: 5", "restart: always"),
    "no such service": Lines("depends_on: [nobody]", "depends_on: [c]"),
    "no such network": Lines("networks: [nowhere]", "networks: [default]"),
    "wrong network": Lines("networks: [n]", "networks: [n]", "networks: {n: {drivr: x}}", "networks: {n: {}}"),
    "wrong section": Lines("restart: always", "restart: always", "network: {}", "networks: {}"),
    "no env_file": Lines("env_file: no.env", "env_file: e.env"),
    "no variable": Lines("user: ${NEEDED:?it}", "user: me"),
}
PATHS = {
    "bind that leads out": Lines("volumes: ['../x:/x:ro']", "volumes: ['./x:/x:ro']"),
    "bind over a link": Lines("volumes: ['./link/x:/x']", "volumes: ['./x:/x']"),
    "no profile": Lines("security_opt: [seccomp=none.json]", "security_opt: [seccomp=here.json]"),
    "wrong profile": Lines("security_opt: [seccomp=no.json]", "security_opt: [seccomp=here.json]"),
    "no context": Lines("build: no", "build: app"),
    "context that leads out": Lines("build: ../app", "build: app"),
    "no Dockerfile": Lines("build: {context: app, dockerfile: D}", "build: {context: app, dockerfile: Dockerfile}"),
    "remote context": Lines("build: https://x/y.git", "build: app"),
    "config that leads out": Lines(
        "configs: [s]", "configs: [s]", "configs: {s: {file: ../s}}", "configs: {s: {file: here.json}}"
    ),
    "secret that leads out": Lines(
        "secrets: [s]", "secrets: [s]", "secrets: {s: {file: ../s}}", "secrets: {s: {file: here.json}}"
    ),
    "secret without a value": Lines(
        "secrets: [s]", "secrets: [s]", "secrets: {s: {environment: NO}}", "secrets: {s: {file: here.json}}"
    ),
    "volume that leads out": Lines(
        "volumes: ['vol:/v']",
        "volumes: ['vol:/v']",
        "volumes: {vol: {driver: local, driver_opts: {o: bind, device: ../v}}}",
        "volumes: {vol: {driver: local, driver_opts: {o: bind, device: ./v}}}",
    ),
}


def told(text: str, files: dict[str, str | bytes] | None = None) -> list[str]:
    """Every problem of a file, by all that reads it, in the order in which it is told."""
    tree = DictTree({"compose.yaml": text, **FILES, **(files or {})}, links=("link",))

    def admission(project: Project, findings: Findings) -> None:
        report(project, tree, BUILDING, findings)

    try:
        resources(load(tree, LoadOptions(project_name="p"), admission), tree, BUILDING)
    except BadManifest as error:
        return [str(problem) for problem in error.problems]
    return []


def _place(problem: str) -> list[int]:
    return [int(number) for number in re.findall(r":(\d+)", problem)[:2]]


def written(reading: tuple[str, str], path: tuple[str, str]) -> Iterator[str]:
    """The file with both lines, in one service and in two, in either order."""
    (line, top), (other, other_top) = reading, path
    for first, second in ((line, other), (other, line)):
        for between in ("", "  b:\n    image: x\n"):
            services = f"  a:\n    image: x\n    {first}\n{between}    {second}\n  c: {{image: x}}\n"
            for tops in (f"{top}\n{other_top}\n", f"{other_top.replace('x-a', 'x-b')}\n{top}\n"):
                yield f"services:\n{services}{tops}".replace("x-a: 1\nx-a: 1", "x-a: 1\nx-b: 1")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("reading", READING.values(), ids=READING)
def test_a_wrong_path_is_told_beside_what_could_not_be_read(reading: Lines, path: Lines) -> None:
    """Each just as it is told alone, at its place, and in the order of the file."""
    bad, good = (reading.wrong, reading.wrong_top), (reading.right, reading.right_top)
    led, there = (path.wrong, path.wrong_top), (path.right, path.right_top)
    alike = zip(written(bad, led), written(bad, there), written(good, led), written(good, there), strict=True)
    for both, unread, astray, sound in alike:
        assert told(sound) == []
        alone = told(unread) + told(astray)
        assert len(alone) == 2
        assert told(both) == sorted(alone, key=_place)


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("services: {a: {image: x, volumes: [{type: bind, target: /x}, '../y:/y']}}", {},
         ["1:36: services.a.volumes[0]: a bind mount needs a source",
          '1:62: services.a.volumes[1]: "../y" leads out of the repository']),
        ("services: {a: {image: x, secrets: [s, {target: t}]}}", {},
         ['1:36: services.a.secrets[0]: the secret "s" is not defined',
          '1:39: services.a.secrets[1]: needs the key "source"']),
        ("services: {a: {image: x, configs: [{target: t}]}}", {},
         ['1:36: services.a.configs[0]: needs the key "source"']),
        ("services: {a: {image: x, configs: [{uid: '1'}]}}", {},
         ['1:36: services.a.configs[0]: needs the key "source"']),
        ("services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: TOKEN}}", {".env": "A B=1"},
         [".env:1:1: the name of a variable cannot hold a space"]),
        ("services: {a: {image: x, volumes: ['~/../../x:/x'], build: ~me}}", {},
         ['1:36: services.a.volumes[0]: "~/../../x" has no meaning on the host',
          '1:60: services.a.build.context: "~me" has no meaning on the host']),
        ("services: {a: {image: x, volumes: [5, './x:/x']}, b: {image: x, volumes: ['./x:/x:ro']}}", {"x/y": "z"},
         ["1:36: services.a.volumes[0]: must be a string or a mapping"]),
    ],
    ids=["bind without a source", "no such secret", "no source", "no target", "variables unread", "home", "written"],
)  # fmt: skip
def test_nothing_is_told_of_a_path_that_is_only_so_because_of_what_is_told_already(
    text: str, files: dict[str, str | bytes], expected: list[str]
) -> None:
    found = [problem.removeprefix("compose.yaml:") for problem in told(text, files)]
    assert len(found) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(found, expected, strict=True)), found


def test_a_stack_of_the_tree_is_told_all_of_it() -> None:
    text = "services: {a: {image: x, foo: 1, build: no, volumes: ['../../x:/x']}}"
    reader = Reader(PurePosixPath("/state"), allow_build=True)
    broken = reader.read(Snapshot(Revision("a"), DictTree({"web/compose.yaml": text}))).broken["web"]
    assert [str(problem) for problem in broken.problems] == [
        'web/compose.yaml:1:26: services.a: unknown key "foo"',
        'web/compose.yaml:1:41: services.a.build: there is no directory "web/no" in the repository',
        'web/compose.yaml:1:55: services.a.volumes[0]: "../../x" leads out of the repository',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x, foo: 1, volumes: ['./data:/x', './data:/y', './more:/z']}}",
        "services: {a: {image: x, restart: never, volumes: ['./data:/x', './more:/z']}}",
        "services: {a: {image: x, foo: 1, env_file: [data, more]}}",
        "services: {a: {image: x, foo: 1, security_opt: [seccomp=data, seccomp=more]}}",
        "services: {a: {image: x, foo: 1, secrets: [s], configs: [c]}}\n"
        "secrets: {s: {file: data}}\nconfigs: {c: {file: more}}",
        "services: {a: {image: x, foo: 1, build: data/.., configs: [c]}}\nconfigs: {c: {file: more}}",
    ],
    ids=["binds", "admission", "env_file", "seccomp", "secret and config", "build"],
)
def test_a_file_that_cannot_be_read_keeps_nothing_back(text: str) -> None:
    class Unreadable(DictTree):
        def read(self, path: str) -> bytes:
            if path in ("web/data", "web/more"):
                raise BadManifest([Problem(Place(path), "is too large")], reason="FileTooLarge")
            return super().read(path)

    tree = Unreadable({"web/compose.yaml": text, "web/data": "", "web/more": "", "web/Dockerfile": ""})
    broken = Reader(PurePosixPath("/state"), allow_build=True).read(Snapshot(Revision("a"), tree)).broken["web"]
    first, *others = map(str, broken.problems)
    assert first.startswith("web/compose.yaml:1:")
    assert others == ["web/data:1:1: is too large", "web/more:1:1: is too large"]
    assert broken.reason == "ConfigInvalid"


parts = st.sampled_from([None, 5, "", "../x", "./app", "~/x", "link/x", "s", "v", "/abs", "seccomp=../x", "${NO:?n}"])
items: st.SearchStrategy[Any] = parts | st.dictionaries(
    st.sampled_from(["source", "target", "type", "file", "context", "dockerfile", "environment", "device", "bind"]),
    parts | st.just("bind") | st.just({}),
    max_size=3,
)
values = items | st.lists(items, max_size=2)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["volumes", "secrets", "configs", "build", "security_opt", "foo"]), values),
    st.dictionaries(st.sampled_from(["volumes", "secrets", "configs"]), st.dictionaries(parts.map(str), items)),
)
def test_whatever_could_not_be_read_the_rest_is_looked_at_without_a_fault(
    service: dict[str, Any], top: dict[str, Any]
) -> None:
    text = json.dumps({"services": {"a": {"image": "x", **service}, "b": {"imag": "x"}}, **top})
    found = told(text)
    assert any('unknown key "imag"' in problem for problem in found)
