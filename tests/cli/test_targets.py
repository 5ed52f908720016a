"""The options that name one stack: what a command gets of them, and what cannot be said together."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.targets import words
from agent.model import Plan
from agent.target import OneStack, Target
from tests.cli.conftest import Run
from tests.cli.fakes import CREATE, Agent, planned

COMMANDS = ["validate", "render", "plan", "apply --yes"]
ALL = [
    "-f", "a.yaml", "--file", "b.yaml", "--project-directory", "dir", "-p", "shop", "--profile", "x", "--profile", "y",
    "--env-file", "1.env", "--env-file", "2.env", "--os-env",
]  # fmt: skip
CHOSEN = OneStack(
    files=(Path("a.yaml"), Path("b.yaml")),
    project_directory=Path("dir"),
    project_name="shop",
    profiles=("x", "y"),
    env_files=(Path("1.env"), Path("2.env")),
    os_env=True,
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_about_files_takes_the_same_options(run: Run, agent: Agent, command: str) -> None:
    run(*command.split(), *ALL)
    chosen = replace(CHOSEN, newest=not command.startswith("render"))  # which follows one release of Compose
    assert agent.asked[0][1] == Target(Path(), chosen)


def test_render_reads_what_is_newer_where_it_is_told_to(run: Run, agent: Agent) -> None:
    run("render", "--newest", *ALL)
    assert agent.asked[0][1] == Target(Path(), CHOSEN)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_them_there_is_a_path_or_the_current_directory(
    run: Run, agent: Agent, command: str, tmp_path: Path
) -> None:
    run(*command.split())
    run(*command.split(), str(tmp_path))
    assert [asked[1] for asked in agent.asked if asked[0] != "apply"] == [Target(Path()), Target(tmp_path)]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("given", "instead"),
    [("-p x", "--project-directory ."), ("--os-env", "--project-directory ."), ("-f a.yaml", "--project-directory .")],
)
def test_a_path_and_a_named_stack_are_two_things(
    run: Run, agent: Agent, command: str, given: str, instead: str
) -> None:
    result = run(*command.split(), *given.split(), ".")
    assert (result.exit_code, agent.asked) == (64, [])
    assert f"cannot be had with {given}: name the stack by `{instead}` as well" in result.stderr


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("-", "standard input is not read"),
        ("https://example.com/compose.yaml", "is not on this machine"),
        ("oci://example.com/app", "is not on this machine"),
        ("git@example.com:app.git", "is not on this machine"),
        ("/dev/null", "is a pipe or a device"),
    ],
)
def test_only_files_of_this_machine_are_taken(run: Run, file: str, said: str) -> None:
    result = run("render", "-f", file)
    assert result.exit_code == 64
    assert said in result.stderr


def test_the_version_of_the_api(run: Run, agent: Agent) -> None:
    run("render", "-o", "calls", "--api-version", "1.44")
    run("render", "-o", "calls")
    assert [asked[0] for asked in agent.asked] == ["calls", "calls"]
    assert [asked[2] for asked in agent.asked] == [(1, 44), None]


@pytest.mark.parametrize(
    "words", ["-o calls --api-version newest", "-o calls --api-version 1", "-o json --api-version 1.44"]
)
def test_what_is_no_version_of_the_api(run: Run, words: str) -> None:
    assert run("render", *words.split()).exit_code == 64


def test_the_options_have_variables(run: Run, agent: Agent) -> None:
    environment = {"WINDLASS_RENDER_FILES": "a.yaml:b.yaml", "WINDLASS_RENDER_PROJECT_NAME": "shop"}
    run("render", env=environment)
    one = OneStack(files=(Path("a.yaml"), Path("b.yaml")), project_name="shop", newest=False)
    assert agent.asked == [("render", Target(Path(), one))]


def test_the_advice_of_a_plan_says_the_same_options_again(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan((CREATE,)))
    result = run("plan", *ALL)
    advised = result.stdout.splitlines()[-1].partition("windlass apply ")[2]
    assert advised == words(CHOSEN)
    run("apply", "--yes", *shlex.split(advised))
    assert agent.asked[1] == ("plan", Target(Path(), CHOSEN))
