"""Who is measured. Each can do the four scenes with a project of its own; a scene gives seconds by column."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.desired import Reading
from agent.planning import Removal
from script.benchmarks.bare import BenchError
from script.benchmarks.floor import Replay, Script
from script.benchmarks.ground import COMPOSE_FILE, ROOT, WINDLASS, Ground, clean_environment, compose_file, service_name
from script.benchmarks.names import (
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
from script.benchmarks.warm import Warm

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
    """One turn in a process that is warm, made of the same parts as the agent's; `follow`: see `Warm`."""

    files: Files
    url: str
    follow: bool = True
    _warm: Warm = field(init=False)

    def __post_init__(self) -> None:
        state = self.files.ground.home / f"{self.project}-state"
        self._warm = Warm(self.files.root, state, self.project, self.url, follow=self.follow)

    @property
    def project(self) -> str:
        return self.files.project

    def act(self, scene: str) -> Seconds:
        self.files.prepare(scene)
        began = time.perf_counter()
        reading = self._warm.read()
        took = {} if scene == REMOVAL else {READING: time.perf_counter() - began}
        if scene == NOOP:
            self._warm.forget()
            took[FULL_LOOK] = self._take(reading)
        return {RECONCILE: self._take(reading), **took}

    def _take(self, reading: Reading) -> float:
        """Seconds of one turn."""
        return self._warm.take(reading, self.project, allowed=self.files.services)

    def close(self) -> None:
        self._warm.close()


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
        return {COMPOSE: composed(self.files.ground, self.command, self.files.file, *verb)}


def composed(ground: Ground, command: Sequence[str], file: Path, *verb: str) -> float:
    """Seconds that `docker compose` took with a file. The project is called after its directory."""
    return timed([*command, "--ansi", "never", "--file", str(file), *verb], {"DOCKER_HOST": ground.engine.url})


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
