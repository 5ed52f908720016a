"""Several documents, laid over one another: `!reset`, `!override`, and keys without a value."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from agent.compose import LoadOptions, load
from agent.errors import BadManifest
from tests.compose.tree import DictTree

FIRST = """
x-top: {a: 1, b: 2}
services:
  a:
    image: x
    command: [base]
    environment: {A: "1", B: "1"}
    labels: [l=1, m=1]
    ports: ["80:80"]
    volumes: ["./d:/d"]
    networks: [n, o]
    depends_on: [b]
    healthcheck: {test: [CMD, x], retries: 3}
  b: {image: y}
networks: {n: , o: {driver: bridge}}
"""


def over(second: str, *, documents: bool = False) -> Any:
    """The project of the first file with a second one, or of one file with two documents."""
    second = textwrap.dedent(second)
    files = {"one.yaml": f"{FIRST}\n---\n{second}"} if documents else {"one.yaml": FIRST, "two.yaml": second}
    return load(DictTree(files), LoadOptions(files=tuple(files), project_name="p"))


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("ports: !reset []", {"ports": None}),
        ("ports: !reset ['81:81']", {"ports": None}),
        ("ports: !override ['81:81']", {"ports": 1}),
        ("ports: ['81:81']", {"ports": 2}),
        ("ports:", {"ports": 1}),
        ("command: !reset null", {"command": None}),
        ("command:", {"command": None}),
        ("command: !override x y", {"command": ["x", "y"]}),
        ("environment: {A: !reset null}", {"environment": {"B": "1"}}),
        ("environment: {A: }", {"environment": {"A": None, "B": "1"}}),
        ("environment: !override {C: 1}", {"environment": {"C": "1"}}),
        ("labels: {l: !reset null}", {"labels": {"l": "1", "m": "1"}}),  # they are a list there, so as in Compose
        ("networks: {n: !reset null}", {"networks": {"o": None}}),
        ("networks: !override [o]", {"networks": {"o": None}}),
        ("networks: !reset []", {"networks": {"default": None}}),
        ("depends_on: {b: !reset null}", {"depends_on": {}}),
        ("depends_on: {b: {restart: true}}",
         {"depends_on": {"b": {"condition": "service_started", "restart": True, "required": True}}}),
        ("healthcheck: {test: !reset null}", {"healthcheck": {"retries": 3}}),
        ("healthcheck: {test: !override x}", {"healthcheck": {"test": ["CMD-SHELL", "x"], "retries": 3}}),
        ("volumes: [!reset './e:/e', './f:/f']", {"volumes": 2}),
    ],
)  # fmt: skip
def test_what_a_later_document_takes_away(keys: str, expected: dict[str, Any], documents: bool) -> None:
    service = over(f"services:\n  a:\n    {keys}\n", documents=documents).services["a"]
    found = {key: service.get(key) for key in expected}
    for key in ("ports", "volumes"):
        if found.get(key) is not None:
            found[key] = len(found[key])
    assert found == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("services: {b: !reset null, a: {depends_on: !reset []}}", {"a"}),
        ("services: !override {c: {image: z}}", {"c"}),
        ("services: {b: }", {"a", "b"}),
        ("services:", {"a", "b"}),
    ],
)
def test_whole_services_go_as_well(text: str, names: set[str]) -> None:
    assert set(over(text).services) == names


def test_extensions_are_merged_and_taken_away() -> None:
    assert over("x-top: {a: !reset null, c: 3}\nx-two: 2").extensions == {"x-top": {"b": 2, "c": 3}, "x-two": 2}


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("x-r: &r !reset []\nservices: {a: {ports: *r}}", 0),
        ("x-o: &o !override ['1:1']\nservices: {a: {ports: *o}}", 1),
        ("x-o: &o {ports: !override ['1:1']}\nservices: {a: {<<: *o}}", 1),
        ("x-o: &o {ports: !override ['1:1']}\nservices: {a: {<<: *o, ports: ['2:2', '3:3']}}", 2),
        ("x-r: &r {ports: !reset []}\nservices: {a: {<<: *r}}", 1),  # as in Compose 2.40: only where the anchor stands
        ("services: {b: &r {ports: !reset []}, a: *r}", 1),
    ],
)
def test_marks_behind_an_alias(text: str, ports: int) -> None:
    assert len(over(text).services["a"].get("ports") or ()) == ports


def test_a_key_that_is_reset_is_there_for_the_search_for_doubles() -> None:
    with pytest.raises(BadManifest, match='key "command" is already defined at line 3'):
        over("services:\n  a:\n    command: !reset null\n    command: x\n")


def test_alone_a_mark_says_nothing() -> None:
    text = "services: {a: {image: x, ports: !reset ['1:1'], command: !override x}, b: !reset {image: y}}"
    services = load(DictTree({"compose.yaml": text}), LoadOptions(project_name="p")).services
    assert list(services) == ["a"]
    assert ("ports" in services["a"], services["a"]["command"]) == (False, ["x"])


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("services: {a: {image: x, ports: }}", "one.yaml:1:33: services.a.ports: has no value: it must be a list"),
        ("services: {a: }", "one.yaml:1:15: services.a: has no value: it must be a mapping"),
        ("services: {a: {image: x, depends_on: {b: {restart: true}}}, b: {image: x}}",
         'one.yaml:1:42: services.a.depends_on.b: needs the key "condition"'),
    ],
)  # fmt: skip
def test_the_first_document_is_right_by_itself(first: str, problem: str) -> None:
    second = "services: {a: {image: x, ports: [], depends_on: {b: {condition: service_started}}}, b: {image: x}}"
    files = {"one.yaml": first, "two.yaml": second}
    with pytest.raises(BadManifest) as caught:
        load(DictTree(files), LoadOptions(files=("one.yaml", "two.yaml"), project_name="p"))
    assert [str(one) for one in caught.value.problems] == [problem]


def test_what_is_wrong_in_one_document_is_told_once() -> None:
    second = "services: {a: {volumes: [{type: nope, target: /x}], depends_on: {b: {condition: nope}}}}"
    with pytest.raises(BadManifest) as caught:
        over(second)
    assert [str(one).partition(", ")[0] for one in caught.value.problems] == [
        'two.yaml:1:33: services.a.volumes[0].type: "nope" is not one of bind',
        'two.yaml:1:81: services.a.depends_on.b.condition: "nope" is not one of service_started',
    ]
