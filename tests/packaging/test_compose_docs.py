"""`docs/compose.md` tells of every key, and tells the truth about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from agent.cli.changes import plan
from agent.compose import stores
from agent.compose.schema import NETWORK_FIELDS, SERVICE_FIELDS, VOLUME_FIELDS
from agent.compose.shapes import Field
from agent.errors import BadManifest
from tests.compose.tree import problems, project, wanted

PAGE = (Path(__file__).parents[2] / "docs/compose.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")]
SAMPLES = {
    "build": "{context: .}",
    "models": "[llm]",
    "provider": "{type: x}",
    "use_api_socket": "true",
    "attach": "false",
    "credential_spec": "{file: x}",
    "develop": "{watch: [{path: ., action: rebuild}]}",
}


def keys(cell: str) -> list[str]:
    return re.findall(r"`([\w.-]+)`", cell)


def row(beginning: str) -> list[str]:
    """The keys in the first cell of the only row that begins so."""
    (found,) = [cells[0] for cells in ROWS if cells[0].startswith(beginning)]
    return keys(found)


def service_rows() -> Mapping[str, list[str]]:
    """The service keys by what is said of them, as far as it goes to the first comma or semicolon."""
    start = PAGE.index("| service keys |")
    table = PAGE[start : PAGE.index("\n\n", start)].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in table]
    return {re.split(r"[,;] ", said.strip())[-1]: keys(named) for named, said in cells}


@pytest.mark.parametrize(
    ("documented", "known"),
    [
        pytest.param([key for named in service_rows().values() for key in named], SERVICE_FIELDS, id="services"),
        pytest.param(row("networks:"), NETWORK_FIELDS, id="networks"),
        pytest.param(row("volumes:"), VOLUME_FIELDS, id="volumes"),
        pytest.param(row("configs:"), stores._CONFIG_FIELDS, id="configs"),
        pytest.param(row("secrets:"), stores._SECRET_FIELDS, id="secrets"),
    ],
)
def test_every_key_is_told_of_once(documented: list[str], known: Iterable[str]) -> None:
    assert sorted(documented) == sorted(known)


def test_every_documented_key_is_supported() -> None:
    assert [key for key, field in SERVICE_FIELDS.items() if not isinstance(field, Field)] == []


def test_the_keys_of_the_top_level_exist() -> None:
    text = "\n".join(f"{key}:" for key in [*row("top level:"), "nosuch"])
    unknown = [problem for problem in problems(text) if "unknown key" in problem]
    assert [problem.split('"')[1] for problem in unknown] == ["nosuch"]


def text_of(key: str) -> str:
    more = "models: {llm: {model: x}}" if key == "models" else ""
    return f"services: {{a: {{image: x, {key}: {SAMPLES[key]}}}}}\n{more}"


@pytest.mark.parametrize("key", service_rows()["see below"])
def test_what_is_refused_loads_and_is_refused(key: str) -> None:
    assert key in project(text_of(key)).services["a"]
    with pytest.raises(BadManifest) as caught:
        wanted(text_of(key))
    (problem,) = caught.value.problems
    assert problem.path == f"services.a.{key}"
    assert problem.hint


@pytest.mark.parametrize("key", service_rows()["in Compose neither"])
def test_what_is_no_part_of_what_runs(key: str) -> None:
    """But for the hash that Compose takes of all that is written."""
    plain, other = wanted("services: {a: {image: x}}"), wanted(text_of(key))
    for found in (plain, other):
        del found["container/web-a-1"].spec["body"]["Labels"]["com.docker.compose.config-hash"]
    assert other == plain


def test_every_option_is_told_of() -> None:
    told = re.findall(r"`(--[a-z-]+)[` ]", PAGE)
    options = {name for param in plan.params for name in param.opts if param.name in OPTIONS}
    assert {name for name in options if name.startswith("--")} <= set(told)


OPTIONS = {"files", "project_directory", "project_name", "profiles", "env_files", "os_env"}
