"""What the demo stands on: the engine's site, the fleet's repository, and the agent in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import docker
import docker.errors

from script.image import image as demo_image

ROOT = Path(__file__).resolve().parent.parent
WINDLASS = (sys.executable, "-m", "agent")
ENGINE = ROOT / ".run" / "engine"  # where script/engine keeps one that it had to start
TAGS = ("windlass/demo:1", "windlass/demo:2")
PATIENCE = 60.0  # seconds for a step; each takes a few
REMOVALS = 10  # attempts to remove a container

T = TypeVar("T")


class NotSeenError(Exception):
    """A step did not show what it should have shown."""


def say(text: str = "") -> None:
    print(text, flush=True)


def see(what: str, look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Look until there is something to see. Raises `NotSeenError` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise NotSeenError(f"not seen within {patience:.0f} s: {what}")


def get(url: str) -> str:
    """The answer's text, or "" where nobody answers (yet)."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Site:
    """The engine as the demo looks at it, past the agent. Removes only what carries the demo's own instance label."""

    def __init__(self, url: str, instance: str) -> None:
        self.url, self.instance = url, instance
        self._client = docker.DockerClient(base_url=url, timeout=60)
        self._made: list[str] = []

    def container(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.api.inspect_container(name)
        except docker.errors.NotFound:
            return None
        return found

    def has_network(self, name: str) -> bool:
        return any(network["Name"] == name for network in self._client.api.networks(names=[name]))

    def has_volume(self, name: str) -> bool:
        try:
            self._client.api.inspect_volume(name)
        except docker.errors.NotFound:
            return False
        return True

    def remove_container(self, name: str, *, volumes: bool = False) -> None:
        """As often as it takes: a busy engine may fail to remove the files of a container that it has just killed."""
        for _ in range(REMOVALS):
            try:
                self._client.api.remove_container(name, force=True, v=volumes)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if not error.is_server_error():
                    raise
                time.sleep(0.5)
            else:
                return
        raise NotSeenError(f"the engine does not remove {name}")

    def disconnect(self, network: str, container: str) -> None:
        self._client.api.disconnect_container_from_network(container, network)

    def load_images(self) -> None:
        """The demo images, made here from the bytes in the repository. Those that are there already are left alone."""
        present = {tag for image in self._client.images.list() for tag in image.tags}
        for tag in TAGS:
            if tag not in present:
                self._client.images.load(demo_image.archive(tag))
                self._made.append(tag)

    def in_the_way(self, prefix: str) -> list[str]:
        """Containers under the demo's names that an earlier `--keep` left, or that somebody else made."""
        names = [name.lstrip("/") for each in self._client.api.containers(all=True) for name in each["Names"]]
        return sorted(name for name in names if name.startswith(prefix))

    def clean(self) -> None:
        ours = {"label": f"windlass.instance={self.instance}"}
        for container in self._client.api.containers(all=True, filters=ours):
            self.remove_container(container["Id"], volumes=True)
        for network in self._client.api.networks(filters=ours):
            self._client.api.remove_network(network["Id"])
        for volume in self._client.api.volumes(filters=ours)["Volumes"] or []:
            self._client.api.remove_volume(volume["Name"])
        for tag in self._made:
            with suppress(docker.errors.APIError):  # another container uses it by now
                self._client.api.remove_image(tag)

    def how_to_clean(self, user: int) -> list[str]:
        """Commands that take away all that is here, and the engine where it was started for `user` (a process id)."""
        ours = f"--filter label=windlass.instance={self.instance}"
        docker_command = f"docker -H {self.url}"
        return [
            f"{docker_command} rm -fv $({docker_command} ps -aq {ours})",
            f"{docker_command} network rm $({docker_command} network ls -q {ours})",
            f"{docker_command} volume rm $({docker_command} volume ls -q {ours})",
            *([f"{docker_command} rmi {' '.join(self._made)}"] if self._made else []),
            *([f"{ROOT}/script/engine stop --dir {ENGINE} --for {user}"] if self._is_started_by_us() else []),
        ]

    def _is_started_by_us(self) -> bool:
        """Whether script/engine had to start the engine; a script/test may be using it too."""
        mark = ENGINE / "windlass-engine"
        return mark.is_file() and self.url == f"unix://{mark.read_text().strip()}/docker.sock"


@dataclass
class Fleet:
    """A bare repository made from manifests-example/, and a clone to commit in."""

    bare: Path
    work: Path
    names: Mapping[str, str] | None = None

    def prepare(self, names: Mapping[str, str], ports: Mapping[str, int]) -> None:
        """Copy the named stacks under the demo's names, with free ports in their `.env`, and make the repository."""
        self.names = names
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        _git("clone", "--quiet", str(self.bare), str(self.work))
        for example, name in names.items():
            shutil.copytree(ROOT / "manifests-example" / "stacks" / example, self.work / "stacks" / name)
            lines = "".join(f"{variable}={port}\n" for variable, port in ports.items())
            (self.work / "stacks" / name / ".env").write_text(lines)

    def edit(self, example: str, path: str, change: Callable[[str], str]) -> None:
        file = self.work / "stacks" / (self.names or {})[example] / path
        before = file.read_text()
        after = change(before)
        if after == before:
            raise NotSeenError(f"the example {example}/{path} has nothing to edit")
        file.write_text(after)

    def commit(self, subject: str) -> None:
        say(f'      $ git commit -m "{subject}"')
        _git("add", "--all", at=self.work)
        identity = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com")
        _git(*identity, "commit", "--quiet", "-m", subject, at=self.work)

    def push(self) -> str:
        """Push what was committed. Returns the commit's SHA."""
        say("      $ git push")
        _git("push", "--quiet", "origin", "HEAD:main", at=self.work)
        return _git("rev-parse", "HEAD", at=self.work).strip()


def _git(*arguments: str, at: Path | None = None) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=at, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotSeenError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


class AgentProcess:
    """`windlass run` in a process of its own, and the other commands beside it."""

    def __init__(self, site: Site, fleet: Fleet, home: Path) -> None:
        self._site, self._fleet, self._home = site, fleet, home
        (self._port,) = free_ports(1)
        self._log = home / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        options = ["--repo", str(self._fleet.bare), "--interval", "2s", "--listen", f"127.0.0.1:{self._port}"]
        command = [*WINDLASS, "run", *options, *self._places()]
        say(f"      $ windlass run --repo {self._fleet.bare} --interval 2s --listen 127.0.0.1:{self._port} …")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        """With nothing of an agent that this machine has as a service, or of what its user set for one."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")}
        ours = {"WINDLASS_CONFIG": os.devnull, "WINDLASS_INSTANCE": self._site.instance, "WINDLASS_HOST": "demo"}
        return kept | ours

    def _places(self) -> list[str]:
        return ["--state-dir", str(self._home / "state"), "--docker-host", self._site.url]

    def windlass(self, *arguments: str, indent: str = "") -> str:
        """The output of another command, given the agent's own state and engine."""
        command = [*WINDLASS, *arguments, *self._places()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=self._environment(), check=False)
        if done.returncode:
            raise NotSeenError(f"windlass {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return "\n".join(indent + line for line in done.stdout.splitlines())

    def status(self) -> dict[str, Any]:
        """The agent's own view over HTTP, {} while it does not answer."""
        if self._process and self._process.poll() is not None:
            raise NotSeenError(f"the agent ended with exit code {self._process.returncode}")
        text = get(f"{self.url}/api/v1/status")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def history(self, stack: str) -> list[dict[str, Any]]:
        """The stack's runs, the newest first."""
        said = json.loads(self.windlass("history", stack, "-o", "json"))
        runs: list[dict[str, Any]] = said["runs"]
        return runs

    def log_tail(self) -> str:
        return "\n".join(self._log.read_text().splitlines()[-20:]) if self._log.exists() else "(it was never started)"

    @property
    def pid(self) -> int:
        """0 where it was not started."""
        return self._process.pid if self._process else 0

    def tell_what_stays(self, pages: Mapping[str, str]) -> None:
        say("\nThe agent goes on running:")
        for name, url in {"status": f"{self.url}/", "metrics": f"{self.url}/metrics", **pages}.items():
            say(f"  {name:<20} {url}")
        say(f"  {'repository':<20} {self._fleet.work} (commit and push here)")
        say(f"  {'its log':<20} {self._log}")
        say("\nEnd all of it with:")
        ended = f"kill {self.pid}; tail --pid={self.pid} -f /dev/null"
        for command in (ended, *self._site.how_to_clean(self.pid), f"rm -r {self._home}"):
            say(f"  {command}")

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _engine(command: str, user: int) -> str:
    """The engine that the tests may be using as well: it ends when the last who uses it has let go of it."""
    words = [str(ROOT / "script" / "engine"), command, "--dir", str(ENGINE), "--for", str(user)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip().removeprefix("DOCKER_HOST=")


@contextmanager
def opened(prefix: str, *, keep: bool) -> Iterator[tuple[Site, Fleet, AgentProcess]]:
    """An engine with the demo images, an empty fleet, and an agent that is not started yet; all gone afterwards.

    With `keep`, everything stays when the demo went well.
    """
    with ExitStack() as undo:
        undo.callback(_engine, "stop", os.getpid())
        site = Site(_engine("start", os.getpid()), f"{prefix}-{os.getpid()}")
        if left := site.in_the_way(prefix):
            raise SystemExit(f"demo: these containers are in the way, from an earlier --keep? {', '.join(left)}")
        home = Path(tempfile.mkdtemp(prefix=f"{prefix}-"))
        undo.callback(shutil.rmtree, home)
        fleet = Fleet(home / "fleet.git", home / "fleet")
        agent = AgentProcess(site, fleet, home)
        undo.callback(site.clean)
        undo.callback(agent.stop)
        site.load_images()
        yield site, fleet, agent
        if keep:
            undo.pop_all()
            _engine("start", agent.pid)  # which uses the engine from now on, so that it outlives us and later scripts
            _engine("stop", os.getpid())
