"""The `windlass` process against a git repository and a real engine, as a user would start it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 40.0  # seconds; each thing waited for takes one or two


def until(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not seen within {patience:.0f} s: {what}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass
class Fleet:
    """A bare repository and a clone to commit in."""

    bare: Path
    work: Path

    @classmethod
    def make(cls, home: Path) -> Fleet:
        fleet = cls(home / "fleet.git", home / "fleet")
        _git(home, "init", "--quiet", "--bare", "--initial-branch=main", str(fleet.bare))
        _git(home, "clone", "--quiet", str(fleet.bare), str(fleet.work))
        return fleet

    def push(self, files: Mapping[str, str | None], subject: str = "A change", branch: str = "main") -> str:
        """Write (None: remove) the files, commit and push to the branch. Returns the commit's SHA."""
        for path, text in files.items():
            file = self.work / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _git(self.work, "add", "--all")
        identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.com")
        _git(self.work, *identity, "commit", "--quiet", "--allow-empty", "-m", subject)
        _git(self.work, "push", "--quiet", "origin", f"HEAD:{branch}")
        return _git(self.work, "rev-parse", "HEAD").strip()


def _git(at: Path, *arguments: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(["git", *arguments], cwd=at, env=clean, check=True, capture_output=True, text=True).stdout


@dataclass
class Agent:
    """`windlass run`, and the commands beside it, with a state directory of their own."""

    home: Path
    docker_host: str
    instance: str
    repo: str
    extra: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)  # of its environment
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "agent.log"

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("WINDLASS_", "DOCKER_"))}
        return {**kept, "WINDLASS_INSTANCE": self.instance, "WINDLASS_CONFIG": os.devnull, **self.variables}

    def common(self) -> list[str]:
        return ["--state-dir", str(self.home / "state"), "--docker-host", self.docker_host, "--host", "test-host"]

    def run_command(self) -> list[str]:
        options = ["--repo", self.repo, "--interval", "500ms", "--listen", f"127.0.0.1:{self.port}"]
        options += ["--instance", self.instance, "--log-format", "json"]
        return [sys.executable, "-m", "agent", "run", *options, *self.common(), *self.extra]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.run_command(), stdout=log, stderr=log, env=self.environment())

    def windlass(self, *arguments: str, here: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program `here`, which paths are told from."""
        command = [sys.executable, "-m", "agent", *arguments, *self.common()]
        return subprocess.run(
            command,
            cwd=here or self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer; (0, "") while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
            return 0, ""

    def status(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.poll() is None, f"the agent ended: {self.tail()}"
        code, text = self.get("/api/v1/status")
        found: dict[str, Any] = json.loads(text) if code == 200 else {}
        return found

    def stack(self, name: str) -> dict[str, Any]:
        return next((stack for stack in self.status().get("stacks", []) if stack["name"] == name), {})

    def has_left(self, name: str) -> bool:
        """Whether the agent answers and does not know the stack any more."""
        stacks = self.status().get("stacks")
        return stacks is not None and all(stack["name"] != name for stack in stacks)

    def synced_at(self, name: str, revision: str) -> bool:
        stack = self.stack(name)
        return stack.get("sync") == "synced" and (stack.get("revision") or {}).get("id") == revision

    def metric(self, series: str) -> float | None:
        """The value of one series, written as it stands in the exposition."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{series} "):
                return float(line.rpartition(" ")[2])
        return None

    def passes(self, stack: str) -> float:
        """How many passes of the stack have ended in this process, whatever came of them."""
        lines = self.get("/metrics")[1].splitlines()
        counted = [line for line in lines if line.startswith("windlass_reconciles_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in counted if f'stack="{stack}"' in line)

    def await_passes(self, stack: str, more: int = 3) -> None:
        """Wait until what is wanted by now has been looked at: the first may have begun before, or only tell."""
        before = self.passes(stack)
        until(lambda: self.passes(stack) >= before + more, f"{more} more passes of {stack}")

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.strip()]

    def tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-20:])

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it in the polite way; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None


@contextmanager
def running(agent: Agent) -> Iterator[Agent]:
    agent.start()
    try:
        yield agent
        if agent.process is not None:
            assert agent.stop() == 0, agent.tail()
        assert "Traceback" not in agent.log.read_text(), agent.tail()
    finally:
        if agent.process is not None:
            agent.kill()
