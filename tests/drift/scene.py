"""A stack that is as wanted, and what somebody does to its host by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker

from agent.model import Action, Key, Plan, Report, Revision
from agent.reconcile import Turn
from tests.engine import images
from tests.kinds.rig import Rig

Files = Mapping[str, str | bytes]

COMPOSE = """\
name: {stack}
services:
  web:
    image: {image}
    stop_grace_period: 0s
    restart: unless-stopped
    mem_limit: 64m
    memswap_limit: 128m
    cpus: 0.5
    pids_limit: 100
    labels: {{tier: front}}
    env_file: [web.env]
    networks: {{back: {{aliases: [api]}}, front: }}
    configs: [{{source: motd, target: /etc/motd}}]
    secrets: [token]
    volumes: [./app.conf:/etc/app.conf:ro, ./conf.d:/etc/conf.d:ro, "data:/data"]
networks: {{back: , front: {{labels: {{tier: front}}}}}}
volumes: {{data: {{labels: {{tier: kept}}}}}}
configs: {{motd: {{content: hello}}}}
secrets: {{token: {{file: token.txt}}}}
"""
FILES: Files = {
    "web.env": "MODE=quick\n",
    "app.conf": "port = 80\n",
    "conf.d/one.conf": "one = 1\n",
    "token.txt": "s3cret",
}


class Scene(Rig):
    """One stack of one service, `web`, that has something of each kind. `known` are the keys that were as wanted."""

    def __init__(self, docker_host: str, stack: str, home: Path, secrets: Path, sdk: docker.APIClient) -> None:
        super().__init__(docker_host, stack, home, secrets)
        self.sdk: Any = sdk
        self.docker_host = docker_host
        self.text, self.files, self.image = "", FILES, ""
        self.known: frozenset[Key] = frozenset()
        self.revision = 1

    def begin(self, image: str) -> None:
        self.image = image
        self.want(COMPOSE.format(stack=self.stack, image=image))

    def want(self, text: str, files: Files | None = None) -> None:
        """Make it so, and have it looked at once more."""
        self.text, self.files = text, self.files if files is None else files
        self.mend()
        self.known = frozenset(resource.key for resource in self.stack_of(self.text, self.files).resources)

    def edit(self, old: str, new: str) -> None:
        """Commit another text."""
        assert old in self.text
        self.revision += 1
        self.text = self.text.replace(old, new)

    def commit(self, path: str, content: str) -> None:
        self.files = {**self.files, path: content}
        self.revision += 1

    # --- what the agent does ---

    def turn(self) -> Turn:
        stack = replace(self.stack_of(self.text, self.files), revision=Revision(f"rev{self.revision}"))
        return Turn((stack,), self.scope, "test", self.known)

    def look(self) -> Plan:
        return self.reconciler.look(self.turn()).plan

    def mend(self) -> Report:
        """A turn after which all is as wanted, and nothing is left to do."""
        (report,) = self.reconciler.take(self.turn())
        assert report.failure is None, report.failure
        assert report.synced
        assert str(self.look()) == ""
        return report

    def mend_but_for_data(self) -> None:
        """As `mend`, where a volume that nobody wants any more is left."""
        (report,) = self.reconciler.take(self.turn())
        assert report.synced
        assert {change.action for change in self.look().changes} <= {Action.HOLD}

    def planned(self) -> dict[str, str]:
        """What a look finds to do: `{"container/web-1": "update drift: memory memswap_limit"}`."""
        found: dict[str, str] = {}
        for change in self.look().changes:
            name = change.key.name.replace(f"{self.stack}-", "").replace(f"{self.stack}_", "").rpartition("/")[2]
            fields = " ".join(field.path.replace(f"{self.stack}_", "") for field in change.fields)
            said = f"{change.action} {change.cause}: {fields}".strip()
            key = f"{change.key.kind}/{name}"
            found[key] = f"{found[key]}, {said}" if key in found else said
        return found

    # --- what somebody sees and does ---

    @property
    def web(self) -> str:
        return f"{self.stack}-web-1"

    def state(self) -> tuple[str, str]:
        """What changes when `web` is made anew, and when it is started anew."""
        report = self.container("web")
        return report["Id"], report["State"]["StartedAt"]

    def read(self, path: str) -> str:
        """What `web` reads at a path."""
        command = {"Cmd": ["cat", path], "AttachStdout": True}
        return self.engine.execute(self.container("web")["Id"], command, 10)[1]

    def network(self, name: str) -> str:
        return f"{self.stack}_{name}"

    def on_host(self, target: str) -> Path:
        """The file or directory of the host behind a mount of `web`."""
        mounts = self.container("web")["Mounts"]
        return Path(next(mount["Source"] for mount in mounts if mount["Destination"] == target))

    def remade(self, name: str, **other: Any) -> None:
        """The network made anew by hand, as somebody does who copies what was there but for one thing."""
        old = self.sdk.inspect_network(self.network(name))
        endpoint = self.container("web")["NetworkSettings"]["Networks"][old["Name"]]
        self.sdk.disconnect_container_from_network(self.web, old["Id"])
        self.sdk.remove_network(old["Id"])
        self.sdk.create_network(self.network(name), labels=old["Labels"], **other)
        self.sdk.connect_container_to_network(self.web, self.network(name), aliases=endpoint["Aliases"])

    def remade_volume(self, labels: bool, **other: Any) -> None:
        old = self.sdk.inspect_volume(f"{self.stack}_data")
        self.sdk.remove_container(self.web, force=True)
        self.sdk.remove_volume(old["Name"])
        self.sdk.create_volume(old["Name"], labels=old["Labels"] if labels else None, **other)

    def remove(self) -> None:
        """All that there is of the stack."""
        for one in self.sdk.containers(all=True, filters={"name": self.stack}):
            self.sdk.remove_container(one["Id"], force=True, v=True)
        for network in self.sdk.networks(filters={"name": f"{self.stack}_"}):
            self.sdk.remove_network(network["Id"])
        for volume in self.sdk.volumes(filters={"name": f"{self.stack}_"})["Volumes"] or ():
            self.sdk.remove_volume(volume["Name"])

    def settled(self, what: Callable[[], bool]) -> None:
        """Wait until the engine has done what takes it a moment."""
        until = time.monotonic() + 20
        while not what():
            assert time.monotonic() < until
            time.sleep(0.05)


@contextmanager
def loaded(scene: Scene, reference: str, **config: Any) -> Iterator[None]:
    """Another image, for as long as it is needed under that name."""
    images.load(scene.docker_host, reference, **config)
    yield
    scene.sdk.remove_image(reference)
