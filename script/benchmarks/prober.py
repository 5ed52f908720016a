"""Asks a port of this machine over HTTP, again and again, in a process of its own, and says what came of it.

    python -m script.benchmarks.prober PORT SECONDS COUNT AT_ONCE

A request every so many SECONDS, whether those before it were answered or not unless AT_ONCE of them are waiting, until
there were COUNT of them or its input ends. It prints a line once it was answered for the first time, and `Seen` as JSON
at its end.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import types
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from script.benchmarks.bare import BenchError
from script.benchmarks.ground import ROOT, clean_environment

PATIENCE = 30.0  # seconds for one request
MANY = 2048  # waiting requests, where there is to be no limit
UNTIL_READY = 60.0  # seconds until the first answer
REQUEST = b"GET / HTTP/1.0\r\nHost: probed\r\n\r\n"
ANSWER = b"HTTP/1.1 200 "


@dataclass(frozen=True)
class Seen:
    """How many requests there were, how many of them failed (by reason), and the longest time in seconds without an
    answer."""

    asked: int
    failures: dict[str, int]
    longest: float

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


@dataclass
class Probe:
    """The asking itself. `answered` are the times at which answers were complete, in seconds of `perf_counter`."""

    port: int
    every: float
    count: int
    at_once: int
    asked: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)

    async def run(self) -> Seen:
        over = asyncio.ensure_future(_end_of_input())
        until = time.monotonic() + UNTIL_READY
        while await _failure(self.port):
            if time.monotonic() > until or over.done():
                return Seen(0, {}, UNTIL_READY)
            await asyncio.sleep(0.05)
        print("ready", flush=True)
        await self._ask(over)
        return Seen(self.asked, dict(self.failures), longest(self.answered))

    async def _ask(self, over: asyncio.Future[None]) -> None:
        asking: set[asyncio.Task[None]] = set()
        due = time.perf_counter()
        while self.asked < self.count and not over.done():
            if len(asking) < self.at_once:
                self.asked += 1
                asking.add(task := asyncio.ensure_future(self._once()))
                task.add_done_callback(asking.discard)
            due = max(due + self.every, time.perf_counter())
            await asyncio.sleep(due - time.perf_counter())
        await asyncio.gather(*asking)

    async def _once(self) -> None:
        if failure := await _failure(self.port):
            self.failures[failure] += 1
        else:
            self.answered.append(time.perf_counter())


async def _failure(port: int) -> str:
    """Why a request was not answered; "" where it was."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(REQUEST)
                answer = await reader.read()
            finally:
                writer.close()
    except OSError as error:  # among them that it took too long
        return type(error).__name__
    return "" if answer.startswith(ANSWER) else answer.partition(b"\r\n")[0].decode("latin-1") or "an empty answer"


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def longest(answered: Sequence[float]) -> float:
    """The longest time between an answer and the next; 0 where there are fewer than two."""
    return max((later - earlier for earlier, later in pairwise(sorted(answered))), default=0.0)


class Prober:
    """The process. What it saw is known at its `end`; a block that is left otherwise ends it as well."""

    def __init__(self, port: int, every: float, count: int = sys.maxsize, at_once: int = MANY) -> None:
        command = [sys.executable, "-m", "script.benchmarks.prober", *map(str, (port, every, count, at_once))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(),
            start_new_session=True,
        )

    def __enter__(self) -> Prober:
        if self._process.stdout is None or self._process.stdout.readline().strip() != "ready":
            self.__exit__()
            raise BenchError("the probed service never answered")
        return self

    def __exit__(self, *_raised: type[BaseException] | BaseException | types.TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    @property
    def is_over(self) -> bool:
        """Whether it has asked as often as it was to."""
        return self._process.poll() is not None

    def end(self) -> Seen:
        """Let it end, and hear what it saw. Raises `BenchError` where it cannot say."""
        if self._process.stdin is None or self._process.stdout is None:
            raise BenchError("the prober has no ends to talk to")
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with self._process.stdout as stdout:
            said = stdout.read()
        self._process.wait()
        try:
            return Seen(**json.loads(said))
        except ValueError as error:
            raise BenchError("the prober ended without a word") from error


if __name__ == "__main__":
    port, every, count, at_once = sys.argv[1:]
    print(json.dumps(asdict(asyncio.run(Probe(int(port), float(every), int(count), int(at_once)).run()))))
