"""The real agent in a process of its own, a repository to push to, and the engine's word for when a container ran."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from script.benchmarks.bare import BenchError, Engine
from script.benchmarks.ground import COMPOSE_FILE, ROOT, WINDLASS, Ground, clean_environment, compose_file, service_name
from script.benchmarks.names import RESIDENT

PATIENCE = 600.0  # seconds; a hundred containers take their time on a small machine

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], patience: float = PATIENCE, pause: float = 0.1) -> T:
    """Look until there is something to see. Raises `BenchError` when the time is over."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise BenchError(f"not seen within {patience:.0f} s: {what}")


@dataclass
class Repository:
    """A bare repository with one stack, and a clone to commit in."""

    ground: Ground
    project: str
    services: int
    _commits: int = 0

    @property
    def bare(self) -> Path:
        return self.ground.home / f"{self.project}.git"

    @property
    def _work(self) -> Path:
        return self.ground.home / f"{self.project}-work"

    def make(self) -> None:
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), at=self.ground.home)
        self._git("clone", "--quiet", str(self.bare), str(self._work), at=self.ground.home)

    @property
    def container(self) -> str:
        """The container of the service that every other commit changes."""
        return f"{self.project}-{service_name(self.services // 2)}-1"

    def commit(self) -> str:
        """Commit one service with another value than before; the commit's id."""
        file = self._work / self.project / COMPOSE_FILE
        file.parent.mkdir(exist_ok=True)
        changed = self.services // 2 if self._commits % 2 else -1
        file.write_text(compose_file(self.ground.image, self.services, changed))
        self._commits += 1
        self._git("add", "--all")
        self._git("-c", "user.name=B", "-c", "user.email=b@example.com", "commit", "--quiet", "-m", "Another value")
        return self._git("rev-parse", "HEAD").strip()

    def push(self) -> None:
        self._git("push", "--quiet", "origin", "HEAD:main")

    def _git(self, *arguments: str, at: Path | None = None) -> str:
        clean = clean_environment()
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=at or self._work, env=clean, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


@dataclass
class Agent:
    """`windlass run` on the repository, with the ground's engine unless there is another `url`."""

    repository: Repository
    url: str = ""
    _port: int = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    @property
    def pid(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise BenchError(f"the agent does not run; its last words: {self._last_words()}")
        return self._process.pid

    @property
    def _log(self) -> Path:
        return self.repository.ground.home / f"{self.repository.project}.log"

    @contextmanager
    def running(self, interval: str) -> Iterator[None]:
        """Runs until the end of the block."""
        ground, project = self.repository.ground, self.repository.project
        command = [str(WINDLASS), "run", "--repo", str(self.repository.bare), "--interval", interval]
        command += ["--listen", f"127.0.0.1:{self._port}", "--instance", project]
        command += [
            "--state-dir",
            str(ground.home / f"{project}-state"),
            "--docker-host",
            self.url or ground.engine.url,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env=clean_environment(), start_new_session=True
            )
        try:
            yield
        finally:
            self._end(self._process)

    def wait_synced(self, commit: str) -> None:
        """Until the agent says that the stack is as this commit wants it."""
        wait_for(f"the stack synced to {commit[:7]}", lambda: self._stack_revision() == commit)

    def look_now(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    def memory(self) -> dict[str, float]:
        """MiB that the process holds: resident, its share of it, and the most that it ever held."""
        status = _fields(Path(f"/proc/{self.pid}/status"))
        share = _fields(Path(f"/proc/{self.pid}/smaps_rollup"))
        return {
            name: kib / 1024
            for name, kib in ((RESIDENT, status["VmRSS"]), ("PSS", share["Pss"]), ("peak VmHWM", status["VmHWM"]))
        }

    def cpu_seconds(self) -> float:
        """Processor time that the process has taken so far, and what it started and saw the end of."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")

    def count(self, metric: str) -> float:
        """The sum of all that the agent's page of metrics says under that name."""
        _ = self.pid
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0.0
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{metric}{{", f"{metric} ")))

    def _stack_revision(self) -> str:
        """The revision that the stack is synced to, "" where it is not synced."""
        _ = self.pid
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/status", timeout=5) as answer:
                stacks: list[dict[str, Any]] = json.load(answer)["stacks"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""
        found = next((stack for stack in stacks if stack["name"] == self.repository.project), {})
        return str((found.get("revision") or {}).get("id", "")) if found.get("sync") == "synced" else ""

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text().splitlines()[-5:]) if self._log.exists() else "none"


def _fields(file: Path) -> dict[str, int]:
    """The numbers of a file of `NAME:  NUMBER kB` lines, in kB."""
    pairs = (line.partition(":") for line in file.read_text().splitlines())
    return {name: int(rest.split()[0]) for name, _, rest in pairs if rest.strip().endswith(" kB")}


def started_at(engine: Engine, name: str, since: float) -> float:
    """When the container of that name first started after `since`, both in seconds since the epoch.

    The engine tells what has been since then, and goes on with what comes. Its clock is that of this machine.
    """
    only = quote(json.dumps({"container": [name], "event": ["start"]}))
    with engine.stream(f"/events?since={since:.9f}&filters={only}", PATIENCE) as events:
        try:
            return float(next(events)["timeNano"]) / 1e9
        except (TimeoutError, StopIteration) as error:
            raise BenchError(f"{name} did not start again within {PATIENCE:.0f} s") from error
