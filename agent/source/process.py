"""Runs one program with a total deadline, in a session of its own, so that nothing it starts outlives it.

The one thing to know: `subprocess` with a timeout kills only the first process. git's transports (`git-remote-https`,
`ssh`) would live on and hold the pipes open, so the whole process group is killed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

_CHUNK = 1 << 16  # bytes that are read at once
_MAX_ERRORS = 1 << 16  # bytes of standard error that are kept
_DYING = 0.2  # seconds
# Limits are set by a shell that then becomes the program: setting them in a forked Python is unsafe with threads, and
# setting them from outside leaves a gap. Files are counted in blocks of 512 bytes (POSIX).
_LIMITED = 'ulimit -c 0 && ulimit -f "$1" && ulimit -t "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True)
class Limits:
    """What one run of a program may take."""

    seconds: float  # until everything is killed, by the wall clock
    file_bytes: int  # largest file that may be written

    @property
    def cpu_seconds(self) -> int:
        """For each process, of all its threads: a backstop in case that we are killed and cannot kill."""
        return int(self.seconds * 4) + 1


class Ended(NamedTuple):
    """How a program ended."""

    code: int  # as `subprocess` has it: negative for a signal
    errors: str  # the last of standard error
    timed_out: bool


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    limits: Limits,
    take: Callable[[bytes], None],
    stdin: bytes = b"",
    fds: Sequence[int] = (),
) -> Ended:
    """Run `command` with exactly `env` and hand its output to `take` as it comes.

    Whatever `take` raises ends the program and is raised. `fds` are open in the program under their own numbers.
    Raises `OSError` when no process can be made.
    """
    limited = ["/bin/sh", "-c", _LIMITED, "sh", str(limits.file_bytes // 512), str(limits.cpu_seconds), *command]
    deadline = time.monotonic() + limits.seconds
    with subprocess.Popen(  # noqa: S603 - the one place where a process is made
        limited,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd="/",
        start_new_session=True,
        pass_fds=fds,
    ) as process:
        try:
            pump = _Pump(process, stdin, take)
            timed_out = not (pump.drain(deadline) and _ended_by(process, deadline))
        finally:
            _kill(process)
    return Ended(process.returncode, bytes(pump.errors).decode(errors="backslashreplace"), timed_out)


class _Pump:
    """Moves bytes to and from a process without ever waiting for one of its pipes alone."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, take: Callable[[bytes], None]) -> None:
        self._process = process
        self._pending = memoryview(stdin)
        self._take = take
        self.errors = bytearray()

    def drain(self, deadline: float) -> bool:
        """Go on until the process has closed its output. False when the deadline came first."""
        with selectors.DefaultSelector() as selector:
            self._register(selector, self._process.stdin, selectors.EVENT_WRITE, self._write)
            self._register(selector, self._process.stdout, selectors.EVENT_READ, self._read)
            self._register(selector, self._process.stderr, selectors.EVENT_READ, self._read_errors)
            while any(key.events == selectors.EVENT_READ for key in selector.get_map().values()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                for key, _ in selector.select(left):
                    if not key.data(key.fd):
                        selector.unregister(key.fileobj)
        return True

    @staticmethod
    def _register(
        selector: selectors.BaseSelector, stream: IO[bytes] | None, event: int, move: Callable[[int], bool]
    ) -> None:
        assert stream is not None  # noqa: S101 - all three were asked for as pipes
        os.set_blocking(stream.fileno(), False)
        selector.register(stream, event, move)

    def _write(self, fd: int) -> bool:
        try:
            self._pending = self._pending[os.write(fd, self._pending[:_CHUNK]) :]
        except BrokenPipeError:  # it ended without reading everything; its exit code says why
            self._pending = self._pending[:0]
        if not self._pending and self._process.stdin is not None:
            self._process.stdin.close()
        return bool(self._pending)

    def _read(self, fd: int) -> bool:
        chunk = os.read(fd, _CHUNK)
        if chunk:
            self._take(chunk)
        return bool(chunk)

    def _read_errors(self, fd: int) -> bool:
        chunk = os.read(fd, _CHUNK)
        self.errors += chunk
        del self.errors[:-_MAX_ERRORS]
        return bool(chunk)


def _ended_by(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End what is left. Only while the first process is not reaped does its id still name the group for certain."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # all of them have just ended
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _wait_for_group(process.pid)


def _wait_for_group(group: int) -> None:
    """Until none is left that may still write. Bounded: where nobody reaps orphans, their group never goes away."""
    deadline = time.monotonic() + _DYING
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.005)
