"""The whole program as a process, with its real parts and without an engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_process import environment

Windlass = Callable[..., subprocess.CompletedProcess[str]]
FILE = "services:\n  web:\n    image: web:1\n"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The directory of a stack."""
    made = tmp_path / "web"
    made.mkdir()
    (made / "compose.yaml").write_text(FILE)
    return made


@pytest.fixture
def windlass(tmp_path: Path) -> Windlass:
    """Runs the program with a state directory of its own, on a machine without an engine."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {"WINDLASS_STATE_DIR": str(tmp_path / "state"), "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
        return subprocess.run(
            [sys.executable, "-m", "agent", *words],
            env=environment(**given | variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("words", [("plan",), ("apply", "--yes")], ids=" ".join)
def test_without_an_engine_stdout_is_still_one_object(windlass: Windlass, stack: Path, words: tuple[str, ...]) -> None:
    ended = windlass(*words, str(stack), "-o", "json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["failure"]["reason"] == "EngineUnavailable"
    assert (
        ended.stderr == "Error: ask the engine for its version: there is no engine at its socket (EngineUnavailable)\n"
    )
