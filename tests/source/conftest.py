"""Real repositories for the tests of the source: made by the machine's git, with nothing of its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.source.access import Access
from agent.source.repository import GitSource
from tests.source.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A bare repository with one commit on `main`: one stack."""
    made = Repository.create(tmp_path / "origin.git")
    made.commit({"stacks/web/compose.yaml": b"services: {}\n"}, "Add the web stack")
    return made


@pytest.fixture
def open_source(tmp_path: Path) -> Iterator[Callable[..., GitSource]]:
    """Makes sources on one mirror, and lets go of it at the end."""
    made: list[GitSource] = []

    def open_(url: object, ref: str = "main", path: str = "", **options: object) -> GitSource:
        for source in made:
            source.close()
        made.append(GitSource(str(url), ref, path, tmp_path / "state" / "mirror", **options))  # type: ignore[arg-type]
        return made[-1]

    yield open_
    for source in made:
        source.close()


@pytest.fixture
def insecure() -> Access:
    return Access(insecure=True)
