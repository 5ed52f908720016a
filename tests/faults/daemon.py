"""A Docker Engine of the tests' own, in a network namespace of its own: one that may be hurt."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "engine"
END = 40.0  # seconds; a polite end takes ten where a container does not listen


class Daemon:
    """The dockerd that `script/engine` keeps under `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url = ""

    def start(self) -> None:
        """Start it, or start it again with its data; it answers when this returns."""
        said = self._script("start", "--private")
        self.url = said.strip().removeprefix("DOCKER_HOST=")

    def remove(self) -> None:
        """End it and take away all that it had."""
        self._script("stop")

    def configure(self, **settings: object) -> None:
        """Give it these settings and no others, from now on and each time that it is started again."""
        (self._directory / "daemon.json").write_text(json.dumps(settings))
        self.send(signal.SIGHUP)

    def crash(self) -> None:
        """End it and its containerd at once. What is started again is to make of it what it can."""
        self._kill(self._pid, *self._helpers(b"/containerd.toml"))

    def lose_containers(self) -> None:
        """End it and all by which it minds containers, and with that what they know of them; what runs in these runs
        on. Were anything left to a new containerd, that would end them."""
        self._kill(self._pid, *self._helpers(b"/containerd.toml"), *self._helpers(b"/containerd.sock"))
        for known in ("containerd/daemon/io.containerd.runtime.v2.task", "runtime-runc"):
            shutil.rmtree(self._run / "exec" / known)

    def _kill(self, *pids: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):  # the death of the first may be the end of others
                os.kill(pid, signal.SIGKILL)
            self._await_end(pid)

    def _helpers(self, file: bytes) -> list[int]:
        """Its containerd, which is given its settings, or the shims, which are given its socket."""
        mark = f"{self._run}/exec/containerd".encode() + file
        return [pid for pid in processes() if mark in _command(pid)]

    def outliving(self) -> dict[int, str]:
        """The processes of its containers of which it does not say that they run, each with its container's id."""
        found = {pid: container for pid in processes() if (container := self._container_of(pid))}
        client = docker.APIClient(base_url=self.url)
        try:
            running = {one["Id"] for one in client.containers()}
        finally:
            client.close()
        return {pid: container for pid, container in found.items() if container not in running and lives(pid)}

    def _container_of(self, pid: int) -> str:
        """By what it has for its root; "" for what is none of ours."""
        try:
            mounts, cgroups = (Path(f"/proc/{pid}/{name}").read_text() for name in ("mountinfo", "cgroup"))
        except OSError:
            return ""
        found = re.search(r"/docker/([0-9a-f]{64})", cgroups)
        return found[1] if found and f"{self._directory}/data/" in mounts else ""

    @property
    def network(self) -> Path:
        """Its network namespace, for as long as it lives."""
        return Path(f"/proc/{self._pid}/ns/net")

    def send(self, number: signal.Signals) -> None:
        os.kill(self._pid, number)

    @contextmanager
    def away(self, number: signal.Signals) -> Iterator[None]:
        """Ended by a signal, gone while the block runs, and started again."""
        try:
            self._end(number)
            yield
        finally:
            self.start()

    def _end(self, number: signal.Signals) -> None:
        pid = self._pid
        os.kill(pid, number)
        self._await_end(pid)

    def _await_end(self, pid: int) -> None:
        deadline = time.monotonic() + END
        while lives(pid):
            assert time.monotonic() < deadline, f"process {pid} has not ended {END:.0f} s after the signal"
            time.sleep(0.02)

    @property
    def _run(self) -> Path:
        return Path((self._directory / "windlass-engine").read_text().strip())

    @property
    def _pid(self) -> int:
        return int((self._run / "docker.pid").read_text())

    def _script(self, command: str, *options: str) -> str:
        done = subprocess.run(
            [SCRIPT, command, *options, "--dir", self._directory],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def processes() -> list[int]:
    """All of this machine's."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
