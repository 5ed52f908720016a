"""A Docker Engine of the tests' own, in a network namespace of its own: one that may be hurt."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        deadline = time.monotonic() + END
        while _lives(pid):
            assert time.monotonic() < deadline, f"dockerd has not ended {END:.0f} s after {number.name}"
            time.sleep(0.02)

    @property
    def _pid(self) -> int:
        run = Path((self._directory / "windlass-engine").read_text().strip())
        return int((run / "docker.pid").read_text())

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


def _lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
