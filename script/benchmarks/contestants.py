"""Who is measured. Each can do the four scenes with a project of its own; a scene gives seconds by column."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from agent.desired import Reader, Reading
from agent.engine import Engine as Door
from agent.guard import Consent
from agent.kinds.network import STALE_ENDPOINT
from agent.model import Report, Scope
from agent.parts import make_host
from agent.planning import Policy, Removal
from agent.reconcile import Reconciler, Turn
from agent.settings import Settings
from agent.source.directory import DirectorySource
from agent.statedir import StateDir
from script.benchmarks.bare import BenchError, EngineFaultError
from script.benchmarks.floor import Replay, Script
from script.benchmarks.ground import COMPOSE_FILE, ROOT, WINDLASS, Ground, clean_environment, compose_file, service_name
from script.benchmarks.results import (
    CHANGE,
    CHANGES_ONLY,
    COLD,
    COMPOSE,
    FLOOR,
    FULL_LOOK,
    NOOP,
    PROCESS,
    READING,
    RECONCILE,
    REMOVAL,
)

SCENES = (COLD, NOOP, CHANGE, REMOVAL)

Seconds = Mapping[str, float]


class Contestant(Protocol):
    @property
    def project(self) -> str:
        """Its own: the beginning of the names of all that it makes."""

    def act(self, scene: str) -> Seconds:
        """Do what the scene asks for. Raises `BenchError` where that did not work."""


@dataclass(frozen=True)
class Files:
    """A folder with one stack in it, whose directory's name is the project."""

    ground: Ground
    project: str
    services: int

    @property
    def root(self) -> Path:
        return self.ground.home / f"{self.project}-files"

    @property
    def file(self) -> Path:
        return self.root / self.project / COMPOSE_FILE

    def prepare(self, scene: str) -> None:
        """Write what is wanted in the scene. For the removal, the stack leaves, and one that wants nothing stays."""
        idle = self.root / "idle" / COMPOSE_FILE
        if scene == REMOVAL:
            shutil.rmtree(self.file.parent)
            idle.parent.mkdir()
            idle.write_text(f"services:\n  none:\n    image: {self.ground.image}\n    profiles: [never]\n")
            return
        if idle.exists():
            shutil.rmtree(idle.parent)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        changed = self.services // 2 if scene == CHANGE else -1
        self.file.write_text(compose_file(self.ground.image, self.services, changed))


@dataclass
class Floor:
    """Windlass's own calls without Windlass."""

    project: str
    scripts: Mapping[str, Script]
    replay: Replay

    def act(self, scene: str) -> Seconds:
        script = self.scripts[scene]
        whole, changing = self.replay.run(script)
        return {FLOOR: whole, CHANGES_ONLY: changing} if script.changes else {FLOOR: whole}


@dataclass
class Reconcile:
    """One turn in a process that is warm, made of the same parts as the agent's.

    With `follow` the engine's events are listened to, as the agent does; without, each look asks for everything.
    """

    files: Files
    url: str
    follow: bool = True
    _reconciler: Reconciler = field(init=False)
    _reader: Reader = field(init=False)
    _source: DirectorySource = field(init=False)

    def __post_init__(self) -> None:
        state = StateDir(self.files.ground.home / f"{self.project}-state")
        self.files.root.mkdir(parents=True)
        self._source = DirectorySource(self.files.root)
        self._reader = Reader(PurePosixPath(state.path))
        self._door = Door(self.url)
        host = make_host(self._door, state, Settings(instance=self.project), self._source.origin, lambda _: None)
        self._reconciler = Reconciler(host, Policy())
        if self.follow:
            self._listen()

    def _listen(self) -> None:
        opened = threading.Event()
        listen = partial(self._door.events, lambda _event: None, on_open=opened.set)
        threading.Thread(target=listen, daemon=True).start()  # until the process ends
        if not opened.wait(30):
            raise BenchError("the engine's events could not be followed")

    @property
    def project(self) -> str:
        return self.files.project

    def act(self, scene: str) -> Seconds:
        self.files.prepare(scene)
        began = time.perf_counter()
        reading = self._reader.read(self._source.sync())
        took = {} if scene == REMOVAL else {READING: time.perf_counter() - began}
        if scene == NOOP:
            self._door.forget()
            took[FULL_LOOK] = self._take(reading)
        return {RECONCILE: self._take(reading), **took}

    def _take(self, reading: Reading) -> float:
        """Seconds of one turn."""
        began = time.perf_counter()
        (report,) = self._reconciler.take(self._turn(reading))
        took = time.perf_counter() - began
        self._refuse(report)
        return took

    def _turn(self, reading: Reading) -> Turn:
        stack = reading.stacks.get(self.project)
        scope = Scope(self.project, self._source.origin, frozenset({self.project}))
        consent = Consent(allowed=self.files.services)
        return Turn((stack,) if stack else (), scope, "manual", consent=consent)

    def _refuse(self, report: Report) -> None:
        if report.failure and report.failure.reason == STALE_ENDPOINT:
            raise EngineFaultError(f"{self.project}: {report.failure.message}")
        if report.failure or not report.synced:
            raise BenchError(f"{self.project}: the turn failed: {report.failure}")

    def close(self) -> None:
        self._door.close()


@dataclass(frozen=True)
class Process:
    """`windlass apply --yes`, from the start of the process to its end.

    `apply` removes no stack that has left the files, so the removal is the agent's: `windlass run --once`. That so
    much is to go at once was approved before.
    """

    files: Files

    @property
    def project(self) -> str:
        return self.files.project

    def act(self, scene: str) -> Seconds:
        self.files.prepare(scene)
        places = ["--state-dir", str(self.files.ground.home / f"{self.project}-state")]
        places += ["--docker-host", self.files.ground.engine.url]
        apply = ["apply", "--yes", str(self.files.root)]
        run = ["run", "--repo", str(self.files.root), "--once", "--listen", "", "--instance", self.project]
        if scene == REMOVAL:
            output_of([str(WINDLASS), "approve", self._everything().hash, *places], {})
        command = [str(WINDLASS), *(run if scene == REMOVAL else apply), *places]
        return {PROCESS: timed(command, {"WINDLASS_INSTANCE": self.project})}

    def _everything(self) -> Removal:
        names = [service_name(number) for number in range(self.files.services)]
        return Removal(frozenset(f"{self.project}/{name}" for name in names), len(names))


@dataclass(frozen=True)
class Compose:
    """`docker compose` with the same file."""

    files: Files
    command: tuple[str, ...]

    @property
    def project(self) -> str:
        return self.files.project

    def act(self, scene: str) -> Seconds:
        if scene != REMOVAL:
            self.files.prepare(scene)
        verb = ["down"] if scene == REMOVAL else ["up", "--detach"]
        command = [*self.command, "--ansi", "never", "--file", str(self.files.file), *verb]
        return {COMPOSE: timed(command, {"DOCKER_HOST": self.files.ground.engine.url})}


def timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds that a process took. Raises `BenchError` with its last words unless it ended well."""
    began = time.perf_counter()
    output_of(command, environment)
    return time.perf_counter() - began


def output_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a process prints. Raises `BenchError` with its last words unless it ended well."""
    clean = clean_environment(**environment)
    done = subprocess.run(command, env=clean, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def find_compose(environment: Mapping[str, str]) -> tuple[str, ...]:
    """How `docker compose` is called on this machine; () where there is none."""
    given = environment.get("WINDLASS_BENCH_COMPOSE")
    for command in [(given,)] if given else [("docker", "compose"), ("docker-compose",)]:
        if version_of(command):
            return command
    return ()


def version_of(command: Sequence[str]) -> str:
    """Compose's version, "" where the command does not work."""
    if not command or shutil.which(command[0]) is None:
        return ""
    done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout.strip()
