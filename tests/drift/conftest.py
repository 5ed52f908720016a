from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import docker.errors
import pytest

from tests.drift.scene import Scene
from tests.engine import images

MEMORY = Path("/dev/shm")


@pytest.fixture
def scene(docker_host: str, sdk: docker.APIClient, prefix: str, busybox: str, tmp_path: Path) -> Iterator[Scene]:
    """A stack that is as wanted, not touched by anybody yet. Its image has a name of its own, which a test may move."""
    secrets = MEMORY / prefix
    made = Scene(docker_host, prefix, tmp_path, secrets, sdk)
    image = f"windlass-drift-{uuid.uuid4().hex[:8]}:1"
    sdk.tag(busybox, image.partition(":")[0], "1")
    try:
        made.begin(image)
        yield made
    finally:
        made.remove_containers()
        made.engine.close()
        with suppress(docker.errors.ImageNotFound):  # a test has removed it
            images.unload(docker_host, image)
        shutil.rmtree(secrets, ignore_errors=True)
