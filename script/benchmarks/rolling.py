"""One service that is rolled out again and again while somebody asks it: how long it is away, and what gets lost."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from script.benchmarks.agent_process import wait_for
from script.benchmarks.bare import BenchError, EngineFaultError
from script.benchmarks.contestants import composed
from script.benchmarks.course import Course
from script.benchmarks.ground import COMPOSE_FILE, Ground
from script.benchmarks.names import COMPOSE, FLOOR, LOST, OUTAGE, RECONCILE, ROLLOUTS
from script.benchmarks.prober import Prober, Seen
from script.benchmarks.warm import Warm

EVERY = 0.005  # seconds between two requests
CLIENTS = 8  # that wait for an answer at once, behind the proxy: an overload is not what is looked for
LINGER = 0.5  # seconds for which it is asked before and after a change
REVERSE = Path(__file__).with_name("reverse.py")
NEXT = ".next"  # what a container is called by until it has the service's name
INSIDE = "/reverse.py"

Text = Callable[[str, int, str], str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Way(Protocol):
    """Who rolls out."""

    def converge(self, service: Service) -> None:
        """Make the host as the service's file wants it. Raises `BenchError`."""

    def close(self) -> None: ...


@dataclass
class ByWindlass:
    ground: Ground
    root: Path
    _warm: Warm = field(init=False)

    def __post_init__(self) -> None:
        name = self.root.name
        self._warm = Warm(self.root, self.ground.home / f"{name}-state", name, self.ground.engine.url)

    def converge(self, service: Service) -> None:
        self._warm.take(self._warm.read(), service.project)

    def close(self) -> None:
        self._warm.close()


@dataclass
class ByCompose:
    ground: Ground
    command: tuple[str, ...]

    def converge(self, service: Service) -> None:
        composed(self.ground, self.command, service.file, "up", "--detach")

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class ByBareCalls:
    """The floor of a published service: the new one is made, and then nothing but a stop and a start lies between."""

    ground: Ground

    def converge(self, service: Service) -> None:
        name, ask = service.container, self.ground.engine.ask
        there = service.container_id()
        if not there:
            ask("POST", "/networks/create", {"Name": f"{service.project}_default"})
        made = ask("POST", f"/containers/create?name={name}{NEXT if there else ''}", self._body(service))["Id"]
        if there:
            ask("POST", f"/containers/{there}/stop")
        ask("POST", f"/containers/{made}/start")
        if there:
            self.ground.remove_container(there)
            ask("POST", f"/containers/{made}/rename?name={name}")

    def _body(self, service: Service) -> dict[str, Any]:
        port = {"HostIp": "127.0.0.1", "HostPort": str(service.port)}
        host = {"PortBindings": {"8080/tcp": [port]}, "NetworkMode": f"{service.project}_default"}
        exposed: dict[str, Any] = {"8080/tcp": {}}
        environment = [f"MESSAGE={service.version}"]
        return {"Image": self.ground.image, "Env": environment, "ExposedPorts": exposed, "HostConfig": host}

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Service:
    """One that says its version. `text` makes its file of the image, the port and the version."""

    course: Course
    project: str
    way: Way
    text: Text
    port: int = field(default_factory=free_port)
    version: int = 0

    def next_version(self) -> None:
        """Roll another version out, and see that it answers. Raises `BenchError` unless its container is another."""
        before = self.container_id()
        self.version += 1
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.text(self.course.ground.image, self.port, str(self.version)))
        self.way.converge(self)
        if self.container_id() == before:
            raise BenchError(f"{self.project}: a change of its version did not replace its container")

    def await_version(self) -> None:
        wait_for(f"{self.project} saying its version {self.version}", lambda: self._said() == str(self.version))

    @property
    def file(self) -> Path:
        return self.course.ground.home / f"{self.project}-files" / self.project / COMPOSE_FILE

    @property
    def container(self) -> str:
        return f"{self.project}-web-1"

    def container_id(self) -> str:
        """That of the container which has the service's name now, "" where there is none."""
        return str(self.course.ground.containers(self.project).get(self.container, {}).get("Id", ""))

    def _said(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                return str(answer.read().decode()).strip()
        except (OSError, ValueError):
            return ""


def published(image: str, port: int, version: str) -> str:
    """The service itself has the port, so that there can be one of it only."""
    return f"""\
x-windlass: {{rollout: {{monitor: 1ms}}}}
services:
  web:
    image: {image}
    ports: ["127.0.0.1:{port}:8080"]
    environment: {{MESSAGE: "{version}"}}
"""


def behind_a_proxy(image: str, port: int, version: str) -> str:
    """The port is the proxy's, which stays as it is; Python and its libraries are those of this machine."""
    python = os.path.realpath(sys.executable)
    binds = "".join(f'\n      - "{place}:{place}:ro"' for place in python_places())
    return f"""\
x-windlass: {{rollout: {{monitor: 1ms}}}}
services:
  proxy:
    image: {image}
    entrypoint: ["{python}", "-I", "{INSIDE}", "web", "8080"]
    ports: ["127.0.0.1:{port}:8000"]
    stop_signal: SIGKILL
    volumes:
      - "{REVERSE}:{INSIDE}:ro"{binds}
  web:
    image: {image}
    environment: {{MESSAGE: "{version}"}}
    healthcheck: {{test: [CMD, /server, --check], interval: 500ms, timeout: 5s, retries: 5}}
    deploy: {{update_config: {{order: start-first}}}}
"""


def python_places() -> list[str]:
    """What of this machine its Python needs to run."""
    wanted = dict.fromkeys(map(Path, (os.path.realpath(sys.base_prefix), "/usr", "/lib", "/lib64")))
    return [str(place) for place in wanted if place.is_dir() and Path("/usr") not in place.parents]


@contextmanager
def services(course: Course, what: str, text: Text) -> Iterator[dict[str, Service]]:
    """The service once by each contestant, running; all of it is gone after the block."""
    ground, project = course.ground, f"{course.ground.prefix}-{what}"
    found: dict[str, Service] = {}

    def add(who: str, short: str, way: Way) -> None:
        found[who] = Service(course, f"{project}-{short}", way, text)

    if text is published:
        add(FLOOR, "floor", ByBareCalls(ground))
    add(RECONCILE, "windlass", ByWindlass(ground, ground.home / f"{project}-windlass-files"))
    if course.compose:
        add(COMPOSE, "compose", ByCompose(ground, course.compose))
    try:
        for service in found.values():
            service.next_version()
            service.await_version()
        yield found
    finally:
        for service in found.values():
            service.way.close()
            course.sweep(service.project)


def measure_outage(course: Course) -> None:
    """Stop-first, with a port of its own. Raises `BenchError`."""
    with services(course, "outage", published) as contestants:
        for number in course.rounds:
            for who, service in contestants.items():
                try:
                    seen = _one_change(service)
                except EngineFaultError as fault:
                    course.tell(f"not counted: {fault}")
                    continue
                course.results.outage.add(OUTAGE, 1, who, seen.longest)
                course.tell(f"a port of its own, {course.said(number)}: {who} away for {seen.longest:.3f} s")


def _one_change(service: Service) -> Seen:
    with Prober(service.port, EVERY) as prober:
        time.sleep(LINGER)
        service.next_version()
        service.await_version()
        time.sleep(LINGER)
        return prober.end()


def measure_lost(course: Course) -> None:
    """Start-first behind a proxy, one rollout after the other until enough was asked. Raises `BenchError`."""
    with services(course, "proxied", behind_a_proxy) as contestants:
        for who, service in contestants.items():
            first = service.version
            with Prober(service.port, EVERY, course.extent.requests, CLIENTS) as prober:
                time.sleep(LINGER)
                while not prober.is_over:
                    service.next_version()
                seen = prober.end()
            service.await_version()
            figures, rolled = course.results.lost, service.version - first
            figures.add(LOST, seen.asked, who, seen.failed, "requests")
            figures.add(ROLLOUTS, seen.asked, who, rolled, "rollouts")
            course.tell(f"behind a proxy: {who} lost {_lost(seen)} of {seen.asked} in {rolled} rollouts")


def _lost(seen: Seen) -> str:
    reasons = ", ".join(f"{count} × {reason}" for reason, count in sorted(seen.failures.items()))
    return f"{seen.failed} ({reasons})" if reasons else "none"
