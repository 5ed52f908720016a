"""What the tests of the things around the agent share: the engine, and programs that a machine may lack."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def unique() -> str:
    """A name that nobody else on the engine has."""
    return f"windlass-test-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def client() -> Iterator[DockerClient]:
    with_engine = DockerClient(os.environ.get("WINDLASS_TEST_DOCKER_HOST", "unix:///var/run/docker.sock"), timeout=60)
    try:
        with_engine.ping()
    except docker.errors.DockerException:
        with_engine.close()
        pytest.skip("no Docker Engine answers; script/test finds or starts one")
    yield with_engine
    with_engine.close()


@pytest.fixture
def program() -> Callable[[str], str]:
    """Gives the path of a program, those that script/test unpacked included, or skips the test."""

    def find(name: str) -> str:
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin", str(ROOT / ".run/tools/usr/bin")])
        found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not installed; script/test installs it as root")
        return found

    return find
