"""`validate` and `render`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from agent.cli.needs import Checked, Rendered
from agent.errors import BadManifest
from agent.model import Place, Problem
from tests.cli.conftest import Run
from tests.cli.fakes import Agent

RESTRAT = Problem(
    Place("stacks/web/compose.yaml", 7, 5), 'unknown key "restrat"', "services.web", 'did you mean "restart"?'
)
PORT = Problem(Place("stacks/web/compose.yaml", 6, 9), "100% of\nthe ports: taken", "services.web.ports[1]")
VERSION = Problem(Place("stacks/web/compose.yaml", 1, 1), "`version` is obsolete and passed over")


def test_every_mistake_is_a_line_on_stdout_and_their_number_is_on_stderr(run: Run, agent: Agent) -> None:
    agent.checked = Checked(12, (RESTRAT, PORT), (VERSION,))
    result = run("validate")
    assert result.exit_code == 4
    assert result.stdout == (
        'stacks/web/compose.yaml:7:5: services.web: unknown key "restrat", did you mean "restart"?\n'
        "stacks/web/compose.yaml:6:9: services.web.ports[1]: 100% of\n"
        "    the ports: taken\n"
    )
    assert result.stderr == (
        "stacks/web/compose.yaml:1:1: warning: `version` is obsolete and passed over\n2 errors in 1 of 12 files\n"
    )


def test_what_is_right_is_said_on_stderr_only(run: Run, agent: Agent) -> None:
    agent.checked = Checked(3)
    result = run("validate")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "3 files checked, no errors\n")


def test_quiet_leaves_the_errors(run: Run, agent: Agent) -> None:
    agent.checked = Checked(1, (), (VERSION,))
    assert run("validate", "--quiet").output == ""
    agent.checked = Checked(1, (RESTRAT,), (VERSION,))
    result = run("validate", "-q")
    assert "restrat" in result.stdout
    assert "warning" not in result.output


def test_several_paths_are_checked_in_turn(run: Run, agent: Agent, tmp_path: Path) -> None:
    agent.checked = Checked(2, (RESTRAT,))
    result = run("validate", str(tmp_path), ".")
    assert [target.path for _, target in agent.asked] == [tmp_path, Path()]
    assert result.stdout.count("stacks/web/compose.yaml:7:5: ") == 2
    assert result.stderr == "2 errors in 1 of 4 files\n"


@pytest.mark.parametrize("option", ["--format=json", "-ojson", "--output=json"])
def test_json(run: Run, agent: Agent, option: str) -> None:
    agent.checked = Checked(12, (RESTRAT,), (VERSION,))
    result = run("validate", option)
    assert result.exit_code == 4
    assert json.loads(result.stdout) == {
        "format": "1",
        "valid": False,
        "files": 12,
        "errors": [
            {
                "file": "stacks/web/compose.yaml",
                "line": 7,
                "column": 5,
                "path": "services.web",
                "message": 'unknown key "restrat"',
                "hint": 'did you mean "restart"?',
            }
        ],
        "warnings": [
            {
                "file": "stacks/web/compose.yaml",
                "line": 1,
                "column": 1,
                "path": "",
                "message": "`version` is obsolete and passed over",
                "hint": "",
            }
        ],
    }


def test_github_annotations_are_escaped_as_the_runner_expects(run: Run, agent: Agent) -> None:
    odd = Problem(Place("a,b:c%.yaml", 2, 3), "no \x1b[31m, at: 5%")
    agent.checked = Checked(1, (PORT, odd), (VERSION,))
    result = run("validate", "--format", "github")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [
        "::error file=stacks/web/compose.yaml,line=6,col=9::services.web.ports[1]: 100%25 of%0Athe ports: taken",
        r"::error file=a%2Cb%3Ac%25.yaml,line=2,col=3::no \x1b[31m, at: 5%25",
        "::warning file=stacks/web/compose.yaml,line=1,col=1::`version` is obsolete and passed over",
    ]


def test_render_prints_one_document_a_stack(run: Run, agent: Agent) -> None:
    web = {"name": "web", "services": {"api": {"image": "api:1", "command": ["a", "\x1b[0m"], "init": True}}}
    cron = {"name": "cron", "services": {}}
    agent.rendered = Rendered({"web": web, "cron": cron}, (VERSION,))
    result = run("render")
    assert result.exit_code == 0
    assert list(yaml.safe_load_all(result.stdout)) == [cron, web]
    assert "\x1b" not in result.stdout
    assert result.stdout.startswith("name: cron\nservices: {}\n---\nname: web\n")


def test_render_json_of_one_stack_is_its_model(run: Run, agent: Agent) -> None:
    agent.rendered = Rendered({"web": {"name": "web", "services": {"api": {"image": "ä"}}}})
    assert json.loads(run("render", "-o", "json").stdout) == {"name": "web", "services": {"api": {"image": "ä"}}}


def test_render_of_what_is_wrong(run: Run, agent: Agent) -> None:
    agent.rendered = BadManifest([RESTRAT, PORT])
    result = run("render", "-o", "json")
    assert result.exit_code == 4
    assert [problem["line"] for problem in json.loads(result.stdout)["failure"]["problems"]] == [7, 6]
    assert result.stderr.splitlines()[-1] == "2 errors"
