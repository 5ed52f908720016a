"""Docker Compose, where it is found, and `windlass`, as a user calls them in the directory of a project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

REFERENCE = (2, 40)  # the release whose calls and hashes Windlass follows
ROOT = Path(__file__).parents[2]
PLUGIN = "docker/cli-plugins/docker-compose"
PLACES = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")


def candidates() -> list[str]:
    """Files that may be Docker Compose, which also runs without Docker's own client: those that are named in
    WINDLASS_TEST_COMPOSE (a list as PATH is one), else where it usually is, and where script/test unpacks it."""
    if named := os.environ.get("WINDLASS_TEST_COMPOSE"):
        return named.split(os.pathsep)
    plugins = [Path.home() / ".docker/cli-plugins/docker-compose", *(Path(place) / PLUGIN for place in PLACES)]
    alone = [Path(found)] if (found := shutil.which("docker-compose")) else []
    unpacked = ROOT / ".run/tools/usr/libexec" / PLUGIN
    return [str(path) for path in (*plugins, *alone, unpacked) if os.access(path, os.X_OK)]


@cache
def version_of(program: str) -> tuple[int, ...]:
    """Its release, (0,) where it does not say."""
    try:
        said = subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return (0,)
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


def chosen() -> str:
    """One that is no relic, of the release that Windlass follows where there is one; "" where none is found."""
    found = [program for program in candidates() if version_of(program) >= (2,)]
    return min(found, key=lambda program: version_of(program)[:2] != REFERENCE, default="")


@dataclass(frozen=True)
class Project:
    """A directory with a compose.yaml, under a name that nobody else on the engine has."""

    directory: Path
    name: str
    docker_host: str
    program: str  # Docker Compose

    @property
    def version(self) -> tuple[int, ...]:
        return version_of(self.program)

    def compose(self, *arguments: str) -> str:
        """What Compose says; it has to succeed."""
        done = self._run([self.program, "-p", self.name, *arguments])
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def documents(self, *arguments: str) -> list[dict[str, Any]]:
        """What it says as JSON: a list, or an object a line."""
        text = self.compose(*arguments, "--format", "json").strip()
        if text.startswith("["):
            found: list[dict[str, Any]] = json.loads(text)
            return found
        return [json.loads(line) for line in text.splitlines()]

    def windlass(self, command: str, *arguments: str, codes: Iterable[int] = (0,)) -> str:
        where = ["--state-dir", str(self.state), "--config", str(self.settings), "--docker-host", self.docker_host]
        named = ["-f", "compose.yaml", "-p", self.name, "--os-env", "--instance", self.name, "--host", "test-host"]
        done = self._run([sys.executable, "-m", "agent", command, *named, *where, *arguments])
        assert done.returncode in codes, f"windlass {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    @property
    def state(self) -> Path:
        return self.directory.parent / "state"

    @property
    def settings(self) -> Path:
        return self.directory.parent / "agent.yaml"

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory.parent),
            "PWD": str(self.directory),
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOST": self.docker_host,
        }
        return subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False, timeout=110
        )
