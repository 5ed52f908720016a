"""A registry of the tests' own: Debian's docker-registry on a free port of the loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import requests

from tests.engine import images

PROGRAM = "docker-registry"
PATIENCE = 20.0  # seconds


@dataclass
class Registry:
    home: Path
    docker_host: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """At the same port as before, with the same data."""
        self.port = self.port or _free_port()
        settings = self.home / "settings.yml"
        settings.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.home / 'data'}}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", str(settings)], stdout=log, stderr=log)
        self._await()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def push(self, name: str, tag: str = "1", **config: Any) -> tuple[str, str]:
        """An image of this configuration, in the registry only; its reference and id."""
        reference = f"127.0.0.1:{self.port}/{name}:{tag}"
        identity = images.load(self.docker_host, reference, **config)
        client: Any = docker.APIClient(base_url=self.docker_host)
        try:
            said = list(client.push(reference, stream=True, decode=True))
            assert not [line for line in said if "error" in line], said
            client.remove_image(reference)
        finally:
            client.close()
        return reference, identity

    def move(self, name: str, tag: str, to: str) -> None:
        """Let a tag stand for the image of another tag, in the registry alone."""
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        url = f"http://127.0.0.1:{self.port}/v2/{name}/manifests/"
        found = requests.get(url + to, headers={"Accept": kind}, timeout=PATIENCE)
        requests.put(url + tag, found.content, headers={"Content-Type": kind}, timeout=PATIENCE).raise_for_status()

    def _await(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until, (self.home / "log").read_text()
                time.sleep(0.05)
            else:
                return


class Tag:
    """A tag in the registry, which is moved there behind everybody's back."""

    def __init__(self, registry: Registry, name: str, sdk: docker.APIClient) -> None:
        self._registry, self._name, self._sdk = registry, name, sdk
        self._moves = 0
        self.reference, self.first = registry.push(name, Env=["PATH=/bin", f"ONLY={name}"])

    def here(self) -> str:
        """The id that it stands for on the engine, "" for none."""
        found = self._sdk.images(name=self.reference)
        return str(found[0]["Id"]) if found else ""

    def move(self, **config: Any) -> str:
        """To an image that nobody has here; its id. What the tag stands for on the engine stays as it is."""
        self._moves += 1
        tag = f"moved-{self._moves}"
        config = {"Env": ["PATH=/bin", f"ONLY={self._name}-{tag}"], **config}
        _, moved = self._registry.push(self._name, tag, **config)
        self._registry.move(self._name, "1", tag)
        return moved


@contextmanager
def running_registry(home: Path, docker_host: str) -> Iterator[Registry]:
    registry = Registry(home, docker_host)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
