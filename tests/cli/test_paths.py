"""Paths that a command can do little with: directories that may not be entered, and names that are no text.

With real files and the real parts, as far as no engine is needed.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.assembly import Assembly
from agent.cli import windlass
from tests.bare import Bare, put_in_place
from tests.nobody import as_nobody

Windlass = Callable[..., Result]
ODD = os.fsdecode(b"caf\xe9")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two stacks."""
    for name in ("one", "web"):
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "compose.yaml").write_text("services: {a: {image: x}}\n")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Windlass:
    """Runs `windlass` in a directory below `home`, with nothing in its environment but what is given."""

    def run(*words: str, at: str = "", **environment: str) -> Result:
        monkeypatch.chdir(home / at)
        parts = Assembly({"WINDLASS_STATE_DIR": str(home.parent / "state"), **environment}, uid=1000)
        result = CliRunner().invoke(windlass, list(words), obj=parts)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Bare:
    return put_in_place(monkeypatch)


@pytest.fixture
def shut(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Takes away the right to enter a directory, from root as well."""
    listing = os.scandir

    def shut(closed: Path) -> None:
        def listed(path: Any = ".") -> Any:
            if isinstance(path, Path) and path == closed:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return listing(path)

        monkeypatch.setattr(os, "scandir", listed)

    return shut


def test_what_may_lie_in_a_directory_that_one_may_not_enter_is_not_pruned(
    run: Windlass, home: Path, bare: Bare, shut: Callable[[Path], None]
) -> None:
    """Of the stacks that are read, what they do not want any more goes all the same."""
    shut(home / "web")
    for words in (["plan"], ["plan", "--detailed-exitcode"]):
        result = run(*words)
        assert result.exit_code == 0, result.output
        assert (
            "web:1:1: warning: the directory cannot be read (Permission denied): a stack may lie in it" in result.stderr
        )
    assert {(turn.scope.stacks, turn.scope.whole) for turn in bare.turns} == {(frozenset({"one"}), False)}


def test_the_data_of_a_stack_may_be_closed_to_whoever_plans(
    run: Windlass, home: Path, bare: Bare, shut: Callable[[Path], None]
) -> None:
    (home / "web/data").mkdir()
    shut(home / "web/data")
    result = run("plan")
    assert (result.exit_code, "cannot be read" in result.stderr) == (0, False), result.output
    assert bare.turns[-1].scope.whole


def test_where_nothing_can_be_read_the_directory_is_named(
    run: Windlass, home: Path, shut: Callable[[Path], None]
) -> None:
    (home / "all/web").mkdir(parents=True)
    shut(home / "all/web")
    result = run("validate", "all")
    assert result.exit_code == 4
    assert "there is no stack here" in result.stdout
    assert "all/web:1:1: the directory cannot be read (Permission denied)" in result.stdout


@pytest.mark.parametrize("command", ["validate", "render", "plan"])
@pytest.mark.parametrize(
    ("at", "words"),
    [
        (ODD, []),
        (ODD, ["web"]),
        (ODD, ["-p", "shop"]),
        (ODD, ["-f", "compose.yaml"]),
        ("", [ODD]),
        ("", ["-f", f"{ODD}/compose.yaml"]),
        ("", ["-f", "web/compose.yaml", "--env-file", f"{ODD}/.env"]),
        ("", ["-f", "web/compose.yaml", "--project-directory", ODD]),
    ],
    ids=ascii,
)
def test_a_path_that_is_no_text_is_refused(run: Windlass, home: Path, command: str, at: str, words: list[str]) -> None:
    """A directory from another time or another system: neither a label nor a document can carry its name."""
    shutil.copytree(home / "web", home / ODD)
    shutil.copytree(home / "web", home / ODD / "web")
    result = run(command, *words, at=at)
    assert result.exit_code == 4, result.output
    assert f"{home}/caf\\xe9" in result.output
    assert "the path is not UTF-8, rename what is called so" in result.output


def test_what_is_no_text_can_be_reached_by_another_name(run: Windlass, home: Path) -> None:
    shutil.copytree(home / "web", home / ODD)
    (home / "link").symlink_to(home / ODD)
    for words in (["link"], ["-f", "link/compose.yaml"]):
        assert run("validate", *words).exit_code == 0
    assert run("validate", "-f", "compose.yaml", at=ODD, PWD=str(home / "link")).exit_code == 0
    assert run("validate", "-f", "../web/compose.yaml", at=ODD).exit_code == 0, "it only stands there"


def test_a_variable_that_is_no_text_is_sent_as_compose_sends_it(run: Windlass, home: Path) -> None:
    (home / "web/compose.yaml").write_text("services: {a: {image: x, environment: {A: $V, B: $PWD}}}")
    shutil.copytree(home / "web", home / ODD)
    words = ("--os-env", "-f", "../web/compose.yaml")
    assert run("validate", *words, at=ODD, V=ODD).exit_code == 0
    result = run("render", *words, "-o", "json", at=ODD, V=ODD)
    assert json.loads(result.stdout)["services"]["a"]["environment"] == {"A": "caf\ufffd", "B": f"{home}/caf\ufffd"}


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0, ["-f", "{}/compose.yaml"]),
        (0o444, ["-f", "{}/compose.yaml"]),
        (0o444, ["{}"]),
        (0o444, ["{}", "--rev", "x"]),
    ],
    ids=str,
)
def test_what_is_named_and_may_not_be_looked_at_is_no_bug(mode: int, words: list[str]) -> None:
    with TemporaryDirectory() as name:  # into `tmp_path` only its owner may go
        Path(name).chmod(0o755)
        closed = Path(name) / "web"
        closed.mkdir()
        (closed / "compose.yaml").write_text("services: {a: {image: x}}")
        closed.chmod(mode)
        parts = Assembly({"WINDLASS_STATE_DIR": f"{name}/state"}, uid=1000)
        with as_nobody():
            result = CliRunner().invoke(windlass, ["render", *(word.format(closed) for word in words)], obj=parts)
        closed.chmod(0o755)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 4}
    assert str(closed).lstrip("/") in result.output
