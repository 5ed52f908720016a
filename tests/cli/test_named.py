"""One stack that is named by options is read as `docker compose` reads it; what stands at a path, as a repository.

With real files and the real parts, as far as no engine is needed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.assembly import Assembly
from agent.cli import windlass
from agent.source.disk import origin_of
from tests.bare import Bare, put_in_place

FILES = {
    "home/compose.yaml": "services: {home: {image: x}}",
    "home/web/compose.yaml": "services: {a: {image: 'x:$V', volumes: ['./d:/d']}, b: {image: x, profiles: [debug]}}",
    "home/web/compose.override.yaml": "services: {a: {hostname: overridden}}",
    "home/web/other.yaml": "services: {other: {image: 'x:$V', volumes: ['./d:/d']}}",
    "home/web/.env": "V=dotenv\n",
    "home/web/sub/deep/.keep": "",
    "home/one.env": "V=one\n",
    "home/two.env": "V=two\n",
    "home/up/compose.yaml": "services: {a: {image: x, env_file: ../one.env}}",
    "home/linked/.keep": "",
}
Windlass = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "home/linked/compose.yaml").symlink_to(tmp_path / "home/web/other.yaml")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Windlass:
    """Runs `windlass` in a directory below `home`, with nothing in its environment but what is given."""

    def run(*words: str, at: str | None = "web", **environment: str) -> Result:
        if at is not None:
            monkeypatch.chdir(home / at)
        parts = Assembly({"WINDLASS_STATE_DIR": str(home.parent / "state"), **environment}, uid=1000)
        result = CliRunner().invoke(windlass, list(words), obj=parts)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def model(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def shape(result: Result, home: Path) -> tuple[str, dict[str, str], str]:
    """The project's name, the image of each service, and what `./d` came to."""
    found = model(result)
    images = {name: service["image"] for name, service in found["services"].items()}
    volumes = [volume["source"] for service in found["services"].values() for volume in service.get("volumes", ())]
    return found["name"], images, volumes[0].removeprefix(f"{home}/") if volumes else ""


@pytest.mark.parametrize(
    ("at", "words", "expected"),
    [
        pytest.param("web", ["-p", "shop"], ("shop", {"a": "x:dotenv"}, "web/d"), id="name"),
        pytest.param("web", ["--profile", "debug"], ("web", {"a": "x:dotenv", "b": "x"}, "web/d"), id="profile"),
        pytest.param("web", ["-f", "other.yaml"], ("web", {"other": "x:dotenv"}, "web/d"), id="file"),
        pytest.param(
            "web", ["-f", "other.yaml", "-f", "compose.yaml"], ("web", {"a": "x:dotenv", "other": "x:dotenv"}, "web/d"),
            id="two files",
        ),
        pytest.param("", ["-f", "web/other.yaml"], ("web", {"other": "x:dotenv"}, "web/d"), id="file below"),
        pytest.param("up", ["-f", "../web/other.yaml"], ("web", {"other": "x:dotenv"}, "web/d"), id="file beside"),
        pytest.param(
            "", ["-f", "up/../web/./other.yaml"], ("web", {"other": "x:dotenv"}, "web/d"), id="a file in many words"
        ),
        pytest.param(
            "up", ["-f", "../web/other.yaml", "--project-directory", "."], ("up", {"other": "x:"}, "up/d"),
            id="directory of the project",
        ),
        pytest.param(
            "", ["--project-directory", "web"], ("web", {"a": "x:dotenv"}, "web/d"), id="directory without a file"
        ),
        pytest.param("web/sub/deep", ["-p", "p"], ("p", {"a": "x:dotenv"}, "web/d"), id="looked for upward"),
        pytest.param("web", ["--env-file", "../one.env"], ("web", {"a": "x:one"}, "web/d"), id="environment file"),
        pytest.param(
            "up", ["-f", "../web/other.yaml", "--env-file", "../one.env", "--env-file", "../two.env"],
            ("web", {"other": "x:two"}, "web/d"), id="two environment files, from where one stands",
        ),
        pytest.param("linked", ["-f", "compose.yaml"], ("linked", {"other": "x:"}, "linked/d"), id="over a link"),
    ],
)  # fmt: skip
def test_one_stack(
    run: Windlass, home: Path, at: str, words: list[str], expected: tuple[str, dict[str, str], str]
) -> None:
    assert shape(run("render", "-q", "-o", "json", *words, at=at), home) == expected


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        pytest.param([], {"V": "os"}, ("web", {"a": "x:dotenv"}, "web/d"), id="nothing of the process without asking"),
        pytest.param(["-p", "web"], {"V": "os"}, ("web", {"a": "x:dotenv"}, "web/d"), id="nor with other options"),
        pytest.param(["--os-env"], {"V": "os"}, ("web", {"a": "x:os"}, "web/d"), id="over .env"),
        pytest.param(
            ["--os-env"], {"COMPOSE_PROJECT_NAME": "shop", "COMPOSE_PROFILES": "debug"},
            ("shop", {"a": "x:dotenv", "b": "x"}, "web/d"), id="Compose's own",
        ),
        pytest.param(
            ["--os-env"], {"COMPOSE_FILE": "other.yaml:../compose.yaml"},
            ("web", {"home": "x", "other": "x:dotenv"}, "web/d"), id="files",
        ),
        pytest.param(
            ["--os-env", "-f", "other.yaml"], {"COMPOSE_FILE": "compose.yaml"},
            ("web", {"other": "x:dotenv"}, "web/d"), id="an option over its variable",
        ),
        pytest.param(
            ["--os-env"], {"COMPOSE_ENV_FILES": "../one.env,../two.env"}, ("web", {"a": "x:two"}, "web/d"),
            id="environment files",
        ),
        pytest.param(
            ["--os-env"], {"COMPOSE_DISABLE_ENV_FILE": "true"}, ("web", {"a": "x:"}, "web/d"), id="no .env",
        ),
    ],
)  # fmt: skip
def test_the_environment_of_the_process(
    run: Windlass, home: Path, words: list[str], environment: dict[str, str], expected: tuple[str, dict[str, str], str]
) -> None:
    assert shape(run("render", "-q", "-o", "json", *words, **environment), home) == expected


def test_variables_of_the_settings_are_under_those_of_the_process(run: Windlass, home: Path) -> None:
    settings = home / "agent.yaml"
    settings.write_text("variables: {V: settings}\n")
    words = ["render", "-o", "json", "-c", str(settings)]
    assert shape(run(*words), home)[1] == {"a": "x:settings"}
    assert shape(run(*words, "-f", "compose.yaml"), home)[1] == {"a": "x:settings"}
    assert shape(run(*words, "--os-env", V="os"), home)[1] == {"a": "x:os"}


@pytest.mark.parametrize(
    ("words", "leaves"),
    [
        pytest.param(["-f", "compose.yaml"], True, id="named as for docker compose"),
        pytest.param(["compose.yaml"], False, id="a file"),
        pytest.param(["."], False, id="a directory"),
        pytest.param([], False, id="nothing"),
    ],
)
@pytest.mark.parametrize("within", [True, False], ids=["in a repository", "in none"])
def test_who_may_leave_the_directory(
    run: Windlass, home: Path, *, words: list[str], leaves: bool, within: bool
) -> None:
    if within:
        (home / ".git").mkdir()
    result = run("render", "-o", "json", *words, at="up")
    if leaves or within:
        assert model(result)["services"]["a"]["environment"] == {"V": "one"}
    else:
        assert result.exit_code == 4
        assert "compose.yaml:1:36: services.a.env_file[0]: leads out of the repository" in result.stderr


@pytest.mark.parametrize("path", ["/etc/hosts", "../../../../../../../../etc/hosts"])
def test_no_path_leads_out_of_a_repository(run: Windlass, home: Path, path: str) -> None:
    (home / ".git").mkdir()
    (home / "up/compose.yaml").write_text(f"services: {{a: {{image: x, env_file: {path}}}}}")
    result = run("validate", at="up")
    assert (result.exit_code, result.stdout) == (
        4, "compose.yaml:1:36: services.a.env_file[0]: leads out of the repository\n",
    )  # fmt: skip


def test_a_link_in_a_repository_is_not_followed_and_one_of_the_users_own_is(run: Windlass, home: Path) -> None:
    (home / "linked/.env").write_text("V=1")
    assert run("validate", at="linked").exit_code == 4
    assert run("validate", "-f", "compose.yaml", at="linked").exit_code == 0


def test_absolute_paths(run: Windlass, home: Path) -> None:
    (home / "web/other.yaml").write_text(f"services: {{a: {{image: x, env_file: {home}/one.env}}}}")
    found = model(run("render", "-o", "json", "-f", str(home / "web/other.yaml"), at="up"))
    assert found["services"]["a"]["environment"] == {"V": "one"}


@pytest.mark.parametrize(
    ("at", "words", "file"),
    [
        ("web", ["-f", "broken.yaml"], "broken.yaml"),
        ("", ["-f", "web/broken.yaml"], "web/broken.yaml"),
        ("up", ["-f", "../web/broken.yaml"], "../web/broken.yaml"),
        ("", ["web/broken.yaml"], "web/broken.yaml"),
        ("up", ["../web/broken.yaml"], "../web/broken.yaml"),
        ("up", ["../web"], "../web/compose.yaml"),
        ("web/sub", ["-p", "x"], "../compose.yaml"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "render"])
def test_places_are_from_where_the_user_stands(
    run: Windlass, home: Path, command: str, at: str, words: list[str], file: str
) -> None:
    (home / "web/broken.yaml").write_text("services:\n  a: {imagee: x}\n")
    shutil.copyfile(home / "web/broken.yaml", home / "web/compose.yaml")
    result = run(command, *words, at=at)
    assert result.exit_code == 4
    assert f'{file}:2:7: services.a: unknown key "imagee", did you mean "image"?' in result.output.splitlines()


def test_places_far_away_are_absolute(run: Windlass, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "web/broken.yaml").write_text("services: []\n")
    parts = Assembly({"WINDLASS_STATE_DIR": str(home)}, uid=1000)
    monkeypatch.chdir("/usr")
    result = CliRunner().invoke(windlass, ["validate", "-f", str(home / "web/broken.yaml")], obj=parts)
    assert result.stdout.startswith(f"{home}/web/broken.yaml:1:11: services: ")


def test_marks_for_a_pull_request(run: Windlass, home: Path) -> None:
    (home / "web/broken.yaml").write_text("services:\n  a: {imagee: x}\n")
    result = run("validate", "--format", "github", "-f", "web/broken.yaml", at="")
    assert result.stdout.splitlines()[0] == (
        '::error file=web/broken.yaml,line=2,col=7::services.a: unknown key "imagee", did you mean "image"?'
    )


def test_a_missing_file_is_named(run: Windlass, home: Path) -> None:
    result = run("validate", "-f", "no.yaml")
    assert result.exit_code == 4
    assert result.stdout == 'no.yaml:1:1: there is no file "no.yaml"\n'


def test_there_is_nothing_to_read(run: Windlass, home: Path) -> None:
    for command in ("render", "validate"):
        result = run(command, at="web/sub")
        assert result.exit_code == 4
        assert (
            "compose.yaml:1:1: there is no stack here, expected a compose.yaml here or in a directory below"
            in result.output
        )


def test_warnings_are_told_beside_the_model(run: Windlass, home: Path) -> None:
    (home / "web/.env").unlink()
    result = run("render", "-f", "other.yaml", "-o", "json")
    assert "other.yaml:1:27: warning: " in result.stderr
    assert "V" in result.stderr
    assert run("render", "-f", "other.yaml", "-q").stderr == ""


@pytest.mark.parametrize("words", [["render"], ["validate", "-f", "compose.yaml"], ["plan"]], ids=" ".join)
def test_a_current_directory_that_is_gone(
    run: Windlass, home: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()
    result = run(*words, at=None)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: the current directory is gone: go to another one (DirectoryNotFound)\n"


def test_where_one_stands_is_spelled_as_the_shell_does(run: Windlass, home: Path) -> None:
    (home.parent / "alias").symlink_to(home)
    found = run("render", "-f", "other.yaml", "-o", "json", PWD=str(home.parent / "alias/web"))
    assert model(found)["services"]["other"]["volumes"][0]["source"] == f"{home.parent}/alias/web/d"
    found = run("render", "-f", "other.yaml", "-o", "json", PWD="/nosuch")
    assert model(found)["services"]["other"]["volumes"][0]["source"] == f"{home}/web/d"


def test_the_calls_are_those_of_the_version_that_is_asked_for(run: Windlass, home: Path) -> None:
    (home / "web/other.yaml").write_text("services: {a: {image: x, networks: [b, c]}}\nnetworks: {b: {}, c: {}}")
    words = ["render", "-o", "calls", "-f", "other.yaml"]
    said = {
        version: model(run(*words, *version.split())) for version in ("--api-version 1.43", "--api-version 1.44", "")
    }
    connected = {version: sum(call["call"] == "network.connect" for call in calls) for version, calls in said.items()}  # type: ignore[index]
    assert connected == {"--api-version 1.43": 1, "--api-version 1.44": 0, "": 0}


def test_the_calls_of_a_first_apply(run: Windlass, home: Path) -> None:
    calls = model(run("render", "-o", "calls", "-f", "other.yaml", "-p", "shop"))
    assert [call["call"] for call in calls] == ["network.create", "container.create"]  # type: ignore[index]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Bare:
    return put_in_place(monkeypatch)


@pytest.mark.parametrize(
    ("at", "words", "url", "file"),
    [
        ("web", [], ".", "compose.yaml"),
        ("web", ["."], ".", "compose.yaml"),
        ("web", ["compose.yaml"], ".", "compose.yaml"),
        ("web", ["-p", "web"], ".", "compose.yaml"),
        ("web/sub", ["-p", "web"], "..", "../compose.yaml"),
        ("", ["web"], "web", "web/compose.yaml"),
        ("up", ["-f", "../web/compose.yaml"], "../web", "../web/compose.yaml"),
    ],
)
def test_a_plan_says_where_the_stack_is_and_is_of_the_same_source_however_it_is_named(
    run: Windlass, home: Path, bare: Bare, at: str, words: list[str], url: str, file: str
) -> None:
    result = run("plan", "-o", "json", *words, at=at)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["source"]["url"], [stack["file"] for stack in document["stacks"]]) == (url, [file])
    (turn,) = bare.turns
    assert turn.scope.origin == origin_of(home / "web")
    assert turn.scope.stacks == {"web"}
    assert turn.stacks[0].revision.id == document["revision"]
    container = next(resource for resource in turn.stacks[0].resources if resource.key.kind == "container")
    labels = container.spec["body"]["Labels"]
    assert labels["com.docker.compose.project.working_dir"] == str(home / "web")
