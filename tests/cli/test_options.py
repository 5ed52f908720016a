"""Where options may stand, their variables, and how commands end."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent import __version__
from agent.cli import windlass
from agent.cli.errors import MEANINGS, Exit, NoAgent, exit_code
from agent.errors import BadManifest, BadSettings, Overtaken, Refused, Trouble, Unreachable
from agent.model import Place, Problem
from tests.cli.conftest import Run
from tests.cli.fakes import Agent

PROBLEM = Problem(Place("a", 1, 1), "no")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Refused("no"), 1),
        (Overtaken("no"), 1),
        (Unreachable("no"), 1),
        (Trouble("no"), 1),
        (BadManifest([PROBLEM]), 4),
        (Refused("no", reason="Locked"), 5),
        (NoAgent("/state"), 6),
        (BadSettings("no"), 78),
    ],
    ids=lambda value: value.reason if isinstance(value, Trouble) else str(value),
)
def test_each_trouble_has_its_exit_code(run: Run, agent: Agent, trouble: Trouble, code: int) -> None:
    assert exit_code(trouble) == code
    agent.planned = trouble
    assert run("plan").exit_code == code


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(Exit)


@pytest.mark.parametrize("name", [None, *windlass.list_commands(click.Context(windlass))])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_explains_exit_codes_and_variables(run: Run, name: str | None, option: str) -> None:
    result = run(*filter(None, [name]), option)
    assert result.exit_code == 0
    assert "Exit codes:" in result.stdout
    assert "64   the command line is wrong" in result.stdout
    variables = f"WINDLASS_{name.upper()}_" if name else "WINDLASS_STATE_DIR"
    assert variables in result.stdout


ANY = {Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.INTERRUPTED, Exit.TERMINATED}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("validate", {Exit.INVALID, Exit.SETTINGS}),
        ("render", {Exit.INVALID, Exit.SETTINGS}),
        ("plan", {Exit.PENDING, Exit.INVALID, Exit.SETTINGS}),
        ("apply", {Exit.UNHEALTHY, Exit.INVALID, Exit.LOCKED, Exit.SETTINGS}),
        ("run", {Exit.UNHEALTHY, Exit.INVALID, Exit.LOCKED, Exit.SETTINGS}),
        ("status", {Exit.PENDING, Exit.UNHEALTHY, Exit.NO_AGENT, Exit.SETTINGS}),
        ("history", {Exit.NO_AGENT, Exit.SETTINGS}),
        ("approve", {Exit.INVALID, Exit.SETTINGS}),
        ("version", set()),
    ],
)
def test_help_names_the_codes_that_the_command_ends_with(run: Run, name: str, codes: set[Exit]) -> None:
    explained = run(name, "--help").stdout.partition("Exit codes:\n")[2].partition("\n\n")[0]
    assert {int(line.split()[0]) for line in explained.splitlines() if line.split()[0].isdecimal()} == codes | ANY


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nosuch",),
        ("plan", "--nosuch"),
        ("plan", "/no/such/path"),
        ("plan", "-o", "yaml"),
        ("-o", "yaml", "plan"),
        ("run", "--mode", "sideways"),
        ("--color", "sometimes", "version"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 64
    assert result.stdout == ""
    assert "Usage: windlass" in result.stderr


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"windlass {__version__}\n"
    assert run("version").stdout == "windlass  0.1.0\npython    3.11.7\n"
    assert run("version", "-o", "json").stdout == '{\n  "windlass": "0.1.0",\n  "python": "3.11.7"\n}\n'


ENGINE = "tcp://engine:2375"


@pytest.mark.parametrize(
    ("words", "variables", "engine"),
    [
        (["plan"], {}, None),
        (["plan", "--docker-host", ENGINE], {}, ENGINE),
        (["--docker-host", ENGINE, "plan"], {}, ENGINE),
        (["--docker-host", "tcp://far", "plan", "--docker-host", ENGINE], {}, ENGINE),
        (["plan"], {"WINDLASS_DOCKER_HOST": ENGINE}, ENGINE),
        (["plan"], {"DOCKER_HOST": ENGINE}, ENGINE),
        (["plan"], {"WINDLASS_DOCKER_HOST": ENGINE, "DOCKER_HOST": "tcp://far"}, ENGINE),
        (["plan"], {"WINDLASS_PLAN_DOCKER_HOST": ENGINE, "WINDLASS_DOCKER_HOST": "tcp://far"}, ENGINE),
        (["plan"], {"WINDLASS_RUN_DOCKER_HOST": "tcp://far"}, None),
        (["--docker-host", ENGINE, "plan"], {"WINDLASS_PLAN_DOCKER_HOST": "tcp://far"}, ENGINE),
    ],
    ids=str,
)
def test_shared_options(
    run: Run, agent: Agent, words: list[str], variables: dict[str, str], engine: str | None
) -> None:
    assert run(*words, env=variables).exit_code == 0
    (asked,) = agent.asked
    assert asked[1].docker_host == engine


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["-o", "json", "version"], {}),
        (["version", "-o", "json"], {}),
        (["version"], {"WINDLASS_OUTPUT": "json"}),
        (["version"], {"WINDLASS_VERSION_OUTPUT": "json"}),
    ],
    ids=str,
)
def test_the_form_of_the_output(run: Run, words: list[str], variables: dict[str, str]) -> None:
    assert run(*words, env=variables).stdout.startswith("{")


def test_a_form_for_all_that_one_command_does_not_have(run: Run, agent: Agent) -> None:
    """A variable is for all commands, also for those that cannot follow it."""
    assert run("version", env={"WINDLASS_OUTPUT": "yaml"}).stdout.startswith("windlass  ")
    assert run("run", env={"WINDLASS_OUTPUT": "json"}).exit_code == 0


NOTHING_GIVEN = dict.fromkeys(
    [
        *("repo", "ref", "path", "interval", "listen", "mode", "instance"),
        *("state_dir", "host", "docker_host", "log.format", "log.level"),
    ]
)


@pytest.mark.parametrize(
    ("words", "variables", "config", "given", "once"),
    [
        pytest.param([], {}, None, {}, False, id="nothing"),
        pytest.param(
            ["--repo", "https://git/x", "--ref=v1", "--path", "hosts/a", "--interval", "30s", "--listen", "[::1]:80",
             "--mode", "plan", "--instance", "two", "--log-format", "json", "--state-dir", "/s", "--host", "h",
             "--docker-host", ENGINE, "--config", "/etc/a.yaml", "--once", "-v"],
            {},
            Path("/etc/a.yaml"),
            {"repo": "https://git/x", "ref": "v1", "path": "hosts/a", "interval": "30s", "listen": "[::1]:80",
             "mode": "plan", "instance": "two", "log.format": "json", "state_dir": "/s", "host": "h",
             "docker_host": ENGINE, "log.level": "debug"},
            True,
            id="everything",
        ),
        pytest.param(
            [],
            {"WINDLASS_RUN_REPO": "/srv/fleet", "WINDLASS_RUN_ONCE": "1", "WINDLASS_QUIET": "true"},
            None,
            {"repo": "/srv/fleet", "log.level": "warning"},
            True,
            id="by variables",
        ),
    ],
)  # fmt: skip
def test_run_hands_on_what_was_given(
    run: Run, agent: Agent, *, words: list[str], variables: dict[str, str], config: Path, given: object, once: bool
) -> None:
    assert isinstance(given, dict)
    assert run("run", *words, env=variables).exit_code == 0
    assert agent.asked == [("run", config, NOTHING_GIVEN | given, once)]


def test_run_ends_as_the_agent_did(run: Run, agent: Agent) -> None:
    agent.run_code = 3
    assert run("run", "--once").exit_code == 3


def test_an_interrupt(run: Run, agent: Agent) -> None:
    agent.planned = KeyboardInterrupt()
    result = run("plan")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "Interrupted."


def test_what_a_message_holds_is_not_acted_upon(run: Run, agent: Agent) -> None:
    agent.planned = Refused("no such image \x1b[31mx\nsecond \x07line", reason="ImagePullFailed")
    assert run("plan").stderr == ("Error: no such image \\x1b[31mx (ImagePullFailed)\n    second \\x07line\n")


@pytest.mark.parametrize(
    ("words", "terminal", "variables", "coloured"),
    [
        (["plan"], True, {}, True),
        (["plan"], False, {}, False),
        (["plan", "--color", "never"], True, {}, False),
        (["--color", "never", "plan"], True, {}, False),
        (["plan"], True, {"NO_COLOR": "1"}, False),
        (["plan", "--color", "always"], False, {}, True),
    ],
    ids=str,
)
def test_errors_have_colours_where_the_output_has(
    agent: Agent, words: list[str], *, terminal: bool, variables: dict[str, str], coloured: bool
) -> None:
    agent.planned = Refused("no")
    nothing: dict[str, str | None] = {"NO_COLOR": None, "CLICOLOR_FORCE": None}
    result = CliRunner(env=nothing | variables).invoke(windlass, words, obj=agent, color=terminal)
    assert ("\x1b[31m" in result.stderr) is coloured


def test_a_state_directory_is_told_from_where_the_user_stands(run: Run, agent: Agent) -> None:
    assert run("plan", "--state-dir", "state").exit_code == 0
    assert run("run", "--state-dir", "state").exit_code == 0
    (_, target), (*_, given, _) = agent.asked
    assert target.state_dir == Path("state").absolute()
    assert given["state_dir"] == str(Path("state").absolute())
