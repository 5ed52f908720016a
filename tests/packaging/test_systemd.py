"""The unit is one that systemd takes, and one that keeps the agent in its place."""

from __future__ import annotations

import configparser
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def unit(root: Path, tmp_path: Path) -> Path:
    """The unit with a program that is there, since systemd looks for it."""
    text = (root / "systemd/windlass.service").read_text()
    assert "\nExecStart=windlass run " in text
    copy = tmp_path / "windlass.service"
    copy.write_text(text.replace("\nExecStart=windlass ", "\nExecStart=/bin/true "))
    return copy


def test_systemd_takes_the_unit(unit: Path, program: Callable[[str], str]) -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(("hardened", "code"), [(True, 0), (False, 1)], ids=["as shipped", "without the hardening"])
def test_the_unit_is_hardened(unit: Path, program: Callable[[str], str], hardened: bool, code: int) -> None:
    if not hardened:
        unit.write_text(unit.read_text().partition("NoNewPrivileges=")[0])
    command = [program("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout


def test_the_user_of_the_unit_is_the_one_that_is_made(root: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(root / "systemd/windlass.service")
    made = [
        line.split()[1]
        for line in (root / "systemd/windlass.sysusers.conf").read_text().splitlines()
        if line.startswith("u ")
    ]
    assert made == [parser["Service"]["User"]]


def test_a_commit_that_asks_for_an_owner_does_not_kill_the_agent(root: Path) -> None:
    """To give a file away is no call that the unit allows. Without a number to answer with, systemd has the kernel kill
    whoever tries."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(root / "systemd/windlass.service")
    assert parser["Service"]["SystemCallErrorNumber"] == "EPERM"


def test_a_wrong_exit_status_is_not_tried_again(root: Path) -> None:
    from agent.cli.errors import Exit

    text = (root / "systemd/windlass.service").read_text()
    assert f"\nRestartPreventExitStatus={Exit.USAGE.value} {Exit.SETTINGS.value}\n" in text
