"""The engine of these tests is one that they may hurt; all of them share it, in one process."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent, Fleet
from tests.engine import images
from tests.faults.daemon import Daemon
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.scene import Scene

NEEDED = ("dockerd", "ip", "nsenter")


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [program for program in NEEDED if not shutil.which(program, path=path)]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"an engine to hurt needs root and {', '.join(missing or NEEDED)}")
    # Not the folder of pytest: a socket's path may have 107 bytes, and what a killed engine leaves mounted stays out.
    directory = Path(tempfile.mkdtemp(prefix="windlass-faults-"))
    made = Daemon(directory / "e")
    try:
        made.start()
        yield made
    finally:
        with suppress(OSError):  # it has been ended
            made.send(signal.SIGCONT)
        made.remove()
        directory.rmdir()


@pytest.fixture
def docker_host(daemon: Daemon) -> str:
    return daemon.url


@pytest.fixture(scope="session")
def busybox(daemon: Daemon) -> str:
    """An image that runs until it is told to stop. It goes with the daemon."""
    reference = f"windlass-test-{uuid.uuid4().hex[:8]}:1"
    images.load(daemon.url, reference)
    return reference


@pytest.fixture
def proxy(docker_host: str) -> Iterator[Proxy]:
    with (
        tempfile.TemporaryDirectory(prefix="windlass-proxy-") as directory,
        proxy_to(docker_host, Path(directory) / "p.sock") as proxy,
    ):
        yield proxy


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.make(tmp_path)


@pytest.fixture
def agent(tmp_path: Path, docker_host: str, prefix: str, fleet: Fleet) -> Agent:
    """An agent that talks to the engine itself, not started yet."""
    return Agent(tmp_path, docker_host, prefix, str(fleet.bare), ("--interval", "200ms"))


@pytest.fixture
def proxied(agent: Agent, proxy: Proxy) -> Agent:
    """An agent that talks to the engine through the proxy, not started yet."""
    agent.docker_host = proxy.url
    return agent


@pytest.fixture
def scene(fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str) -> Scene:
    return Scene(f"{prefix}a", busybox, fleet, sdk)
