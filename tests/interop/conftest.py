"""Projects for tests with the real Docker Compose, which are skipped where there is none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.programs import Project, candidates, chosen

MEMORY = Path("/dev/shm")


@pytest.fixture
def secrets() -> Iterator[Path]:
    """A directory in memory."""
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("there is no tmpfs to write to")
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="windlass-test-") as directory:
        yield Path(directory)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every Compose that is named, else one that is found."""
    if "program" not in metafunc.fixturenames:
        return
    named = bool(os.environ.get("WINDLASS_TEST_COMPOSE"))
    found = candidates() if named else ["found"]
    metafunc.parametrize(
        "program", found, ids=[f"compose{number}" if named else "compose" for number in range(len(found))]
    )


@pytest.fixture
def project(program: str, docker_host: str, prefix: str, tmp_path: Path, secrets: Path) -> Project:
    """An empty directory, to be filled by the test. What is made of it is removed at its end."""
    if program == "found":
        program = chosen()
        if not program:
            pytest.skip("no Docker Compose; script/test unpacks one on Debian, or name it in WINDLASS_TEST_COMPOSE")
    directory = tmp_path / "project"
    directory.mkdir()
    (tmp_path / "agent.yaml").write_text(f"secrets_dir: {secrets}\n")
    return Project(directory, prefix, docker_host, program)
