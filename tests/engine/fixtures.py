"""A real engine for tests: `pytest_plugins = ["tests.engine.fixtures"]` in a conftest makes these known.

Everything that a test makes is named after its `prefix`, and everything named so is removed at its end, whatever the
test did.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator

import docker
import pytest
from docker.utils import version_lt

from agent.engine import Engine
from agent.errors import Trouble
from tests.engine import images
from tests.engine.front import Front, front_of
from tests.engine.registry import PROGRAM, Registry, running_registry


@pytest.fixture(scope="session")
def docker_host() -> str:
    """The URL of the engine for tests; the test is skipped where none answers."""
    host = os.environ.get("WINDLASS_TEST_DOCKER_HOST") or "unix:///var/run/docker.sock"
    asked = Engine(host)  # the SDK's own client would leave its socket open where nobody answers
    try:
        asked.ping()
    except Trouble as error:
        pytest.skip(f"no Docker Engine at {host}: {error}")
    finally:
        asked.close()
    return host


@pytest.fixture(scope="session")
def busybox(docker_host: str) -> Iterator[str]:
    """The reference of a small local image that runs until it is told to stop."""
    reference = f"windlass-test-{uuid.uuid4().hex[:8]}:1"
    images.load(docker_host, reference)
    yield reference
    images.unload(docker_host, reference)


@pytest.fixture(scope="session")
def registry(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on the loopback, which every engine on this machine may use without TLS."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"there is no {PROGRAM} here; script/test unpacks Debian's")
    with running_registry(tmp_path_factory.mktemp("registry"), docker_host) as made:
        yield made


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    """Stands in front of the registry, and goes wrong where a test says so."""
    with front_of(registry.port) as made:
        yield made


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    engine = Engine(docker_host, timeout=60)
    yield engine
    engine.close()


@pytest.fixture
def sdk(docker_host: str) -> Iterator[docker.APIClient]:
    """The bare SDK, for doing by hand what people do behind the agent's back."""
    client = docker.APIClient(base_url=docker_host)
    yield client
    client.close()


@pytest.fixture
def namesakes(sdk: docker.APIClient) -> None:
    """For a test with two networks of one name: newer engines have no such thing, and it is skipped there."""
    if not version_lt(sdk.api_version, "1.44"):
        pytest.skip(f"an engine of API {sdk.api_version} makes no second network of a name")


@pytest.fixture
def images_of_its_own(sdk: docker.APIClient) -> None:
    """For a test of what an engine does otherwise where containerd keeps its images; it is skipped there."""
    if "io.containerd.snapshotter.v1" in str(sdk.info().get("DriverStatus")):
        pytest.skip("containerd keeps the images of this engine: it gives each a digest, and tells of whole MiB")


@pytest.fixture
def prefix(sdk: docker.APIClient) -> Iterator[str]:
    """A name of this test's own, with which the names of all that it makes begin."""
    prefix = f"wt{uuid.uuid4().hex[:10]}"
    yield prefix
    anonymous = set()
    for container in sdk.containers(all=True):
        if any(name.startswith(f"/{prefix}") for name in container["Names"]):
            mounts = sdk.inspect_container(container["Id"])["Mounts"]
            anonymous |= {mount["Name"] for mount in mounts if len(mount.get("Name", "")) == 64}
            sdk.remove_container(container["Id"], force=True, v=True)
    for network in sdk.networks():
        if network["Name"].startswith(prefix):
            sdk.remove_network(network["Id"])
    for volume in sdk.volumes()["Volumes"] or ():
        if volume["Name"].startswith(prefix) or volume["Name"] in anonymous:
            sdk.remove_volume(volume["Name"], force=True)
