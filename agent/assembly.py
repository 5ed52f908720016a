"""Puts the parts together for one command: the only place, with `agent.daemon`, that knows every concrete class.

What is heavy is imported in the method that needs it, so a command pays only for what it uses.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from agent.cli.errors import NoAgent
from agent.cli.parts import Applied, Checked, Engine, Planned, Pulling, Records, Target
from agent.errors import BadManifest, BadSettings
from agent.fleet import COMPOSE_FILES
from agent.model import Health, Place, Problem, Report, Scope
from agent.settings import USUAL, Settings, default_state_dir, docker_url, load, require_repo, usual_file
from agent.statedir import StateDir

if TYPE_CHECKING:
    from agent.account import Look
    from agent.converge import Event
    from agent.desired import Reader, Reading
    from agent.engine import Engine as Door
    from agent.pulls import Pulls
    from agent.reconcile import Reconciler, Turn
    from agent.source.directory import DirectorySource


@dataclass(frozen=True)
class Works:
    """What carries a plan out."""

    reconciler: Reconciler
    state: StateDir
    pulls: Pulls


@dataclass(frozen=True)
class Prepared(Planned):
    """A plan with what is needed to carry out just that plan."""

    works: Works | None = None
    turn: Turn | None = None
    look: Look | None = None


@dataclass(frozen=True)
class Assembly:
    """Implements `agent.cli.parts.Parts`. `environment` is the process's; only this class reads it.

    `usual_settings` is the file that is read where none is named.
    """

    environment: Mapping[str, str]
    uid: int
    usual_settings: Path = USUAL

    # --- files alone ---

    def check(self, target: Target) -> Checked:
        source, reader, root = self._files(target, self._settings(target))
        snapshot = source.sync()
        count = sum(1 for path in snapshot.tree.entries() if path.endswith((".yaml", ".yml")))
        try:
            reading = reader.read(snapshot)
        except BadManifest as error:
            return Checked(count, error.problems, root=root)
        errors = [problem for failure in reading.broken.values() for problem in failure.problems]
        return Checked(count, (*errors, *_empty(reading)), reading.warnings, root)

    def render(self, target: Target) -> Mapping[str, Mapping[str, Any]]:
        source, reader, root = self._files(target, self._settings(target))
        with _places_below(root):
            return reader.render(source.sync())

    # --- the host ---

    def plan(self, target: Target) -> Planned:
        from agent.engine import Engine as Door
        from agent.reconcile import Turn

        settings = self._settings(target)
        source, reader, root = self._files(target, settings)
        with _places_below(root):
            reading = self._as_committed(_all_good(reader.read(source.sync())), reader)
        engine = Door(docker_url(settings.docker_host, self.environment))
        facts = engine.version()
        stacks = tuple(stack for _, stack in sorted(reading.stacks.items()))
        whole = _is_root(target.path)
        turn = Turn(stacks, Scope(settings.instance, source.origin, frozenset(reading.stacks), whole), "manual")
        works = self._works(engine, settings, source.origin)
        look = works.reconciler.look(turn)
        return Prepared(
            plan=look.plan,
            stacks=stacks,
            revision=reading.snapshot.revision,
            url=root or ".",
            host=settings.host,
            engine=Engine(str(facts.get("Version", "")), str(facts.get("ApiVersion", ""))),
            warnings=reading.warnings,
            works=works,
            turn=turn,
            look=look,
        )

    def _as_committed(self, reading: Reading, reader: Reader) -> Reading:
        """With the commit as its cause, as far as the files are those of the commit that a work tree is at."""
        from agent.desired import as_committed
        from agent.source.worktree import head_of

        sudo = self.environment.get("SUDO_UID", "") if self.uid == 0 else ""
        owners = {self.uid, int(sudo)} if sudo.isdecimal() else {self.uid}
        head = head_of(Path(reader.directory), owners) if reader.directory else None
        return as_committed(reading, reader, head) if head else reading

    def _works(self, engine: Door, settings: Settings, origin: str) -> Works:
        from agent.parts import make_host
        from agent.planning import Policy
        from agent.pulls import Pulls
        from agent.reconcile import Reconciler

        state, pulls = StateDir(settings.state_dir.absolute()), Pulls()
        host = make_host(engine, state, settings.instance, origin, pulls, stop=pulls.are_over)
        return Works(Reconciler(host, Policy(prune=settings.prune)), state, pulls)

    def apply(self, planned: Planned, on_event: Callable[[Event | Pulling], None], stop: Callable[[], bool]) -> Applied:
        if not isinstance(planned, Prepared) or not (planned.works and planned.turn):
            raise TypeError("apply carries out what plan of the same parts returned")
        works, began = planned.works, time.monotonic()
        works.pulls.stop = stop
        works.pulls.tell = lambda _, reference, done, total: on_event(Pulling(reference, done, total))

        def listen(turn: Turn, event: Event) -> None:
            works.pulls.listen(turn, event)
            on_event(event)

        reconciler = replace(works.reconciler, listen=listen, stop=stop)
        with works.state.locked():
            reports = reconciler.take(planned.turn, planned.look)
            _note(works.state, reports)
            reports = reconciler.settle(planned.turn, reports)
        healthy = all(report.health is Health.HEALTHY for report in reports)
        return Applied(reports, healthy, time.monotonic() - began)

    # --- the agent ---

    def run(self, config: Path | None, given: Mapping[str, Any], *, once: bool) -> int:
        from agent.daemon import Daemon

        chosen = self._load(config, given)
        require_repo(chosen)
        return Daemon(chosen, self.environment).run(once=once)

    def records(self, target: Target) -> Records:
        from agent.store import Store

        state_dir = target.state_dir or self._settings(target).state_dir  # whoever names it needs no settings
        state = StateDir(state_dir.absolute())
        if not state.database.exists():
            raise NoAgent(str(state.database))
        return Store(state.database)

    def version(self, target: Target) -> Mapping[str, str]:
        from agent.versions import versions

        try:
            docker_host = self._settings(target).docker_host
        except BadSettings:  # wrong settings are told by every other command
            docker_host = target.docker_host or ""
        return versions(self.environment, docker_url(docker_host, self.environment))

    # --- how ---

    def _settings(self, target: Target) -> Settings:
        given = {name: getattr(target, name) for name in ("state_dir", "docker_host", "host", "instance")}
        return self._load(target.config, {name: None if value is None else str(value) for name, value in given.items()})

    def _load(self, config: Path | None, given: Mapping[str, Any]) -> Settings:
        state_dir = default_state_dir(self.uid, self.environment)
        return load(config or usual_file(self.usual_settings), given, hostname=_hostname(), state_dir=state_dir)

    def _files(self, target: Target, settings: Settings) -> tuple[DirectorySource, Reader, str]:
        """The source of a path, how it is read, and the directory that places are relative to ("" for this one)."""
        from agent.desired import Reader
        from agent.source.directory import DirectorySource

        path = target.path
        if not path.exists():
            raise BadManifest([Problem(Place(str(path)), "there is no such file or directory")], reason="PathNotFound")
        directory = path.parent if path.is_file() else path
        reader = Reader(
            PurePosixPath(settings.state_dir.absolute()),
            settings.variables,
            default_name=directory.absolute().name,
            file=path.name if path.is_file() else "",
            directory=PurePosixPath(directory.absolute()),
        )
        return DirectorySource(directory), reader, "" if directory == Path() else str(directory)


def _hostname() -> str:
    return re.sub(r"[^a-zA-Z0-9._-]", "-", socket.gethostname()) or "localhost"


def _is_root(path: Path) -> bool:
    """Whether the path is a repository's root: then a stack that is not there any more has left the repository."""
    return path.is_dir() and not any((path / name).exists() for name in COMPOSE_FILES)


def _note(state: StateDir, reports: tuple[Report, ...]) -> None:
    """Into the history, where that can be written; what was done does not depend on it."""
    from agent.store import Store, StoreUnavailable

    with suppress(StoreUnavailable):
        for report in reports:
            Store(state.database).record(report)


@contextmanager
def _places_below(root: str) -> Iterator[None]:
    """Make the places of a `BadManifest` paths that the user can open: below the directory that was named."""
    try:
        yield
    except BadManifest as error:
        if not root:
            raise
        placed = [
            replace(problem, place=problem.place._replace(file=str(Path(root) / problem.place.file)))
            for problem in error.problems
        ]
        raise BadManifest(placed, reason=error.reason) from error


def _all_good(reading: Reading) -> Reading:
    """The reading, or `BadManifest` with everything that is wrong in it."""
    problems = [problem for failure in reading.broken.values() for problem in failure.problems]
    problems += _empty(reading)
    if problems:
        raise BadManifest(problems)
    return reading


def _empty(reading: Reading) -> list[Problem]:
    if reading.names:
        return []
    return [
        Problem(
            Place("compose.yaml"), "there is no stack here", hint="expected a compose.yaml here or in a directory below"
        )
    ]


def make_assembly() -> Assembly:
    return Assembly(dict(os.environ), os.getuid())
