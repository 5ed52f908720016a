"""CONTRIBUTING.md: what it says to run is there to be run, and the files that its recipes name are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
RUNS = re.findall(r"(?m)^\./script/test (\S+ -k \S+)", TEXT)


@pytest.mark.parametrize("words", [RUNS[0], *(pytest.param(words, marks=pytest.mark.slow) for words in RUNS[1:])])
def test_each_way_to_run_a_test_finds_one(root: Path, words: str) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *words.split()]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_there_are_some() -> None:
    assert len(RUNS) >= 4


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z_/]+/[\w./-]+)`", TEXT))))
def test_each_file_that_is_named_is_there(root: Path, path: str) -> None:
    made_up = {"agent/kinds/NAME.py", "changes/ISSUE.added.md"}
    assert path in made_up or (root / path).exists()
