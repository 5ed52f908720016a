"""`schema`: what editors are told is what the reader of the files does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from msgspec.structs import fields

from agent.cli import windlass
from agent.cli.schema import schema_of
from agent.errors import BadSettings
from agent.settings import GitSettings, LogSettings, Settings, duration_text, load
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "systemd/agent.yaml"
KEYWORDS = {
    "$schema", "$ref", "additionalProperties", "allOf", "anyOf", "default", "definitions", "description", "enum",
    "examples", "items", "maximum", "minLength", "minimum", "not", "pattern", "properties", "required", "title", "type",
}  # fmt: skip
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
    "number": (int, float),
}  # fmt: skip


def faults(value: Any, schema: Mapping[str, Any], whole: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """What of draft 7 the schemas use, checked. A keyword that is not known here fails the test."""
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema:
        yield from faults(value, whole["definitions"][schema["$ref"].removeprefix("#/definitions/")], whole, at)
    for one in schema.get("allOf", ()):
        yield from faults(value, one, whole, at)
    if "anyOf" in schema and all(list(faults(value, one, whole, at)) for one in schema["anyOf"]):
        yield f"{at}: none of anyOf"
    if "not" in schema and not list(faults(value, schema["not"], whole, at)):
        yield f"{at}: is not allowed"
    yield from faults_of_scalar(value, schema, at)
    for key, inner in value.items() if isinstance(value, dict) else ():
        below = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
        yield from [f"{at}.{key}: is unknown"] if below is False else faults(inner, below, whole, f"{at}.{key}")
    for key in schema.get("required", ()) if isinstance(value, dict) else ():
        if key not in value:
            yield f"{at}.{key}: is missing"
    for inner in value if isinstance(value, list) else ():
        yield from faults(inner, schema.get("items", {}), whole, f"{at}[]")


def faults_of_scalar(value: Any, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, TYPES[kind]) for kind in kinds) or (
        isinstance(value, bool) and "boolean" not in kinds
    ):
        yield f"{at}: is no {kinds}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: is none of {schema['enum']}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: does not match"


def agent_faults(text: str) -> list[str]:
    schema = schema_of("agent")
    return list(faults(yaml.safe_load(text), schema, schema))


def readable(tmp_path: Path, text: str) -> bool:
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    try:
        load(file, {})
    except BadSettings:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="nothing"),
        pytest.param("repo: https://git.example/fleet.git\ninterval: 1h30m\nprune: false\n", id="some"),
        pytest.param("variables: {DOMAIN: example.org, PORT: 8080, DEBUG: true}", id="variables of any kind"),
        pytest.param("allowed_hosts: [a.example, b.example]\nlog: {format: json, level: debug}", id="lists and parts"),
        pytest.param("git: {ssh_key: /a, known_hosts: /b, timeout: 90s}", id="files"),
    ],
)
def test_what_is_right_is_right_for_both(tmp_path: Path, text: str) -> None:
    assert agent_faults(text) == []
    assert readable(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "repoo: x", "log: {colour: red}", "log: [json]", "log: {format: xml}", "interval: 60", "interval: 1 m",
        "prune: 5", "instance: a b", "mode: sideways", "allowed_hosts: {a: b}", "variables: [A]",
        "git: {timeout: soon}", "variables: {A: [1]}",
    ],
)  # fmt: skip
def test_what_is_wrong_is_wrong_for_both(tmp_path: Path, text: str) -> None:
    assert agent_faults(text)
    assert not readable(tmp_path, text)


def test_the_example_is_right_and_shows_every_setting_with_its_default() -> None:
    text = EXAMPLE.read_text()
    assert agent_faults(text) == []
    shown = yaml.safe_load(text)
    for part, kind in ((shown, Settings), (shown["log"], LogSettings), (shown["git"], GitSettings)):
        assert set(part) == {field.name for field in fields(kind)}
    assert load(EXAMPLE, {}) == Settings(repo="https://git.example.com/fleet.git")


@pytest.mark.parametrize("file", ["systemd/README.md", "charts/monitoring/README.md"])
def test_the_settings_in_the_documentation_are_right(file: str) -> None:
    snippets = re.findall(r"^( *)```yaml\n(.*?)^ *```", (ROOT / file).read_text(), re.M | re.S)
    assert snippets
    for _, text in snippets:
        assert agent_faults(text) == [], text


def test_everything_says_what_it_is_for() -> None:
    for name, definition in schema_of("agent")["definitions"].items():
        assert definition["description"], name
        for key, field in definition["properties"].items():
            assert "allOf" in field or field["description"].endswith("."), f"{name}.{key}"


@pytest.mark.parametrize(
    ("which", "value", "fits"),
    [
        ("stack", {"services": {"a": {"image": "x"}}, "x-other": 1}, True),
        ("stack", {"x-windlass": {"after": ["db"], "ignore": "memory"}}, True),
        ("stack", {"x-windlass": {"afters": ["db"]}}, False),
        ("stack", {"services": {"a": {"x-windlass": {"rollout": {"order": "start-first"}}}}}, True),
        ("stack", {"services": {"a": {"x-windlass": {"after": ["db"]}}}}, False),
        ("fleet", {}, True),
        ("fleet", {"freeze": [{"cron": "0 22 * * 5", "for": "60h", "reason": "x", "stacks": ["web"]}]}, True),
        ("fleet", {"freeze": [{"cron": "0 22 * * 5", "for": "soon"}]}, False),
        ("fleet", {"freeze": [{"cron": "0 22 * * 5"}]}, False),
        ("fleet", {"freeze": [{"cron": "0 22 * * 5", "for": "60h", "stack": "web"}]}, False),
        ("fleet", {"stacks": {}}, False),
    ],
)
def test_what_is_not_known_is_not_allowed(which: str, value: object, *, fits: bool) -> None:
    assert (not list(faults(value, schema_of(which), schema_of(which)))) is fits


def test_one_schema_takes_any_of_the_files(run: Run) -> None:
    whole = json.loads(run("schema").stdout)
    several: tuple[object, ...] = ({"repo": "x"}, {"services": {}}, {"log": {"format": "json"}})
    for good in several:
        assert list(faults(good, whole, whole)) == []
    assert list(faults([], whole, whole))


@pytest.mark.parametrize("which", ["agent", "stack", "fleet"])
def test_the_command_prints_it(which: str) -> None:
    result = CliRunner().invoke(windlass, ["schema", which], obj=None)
    document = json.loads(result.stdout)
    assert document == schema_of(which)
    assert document["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_an_unknown_word(run: Run) -> None:
    assert run("schema", "chart").exit_code == 64


@pytest.mark.parametrize(
    ("seconds", "text"), [(60.0, "1m"), (5400.0, "1h30m"), (0.5, "500ms"), (61.25, "1m1s250ms"), (0.0, "0s")]
)
def test_durations_as_they_are_written(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
