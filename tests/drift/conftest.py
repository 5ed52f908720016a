from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import docker
import docker.errors
import pytest

from tests.drift.scene import Scene
from tests.engine import images

MEMORY = Path("/dev/shm")


@contextmanager
def made(docker_host: str, busybox: str, home: Path) -> Iterator[Scene]:
    """A stack that is as wanted, not touched by anybody yet. Its image has a name of its own, which a test may move."""
    name = f"wt{uuid.uuid4().hex[:10]}"
    sdk = docker.APIClient(base_url=docker_host)
    scene = Scene(docker_host, name, home, MEMORY / name, sdk)
    image = f"windlass-drift-{uuid.uuid4().hex[:8]}:1"
    sdk.tag(busybox, image.partition(":")[0], "1")
    try:
        scene.begin(image)
        yield scene
    finally:
        scene.remove()
        scene.engine.close()
        sdk.close()
        with suppress(docker.errors.ImageNotFound):  # a test has removed it
            images.unload(docker_host, image)
        shutil.rmtree(MEMORY / name, ignore_errors=True)


@pytest.fixture
def scene(docker_host: str, busybox: str, tmp_path: Path) -> Iterator[Scene]:
    with made(docker_host, busybox, tmp_path) as new:
        yield new


@dataclass
class Lasting:
    """One scene for many tests, made again when a test did not leave it as wanted."""

    make: Callable[[], AbstractContextManager[Scene]]
    ends: ExitStack = field(default_factory=ExitStack)
    scene: Scene | None = None

    def take(self) -> Scene:
        if self.scene is None or self.scene.planned() != {}:
            self.ends.close()
            self.scene = self.ends.enter_context(self.make())
        return self.scene


@pytest.fixture(scope="module")
def lasting(docker_host: str, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    found = Lasting(lambda: made(docker_host, busybox, tmp_path_factory.mktemp("scene")))
    with found.ends:
        yield found


@pytest.fixture
def mended_scene(lasting: Lasting) -> Scene:
    """For whoever leaves the scene as wanted: it has been used before."""
    return lasting.take()
