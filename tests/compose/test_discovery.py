"""Where a load starts: which files, what their relative paths mean, which variables, which name."""

from __future__ import annotations

from typing import Any

import pytest

from agent.compose import LoadOptions, load
from agent.compose.calls import engine_calls
from agent.compose.names import container_name
from agent.errors import BadManifest
from tests.compose.tree import DictTree, project

ONE = "services: {a: {image: '${V:-x}', volumes: ['./d:/d']}}"
FILES = {
    "compose.yaml": ONE,
    "web/compose.yaml": ONE,
    "web/compose.override.yml": "services: {a: {command: over}}",
    "web/more/other.yaml": "services: {a: {labels: {o: ''}}}",
    "web/.env": "V=web\nW=web\n",
    "web/more/.env": "V=more\n",
    "list/.env": "COMPOSE_FILE=b.yml,../web/compose.yaml\nCOMPOSE_PATH_SEPARATOR=,\nV=list\n",
    "list/b.yml": ONE,
    "far/.env": "COMPOSE_FILE=../web/compose.yaml\nX=far\nV=far\n",
    "one.env": "A=1\nB=1\n",
    "two.env": "B=${A}2\nC=${V:-}\n",
}


def start(**options: Any) -> Any:
    return load(DictTree(FILES), LoadOptions(**{"default_name": "p", **options}))


@pytest.mark.parametrize(
    ("options", "files", "directory"),
    [
        ({"directory": "web"}, ["web/compose.yaml", "web/compose.override.yml"], "web"),
        ({"directory": "web/more", "upward": True}, ["web/compose.yaml", "web/compose.override.yml"], "web"),
        ({"directory": "none/at/all", "upward": True}, ["compose.yaml"], ""),
        ({"files": ("web/compose.yaml", "web/more/other.yaml")}, ["web/compose.yaml", "web/more/other.yaml"], "web"),
        ({"files": ("web/compose.yaml",), "project_directory": "list"}, ["web/compose.yaml"], "list"),
        ({"directory": "list", "project_directory": "web"}, ["web/compose.yaml", "web/compose.override.yml"], "web"),
        ({"directory": "list"}, ["list/b.yml", "web/compose.yaml"], "list"),
        ({"directory": "far"}, ["web/compose.yaml"], "web"),
        ({"directory": "far", "environment": {"COMPOSE_FILE": "../list/b.yml"}}, ["list/b.yml"], "list"),
        ({"directory": "far", "files": ("list/b.yml",)}, ["list/b.yml"], "list"),
    ],
    ids=["found", "above", "at the root", "named", "project directory", "found in the project directory",
         "listed with another separator", "listed elsewhere", "the environment wins", "named wins"],
)  # fmt: skip
def test_the_files_and_the_directory(options: dict[str, Any], files: list[str], directory: str) -> None:
    loaded = start(**options)
    assert list(loaded.files) == files
    assert loaded.directory == directory
    assert loaded.name == (directory or "p")


def test_only_upward_looks_above() -> None:
    with pytest.raises(BadManifest, match=r"web/more:1:1: holds no Compose file"):
        start(directory="web/more")


@pytest.mark.parametrize(
    ("options", "image"),
    [
        ({"directory": "web"}, "web"),
        ({"directory": "web", "environment": {"V": "given"}}, "given"),
        ({"directory": "list"}, "list"),
        ({"files": ("web/compose.yaml",), "project_directory": "list"}, "list"),
        ({"files": ("web/more/other.yaml", "web/compose.yaml")}, "more"),
        ({"directory": "far"}, "far"),
        ({"directory": "web", "env_files": ("one.env",)}, "x"),
        ({"directory": "web", "environment": {"COMPOSE_DISABLE_ENV_FILE": "1"}}, "x"),
        ({"directory": "web", "environment": {"COMPOSE_DISABLE_ENV_FILE": "no"}}, "web"),
        ({"directory": "web", "environment": {"COMPOSE_ENV_FILES": "more/.env"}}, "more"),
        ({"directory": "web", "env_files": ("web/.env",), "environment": {"COMPOSE_ENV_FILES": "more/.env"}}, "web"),
    ],
)
def test_the_env_file_that_counts(options: dict[str, Any], image: str) -> None:
    assert start(**options).services["a"]["image"] == image


def test_the_directory_of_listed_files_has_an_env_file_too() -> None:
    environment = start(directory="far").environment
    assert (environment["V"], environment["X"], environment["W"]) == ("far", "far", "web")


def test_later_env_files_win_and_may_use_earlier_ones() -> None:
    loaded = start(env_files=("one.env", "two.env"), environment={"V": "v"})
    assert {key: loaded.environment[key] for key in "ABC"} == {"A": "1", "B": "12", "C": "v"}
    assert loaded.env_files == ("one.env", "two.env")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"env_files": ("none.env",)}, 'none.env:1:1: there is no file "none.env" in the repository'),
        ({"files": ("none.yaml",)}, 'none.yaml:1:1: there is no file "none.yaml" in the repository'),
        (
            {"directory": "web", "environment": {"COMPOSE_FILE": "/etc/x.yaml"}},
            "/etc/x.yaml:1:1: leads out of the repo",
        ),
        ({"directory": "web", "environment": {"COMPOSE_FILE": "../../x"}}, "../x:1:1: leads out of the repository"),
    ],
)
def test_a_file_that_is_not_there(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadManifest) as caught:
        start(**options)
    assert str(caught.value.problems[0]).startswith(problem)


@pytest.mark.parametrize(("given", "on"), [
    ({}, ["a", "b"]),
    ({"environment": {"COMPOSE_PROFILES": ""}}, ["a", "b"]),
    ({"environment": {"COMPOSE_PROFILES": "p"}}, []),
    ({"environment": {"COMPOSE_PROFILES": "p,"}}, ["a", "b"]),
    ({"environment": {"B": "q"}}, ["a"]),
    ({"environment": {"B": "q", "COMPOSE_PROFILES": "q"}}, ["b"]),
    ({"profiles": ("p",)}, []),
])  # fmt: skip
def test_an_empty_profile_is_on_where_none_is_asked_for(given: dict[str, Any], on: list[str]) -> None:
    text = "services: {a: {image: x, profiles: ['']}, b: {image: x, profiles: ['${B-}']}}"
    assert sorted(project(text, **given).services) == on


@pytest.mark.parametrize(("given", "on"), [
    ({}, ["always"]),
    ({"profiles": ("p",)}, ["always", "p"]),
    ({"profiles": ("q",)}, ["always", "both"]),
    ({"profiles": ("*",)}, ["always", "both", "p"]),
    ({"environment": {"COMPOSE_PROFILES": " p , q "}}, ["always", "both", "p"]),
    ({"environment": {"COMPOSE_PROFILES": "*"}}, ["always", "both", "p"]),
    ({"profiles": ("other",), "environment": {"COMPOSE_PROFILES": "p"}}, ["always"]),
])  # fmt: skip
def test_profiles(given: dict[str, Any], on: list[str]) -> None:
    text = "services: {always: {image: x}, p: {image: x, profiles: [p]}, both: {image: x, profiles: [q, r]}}"
    assert sorted(load(DictTree({"compose.yaml": text}), LoadOptions(default_name="p", **given)).services) == on


def test_files_that_were_named_stand_in_the_labels() -> None:
    named = start(files=("web/compose.yaml", "web/more/other.yaml"), env_files=("one.env", "web/.env"))
    labels = engine_calls(named, "/srv/web")[1]["body"]["Labels"]
    assert labels["com.docker.compose.project.config_files"] == "/srv/web/compose.yaml,/srv/web/more/other.yaml"
    assert labels["com.docker.compose.project.environment_file"] == "/srv/one.env,/srv/web/.env"
    assert "com.docker.compose.project.environment_file" not in engine_calls(start(), "/srv")[1]["body"]["Labels"]


@pytest.mark.parametrize(("written", "asked"), [("", "linux/arm64"), (", platform: linux/amd64", "linux/amd64")])
def test_the_default_platform_is_one_of_the_variables(written: str, asked: str) -> None:
    files = {"compose.yaml": f"services: {{a: {{image: x{written}}}}}", ".env": "DOCKER_DEFAULT_PLATFORM=linux/aarch64"}
    (call,) = engine_calls(load(DictTree(files), LoadOptions(project_name="p")), "/srv")[1:]
    assert call["platform"] == asked


@pytest.mark.parametrize(("said", "names"), [("1", "p_a_1 p_b"), ("no", "p-a-1 p-b"), ("", "p-a-1 p-b")])
def test_names_may_be_those_of_the_first_compose(said: str, names: str) -> None:
    files = {"compose.yaml": "services: {a: {image: x}, b: {build: .}}", ".env": f"COMPOSE_COMPATIBILITY={said}"}
    loaded = load(DictTree(files), LoadOptions(project_name="p"))
    assert f"{container_name(loaded, 'a', 1)} {loaded.image_of('b')}" == names


def test_an_empty_file_is_none_beside_others() -> None:
    files = {"a.yaml": "# nothing\n", "b.yaml": ONE}
    assert load(DictTree(files), LoadOptions(files=("a.yaml", "b.yaml"), project_name="p")).services


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_nothing_at_all_is_a_problem(text: str) -> None:
    with pytest.raises(BadManifest, match=r"compose.yaml:1:1: the file is empty"):
        load(DictTree({"compose.yaml": text}), LoadOptions(project_name="p"))
