"""The stack that the faults happen to, and what has to hold of it once they are over."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors

from agent.kinds.base import STACK
from tests.e2e.agents import Agent, Fleet, until

VOLUMES = ("/data", "/scratch")  # a named one and an anonymous one
POLICY = {"always": "restart: always, "}  # who says nothing is to run, and the engine itself never brings it back
CHANGING = ("create", "start", "stop", "remove", "rename", "update", "connect", "disconnect", "pull", "unpause")


@dataclass
class Scene:
    """A stack with one service of each restart policy, a network and a volume; `web` is the one that gets changed."""

    stack: str
    image: str
    fleet: Fleet
    sdk: docker.APIClient
    alone: bool = False  # `web` and nothing else
    policy: str = "unless-stopped"  # of `web`
    check: str = ""  # the health check of `web`, if it has any
    more: tuple[str, ...] = ()
    head: str = ""
    kept: str = ""  # what was put into the volume

    def push(self, message: str, more: tuple[str, ...] = ()) -> str:
        """Commit the stack with a message for `web` and further services. Returns the commit's SHA."""
        self.more = more
        return self._push(self.compose(message), message)

    def leave(self) -> str:
        """Commit that the stack is not wanted any more. Returns the commit's SHA."""
        return self._push(None, "gone")

    def _push(self, text: str | None, subject: str) -> str:
        allowed = f"{subject}\n\nWindlass-Allow-Prune: 9"  # what goes here at once is meant to
        self.head = self.fleet.push({f"stacks/{self.stack}/compose.yaml": text}, allowed)
        return self.head

    @property
    def services(self) -> tuple[str, ...]:
        return ("web",) if self.alone else ("always", "plain", "web", *self.more)

    def compose(self, message: str) -> str:
        others = "".join(
            f"  {name}: {{image: {self.image}, {POLICY.get(name, '')}networks: [back]}}\n"
            for name in self.services
            if name != "web"
        )
        return f"""\
services:
  web:
    image: {self.image}
    restart: "{self.policy}"
    healthcheck: {self.check or "{disable: true}"}
    environment: {{MESSAGE: {message}}}
    networks: [back, front]
    volumes: ["data:/data", "/scratch"]
{others}\
networks: {{back: , front: }}
volumes: {{data: }}
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""

    def name(self, service: str) -> str:
        return f"{self.stack}-{service}-1"

    def containers(self) -> dict[str, str]:
        """Everything that is called or labelled as the stack's: name to state."""
        found = self.sdk.containers(all=True)
        return {
            one["Names"][0].removeprefix("/"): one["State"]
            for one in found
            if one["Names"][0].startswith(f"/{self.stack}-") or (one["Labels"] or {}).get(STACK) == self.stack
        }

    def ids(self) -> dict[str, str]:
        found = self.sdk.containers(all=True, filters={"label": f"{STACK}={self.stack}"})
        return {one["Names"][0].removeprefix("/"): one["Id"] for one in found}

    def inspect(self, service: str) -> dict[str, Any]:
        return dict(self.sdk.inspect_container(self.name(service)))

    def message(self) -> str:
        """The message that the running `web` was given."""
        env = dict(entry.partition("=")[::2] for entry in self.inspect("web")["Config"]["Env"])
        return str(env["MESSAGE"])

    def put_data(self, text: str) -> None:
        """Leave something in each volume of `web`."""
        self.kept = text
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("kept")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path in VOLUMES:
            assert self.sdk.put_archive(self.name("web"), path, archive.getvalue())

    def data(self) -> dict[str, str]:
        """What each volume of `web` holds of that, by its path."""
        return {path: self._data(path) for path in VOLUMES}

    def _data(self, path: str) -> str:
        try:
            chunks, _ = self.sdk.get_archive(self.name("web"), f"{path}/kept")
        except docker.errors.NotFound:
            return ""
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            kept = tar.extractfile("kept")
            assert kept is not None
            return kept.read().decode()

    def assert_as_wanted(self) -> None:
        """One running container a service, no leftovers, each network once, and the data."""
        assert self.containers() == {self.name(service): "running" for service in self.services}
        networks = sorted(one["Name"] for one in self.sdk.networks() if one["Name"].startswith(self.stack))
        assert networks == [f"{self.stack}_back", f"{self.stack}_front"]
        assert set(self.inspect("web")["NetworkSettings"]["Networks"]) == set(networks)
        assert self.data() == dict.fromkeys(VOLUMES, self.kept)

    def remove(self) -> None:
        """Take everything of the stack away, as though it had never been."""
        for one in self.sdk.containers(all=True, filters={"name": f"{self.stack}-"}):
            self.sdk.remove_container(one["Id"], force=True, v=True)
        for network in self.sdk.networks(filters={"name": f"{self.stack}_"}):
            self.sdk.remove_network(network["Id"])
        self.sdk.remove_volume(f"{self.stack}_data")

    def await_settled(self, agent: Agent, message: str, patience: float = 80.0) -> None:
        """Wait until the agent says that the newest commit is there; hold it to that, and to leaving it alone."""
        until(lambda: agent.synced_at(self.stack, self.head), f"the commit {message!r} converged", patience)
        self.assert_as_wanted()
        assert self.message() == message
        self.assert_left_alone(agent)

    def assert_left_alone(self, agent: Agent) -> None:
        """Further looks change nothing."""
        before, looked = changes(agent), self.looks(agent)
        until(lambda: self.looks(agent) >= looked + 2, "two more looks")
        assert changes(agent) == before

    def looks(self, agent: Agent) -> float:
        return agent.metric(f'windlass_reconciles_total{{result="noop",stack="{self.stack}"}}') or 0


def changes(agent: Agent) -> float:
    """How many calls that change something the agent has made."""
    lines = agent.get("/metrics")[1].splitlines()
    calls = [line for line in lines if line.startswith("windlass_docker_requests_total")]
    return sum(float(line.rpartition(" ")[2]) for line in calls if any(f"_{word}" in line for word in CHANGING))
