"""Puts the parts together for one command. Concrete classes are known here, in `agent.daemon` and in `agent.parts`.

What is heavy is imported in the method that needs it, so a command pays only for what it uses.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.errors import NoAgent
from agent.cli.parts import Applied, Checked, Engine, Planned, Pulling, Records, Rendered, Target
from agent.errors import BadManifest, BadSettings
from agent.fleet import COMPOSE_FILES
from agent.model import Health, Report, Scope
from agent.usual import USUAL, default_secrets_dir, default_state_dir, docker_url, usual_file

if TYPE_CHECKING:
    from agent.compose import Project
    from agent.converge import Event
    from agent.desired import Reading
    from agent.engine import Engine as Door
    from agent.places import Allowed, Ground
    from agent.reconcile import Turn
    from agent.settings import Settings
    from agent.statedir import StateDir
    from agent.works import Works


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
        ground = self._ground(target)
        try:
            reading = ground.read()
        except BadManifest as error:
            return Checked(len(ground.tree.files_read), error.problems)
        return Checked(len(ground.tree.files_read), ground.problems(reading), reading.warnings)

    def render(self, target: Target) -> Rendered:
        from agent.compose import render

        return self._rendered(target, render)

    def calls(self, target: Target, api: tuple[int, int] | None) -> Rendered:
        from agent.compose.calls import engine_calls

        return self._rendered(target, partial(engine_calls, api=api) if api else engine_calls)

    def _rendered(self, target: Target, form: Callable[[Project, str], Any]) -> Rendered:
        ground = self._ground(target)
        projects = ground.projects()
        documents = {project.name: form(project, str(ground.reader.home(project))) for project in projects}
        return Rendered(documents, ground.placed([one for project in projects for one in project.warnings]))

    # --- the host ---

    def plan(self, target: Target) -> Planned:
        from stamina.instrumentation import set_on_retry_hooks

        from agent.engine import Engine as Door
        from agent.reconcile import Turn
        from agent.statedir import StateDir
        from agent.works import Prepared

        set_on_retry_hooks([])  # stamina would log to stdout, where the plan goes
        settings = self._settings(target)
        state = StateDir(settings.state_dir.absolute())
        ground = self._ground(target, settings, state.key())
        reading = ground.read()
        if problems := ground.problems(reading):
            raise BadManifest(problems)
        reading, origin = self._as_committed(reading, ground), ground.origin(reading)
        engine = Door(docker_url(settings.docker_host, self.environment))
        facts = engine.version()
        stacks = tuple(stack for _, stack in sorted(reading.stacks.items()))
        whole = target.one is None and _is_root(target.path)
        turn = Turn(stacks, Scope(settings.instance, origin, frozenset(reading.stacks), whole), "manual")
        works = self._works(engine, settings, origin)
        look = works.reconciler.look(turn)
        return Prepared(
            plan=look.plan,
            stacks=stacks,
            revision=reading.snapshot.revision,
            url=ground.typed(ground.directory(reading)),
            host=settings.host,
            engine=Engine(str(facts.get("Version", "")), str(facts.get("ApiVersion", ""))),
            warnings=reading.warnings,
            works=works,
            turn=turn,
            look=look,
        )

    def _as_committed(self, reading: Reading, ground: Ground) -> Reading:
        """With the commit as its cause, as far as the files are those of the commit that a work tree is at."""
        from agent.desired import as_committed
        from agent.source.worktree import head_of

        sudo = self.environment.get("SUDO_UID", "") if self.uid == 0 else ""
        owners = {self.uid, int(sudo)} if sudo.isdecimal() else {self.uid}
        head = head_of(ground.tree.top, owners)
        return as_committed(reading, ground.placing, head) if head else reading

    def _works(self, engine: Door, settings: Settings, origin: str) -> Works:
        from agent.parts import make_host
        from agent.planning import Policy
        from agent.pulls import Pulls
        from agent.reconcile import Reconciler
        from agent.statedir import StateDir
        from agent.works import Works

        state, pulls = StateDir(settings.state_dir.absolute()), Pulls()
        secrets = settings.secrets_dir
        host = make_host(engine, state, settings.instance, origin, pulls, secrets_dir=secrets, stop=pulls.are_over)
        return Works(Reconciler(host, Policy(prune=settings.prune)), state, pulls)

    def apply(self, planned: Planned, on_event: Callable[[Event | Pulling], None], stop: Callable[[], bool]) -> Applied:
        from agent.works import Prepared

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
        from agent.settings import require_repo

        chosen = self._load(config, given)
        require_repo(chosen)
        return Daemon(chosen, self.environment).run(once=once)

    def records(self, target: Target) -> Records:
        from agent.statedir import StateDir
        from agent.store import Store

        state_dir = target.state_dir or self._settings(target).state_dir  # whoever names it needs no settings
        state = StateDir(state_dir.absolute())
        if not state.has_database():
            raise NoAgent(str(state.database))
        return Store(state.database)

    def version(self, target: Target) -> Mapping[str, str]:
        from agent.releases import versions

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
        from agent.settings import load

        return load(
            config or usual_file(self.usual_settings),
            given,
            hostname=_hostname(),
            state_dir=default_state_dir(self.uid, self.environment),
            secrets_dir=default_secrets_dir(self.uid, self.environment),
        )

    def _ground(self, target: Target, settings: Settings | None = None, key: bytes = b"") -> Ground:
        from agent.places import ground

        return ground(target, self._allowed(target, settings, key), self.environment)

    def _allowed(self, target: Target, settings: Settings | None, key: bytes) -> Allowed:
        """What the operator allows. Where there are no settings, what reads them is not loaded."""
        from agent.places import Allowed

        if settings is None and target.config is None and usual_file(self.usual_settings) is None:
            state_dir = target.state_dir or default_state_dir(self.uid, self.environment)
            return Allowed(state_dir.absolute(), default_secrets_dir(self.uid, self.environment))
        said = settings or self._settings(target)
        return Allowed(said.state_dir.absolute(), said.secrets_dir, said.variables, said.allow_build, key)


def _hostname() -> str:
    return re.sub(r"[^a-zA-Z0-9._-]", "-", os.uname().nodename) or "localhost"


def _is_root(path: Path) -> bool:
    """Whether the path is a repository's root: then a stack that is not there any more has left the repository."""
    return path.is_dir() and not any((path / name).exists() for name in COMPOSE_FILES)


def _note(state: StateDir, reports: tuple[Report, ...]) -> None:
    """Into the history, where that can be written; what was done does not depend on it."""
    from agent.store import Store, StoreUnavailable

    with suppress(StoreUnavailable):
        for report in reports:
            Store(state.database).record(report)


def make_assembly() -> Assembly:
    return Assembly(dict(os.environ), os.getuid())
