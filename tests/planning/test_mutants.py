"""The tests of the planner notice when the planner is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planning.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planner and its tests, where they may be spoiled."""
    path = tmp_path_factory.mktemp("mutants")
    (path / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", path)
    shutil.copy(ROOT / "tests/world.py", path / "tests")
    for folder in ("agent/planning", "tests/planning"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (ROOT / "agent").glob("*.py"):
        shutil.copy(module, path / "agent")
    return path


def run_tests(copy: Path) -> int:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"]
    files = sorted(
        (copy / "tests/planning").glob("test_*.py"), key=lambda file: (file.name == "test_properties.py", file)
    )
    found = subprocess.run(
        [*command, *map(str, files)],  # what takes longest comes last: few mutants live that long
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert found.returncode in {0, 1}, found.stdout.decode()
    assert b"ERROR collecting" not in found.stdout, found.stdout.decode()  # a module that was not copied
    return found.returncode


def test_each_mistake_can_be_made() -> None:
    outdated = [one for one in MUTANTS if (ROOT / "agent/planning" / one.file).read_text().count(one.text) != 1]
    assert not outdated


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_planner_as_it_is_passes(copy: Path) -> None:
    assert run_tests(copy) == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.text.strip()[:40]}")
def test_a_mistake_is_noticed(copy: Path, mutant: Mutant) -> None:
    file = copy / "agent" / "planning" / mutant.file
    right = file.read_text()
    try:
        file.write_text(right.replace(mutant.text, mutant.instead))
        assert run_tests(copy) == 1
    finally:
        file.write_text(right)
