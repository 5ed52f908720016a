"""The scripts of the checkout: clean shell, requirements in step, and pytest's verdict handed on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from script.requirements import problems

HASH = "    --hash=sha256:" + "0" * 64

PROJECT = """
[build-system]
requires = ["builder"]
[project]
dependencies = ["docker>=7.2,<8", "Py_YAML", "elsewhere; sys_platform == 'nowhere'"]
[dependency-groups]
dev = ["tester"]
"""

LOCKED = f"""\
builder==1.0 \\
{HASH}
docker==7.2.0 \\
{HASH}
py-yaml==6.0.3 \\
{HASH}
    # via windlass
tester==9 \\
{HASH}
"""


def test_the_requirements_of_this_checkout_are_in_step(root: Path) -> None:
    assert problems((root / "pyproject.toml").read_text(), (root / "requirements.txt").read_text()) == []


@pytest.mark.parametrize(
    ("locked", "expected"),
    [
        pytest.param(LOCKED, [], id="in step"),
        pytest.param(LOCKED.replace("tester==9", "other==9"), ["tester is not pinned"], id="not pinned"),
        pytest.param(
            LOCKED.replace("docker==7.2.0", "docker==8.0"),
            ["docker is pinned to 8.0, but pyproject.toml wants <8,>=7.2"],
            id="out of bounds",
        ),
        pytest.param(LOCKED.replace(f"tester==9 \\\n{HASH}", "tester==9"), ["tester has no hash"], id="no hash"),
    ],
)
def test_what_is_out_of_step_is_told(locked: str, expected: list[str]) -> None:
    assert problems(PROJECT, locked) == expected


@pytest.mark.parametrize(
    "line",
    ["--index-url=https://a.example", "-i a.example", "--find-links b", "tool @ https://a.example/x.whl"],
)
def test_where_packages_come_from_is_not_ours_to_say(line: str) -> None:
    assert any("names an index" in problem for problem in problems(PROJECT, f"{line}\n{LOCKED}"))


def test_the_shell_scripts_are_clean(root: Path, program: Callable[[str], str]) -> None:
    scripts = [path for folder in ("script", ".ci") for path in (root / folder).iterdir() if is_shell(path)]
    assert {path.name for path in scripts} >= {"setup", "engine", "test", "check", "run"}
    done = subprocess.run([program("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def is_shell(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))


@pytest.mark.parametrize(
    ("chosen", "code"),
    [(["-k", "in_step"], 0), (["-k", "no_such_test"], 5)],
    ids=["passed", "nothing was found"],
)
def test_script_test_runs_what_is_chosen_and_ends_as_pytest_does(root: Path, chosen: list[str], code: int) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [root / "script/test", "tests/packaging/test_scripts.py", "-p", "no:cacheprovider", *chosen],
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
