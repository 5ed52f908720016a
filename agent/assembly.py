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

from agent.cli.errors import IsSuspended, NoAgent
from agent.cli.needs import USUALLY, Applied, Checked, Engine, Patience, Planned, Pulling, Records, Rendered
from agent.errors import BadManifest, BadSettings, Refused, Trouble
from agent.model import Health, Key, Report, Scope, Stack
from agent.stand_ins import ignore
from agent.target import Target
from agent.usual import USUAL, default_secrets_dir, default_state_dir, docker_url, usual_file

if TYPE_CHECKING:
    from agent.compose import Project
    from agent.converge import Event
    from agent.desired import Reading
    from agent.directives import Directives
    from agent.engine import Engine as Door
    from agent.going_back import Trials
    from agent.orphans import Orphans
    from agent.places import Allowed, Ground
    from agent.prepared import Prepared, Toolkit
    from agent.reconcile import Reconciler, Turn
    from agent.settings import Settings
    from agent.statedir import StateDir


@dataclass(frozen=True)
class Assembly:
    """Implements `agent.cli.needs.Parts`. `environment` is the process's; only this class reads it.

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
        return self._plan(target, exact=False)

    def plan_again(self, target: Target, artefact: Mapping[str, Any]) -> Planned:
        from agent.artefact import check, hold_to, is_same, only_approved, target_of

        check(artefact, self._key(target))
        found = target_of(artefact, target)
        planned = self._plan(found, exact=True)
        if not is_same(artefact, planned.artefact):
            held = self._plan(found, exact=True, approved=False).artefact
            hold_to(artefact, held if only_approved(held, planned.artefact) else planned.artefact)
        return planned

    def _plan(self, target: Target, *, exact: bool, approved: bool = True) -> Planned:
        """`exact`: what is carried out is this plan, and nothing that turns out to be needed on the way. `approved`:
        what was approved is not held."""
        from agent.artefact import Where, make, target_document
        from agent.parts import make_engine
        from agent.prepared import Prepared, by_hand, frozen_in, suspended_in
        from agent.statedir import StateDir

        settings, key = self._settings(target), self._key(target)
        reading = self._read(ground := self._ground(target, settings, key).of(target.stacks))
        engine = make_engine(settings, self.environment)
        where = Where(settings.host, settings.instance, str(engine.info().get("ID", "")), ground.origin(reading))
        orders = self._directives(StateDir(settings.state_dir.absolute())).now()
        unread = reading.unread if ground.whole else ()  # what seems to be gone may lie there
        scope = Scope(settings.instance, where.origin, frozenset(reading.stacks), ground.whole and not unread)
        heeded = orders if approved else replace(orders, approved=frozenset())
        turn = replace(by_hand(reading, scope, heeded), exact=exact, known=self._known(settings, reading))
        toolkit = self._toolkit(engine, settings, where.origin, ground)
        look, revision = toolkit.reconciler.look(turn), reading.snapshot.revision
        files = target_document(target, ground.here, rev=revision.id if ground.is_committed else "", repo=ground.url)
        return Prepared(
            plan=look.plan,
            stacks=turn.stacks,
            revision=revision,
            url=ground.address(reading),
            ref=ground.ref,
            host=settings.host,
            engine=_engine(engine),
            warnings=(*reading.warnings, *unread),
            suspended=suspended_in(look.plan, orders),
            frozen=frozen_in(look.plan, reading.freeze, time.time()),
            artefact=make(where, files, revision, turn.stacks, look, key=key),
            toolkit=toolkit,
            turn=turn,
            look=look,
            target=target,
            files=files,
        )

    def _read(self, ground: Ground) -> Reading:
        """Every stack. Raises `BadManifest` where one is wrong."""
        reading = ground.read()
        if problems := ground.problems(ground.named_of(reading)):
            raise BadManifest(problems)
        return ground.named_of(reading if ground.is_committed else self._as_committed(reading, ground))

    def _as_committed(self, reading: Reading, ground: Ground) -> Reading:
        """With the commit as its cause, as far as the files are those of the commit that a work tree is at."""
        from agent.desired import as_committed
        from agent.source.worktree import head_of

        head = head_of(ground.tree.top, self._owners())
        return as_committed(reading, ground.placing, head) if head else reading

    def _owners(self) -> set[int]:
        """Whose repositories are looked into: the user's own."""
        sudo = self.environment.get("SUDO_UID", "") if self.uid == 0 else ""
        return {self.uid, int(sudo)} if sudo.isdecimal() else {self.uid}

    def _toolkit(self, engine: Door, settings: Settings, origin: str, ground: Ground) -> Toolkit:
        from agent.guard import Acknowledgements
        from agent.jsonfile import JsonFile
        from agent.parts import make_host
        from agent.planning import Policy
        from agent.prepared import Toolkit
        from agent.protections import Protections
        from agent.pulls import Pulls
        from agent.reconcile import Reconciler
        from agent.revisions import tracer_of
        from agent.statedir import StateDir

        state, pulls = StateDir(settings.state_dir.absolute()), Pulls()
        host = make_host(engine, state, settings, origin, pulls, stop=pulls.is_over, ending=lambda: pulls.stop())  # noqa: PLW0108 - it is set later
        protections = Protections(JsonFile(state.protections))
        known = Acknowledgements(JsonFile(state.approvals))
        policy = Policy(prune=settings.prune)
        tracer = tracer_of(ground, self._owners())
        reconciler = Reconciler(host, policy, protections=protections, acknowledgements=known, tracer=tracer)
        return Toolkit(reconciler, state, pulls)

    def apply(
        self,
        planned: Planned,
        on_event: Callable[[Event | Pulling], None],
        stop: Callable[[], bool],
        patience: Patience = USUALLY,
    ) -> Applied:
        from agent.prepared import Prepared, suspended_in

        if not isinstance(planned, Prepared) or not (planned.toolkit and planned.turn):
            raise TypeError("apply carries out what plan of the same parts returned")
        toolkit, began = planned.toolkit, time.monotonic()
        toolkit.pulls.stop = stop
        toolkit.pulls.tell = lambda _, reference, done, total: on_event(Pulling(reference, done, total))

        def listen(turn: Turn, event: Event) -> None:
            toolkit.pulls.listen(turn, event)
            on_event(event)

        reconciler = replace(toolkit.reconciler, listen=listen, stop=stop)
        with toolkit.state.locked():
            if suspended := suspended_in(planned.plan, self._directives(toolkit.state).now()):
                raise IsSuspended(suspended)
            reports, made = reconciler.take(planned.turn, planned.look), reconciler.clock()
            _note(toolkit.state, reports)
            until = made + patience.seconds
            reports = reconciler.settle(planned.turn, reports, until)
            trials = replace(self._trials(planned, reconciler), until=until, takes_back=patience.takes_back)
            taken_back = trials.conclude(planned.turn, reports, made)
            _note(toolkit.state, tuple(one.report for one in taken_back if one.report))
        healthy = all(report.health in {Health.HEALTHY, Health.SUSPENDED} for report in reports)
        return Applied(reports, healthy, time.monotonic() - began, taken_back)

    def _trials(self, planned: Prepared, reconciler: Reconciler) -> Trials:
        """What judges the content that the plan brought."""
        from agent.going_back import Trials
        from agent.good_images import GoodImages
        from agent.jsonfile import JsonFile
        from agent.statedir import StateDir

        state = StateDir(self._settings(planned.target).state_dir.absolute())
        applied = JsonFile(state.applied)

        def accept(stack: Stack) -> None:
            """What lies uncommitted on the disk is no longer there when one would go back to it."""
            note = None if stack.revision.id.startswith("dir-") else {**planned.files, "rev": stack.revision.id}
            with suppress(Trouble):  # losing the note costs a going back, never the deploy that it is about
                applied.change(lambda kept: {**kept, stack.name: note})

        def good(stack: Stack) -> Stack | None:
            noted = applied.read().get(stack.name)
            return (
                self._applied(planned.target, noted, stack)
                if isinstance(noted, dict)
                else self._last_good(planned.target, stack)
            )

        return Trials(reconciler, GoodImages(JsonFile(state.good_images)), good, accept)

    def _applied(self, target: Target, files: Mapping[str, Any], stack: Stack) -> Stack:
        """The stack as it was applied from the files of a note. Raises `Trouble`."""
        from agent.artefact import target_of

        found = self._ground(target_of({"target": files}, target)).read().stacks.get(stack.name)
        if found is None:
            raise Refused(f"stack {stack.name} as it was applied can be read no more", reason="LastGoodUnreadable")
        return found

    def _last_good(self, target: Target, stack: Stack) -> Stack | None:
        """The stack as the agent of this state directory left it good. Raises `Trouble`."""
        from agent.follower import Follower
        from agent.parts import make_reader, make_source
        from agent.statedir import StateDir

        settings = self._settings(target)
        state = StateDir(settings.state_dir.absolute())
        if not (settings.repo and state.mirror.exists()):
            return None
        source = make_source(settings, state, ignore)
        return Follower(source, make_reader(settings, state), ignore).last_good(stack.name)

    # --- the agent ---

    def run(self, config: Path | None, given: Mapping[str, Any], *, once: bool) -> int:
        from agent.daemon import Daemon
        from agent.settings import require_repo

        chosen = self._load(config, given)
        require_repo(chosen)
        return Daemon(chosen, self.environment).run(once=once)

    def directives(self, target: Target) -> Directives:
        return self._directives(self._state_dir(target))

    def orphans(self, target: Target) -> Orphans:
        from agent.cli.agents import read_overview
        from agent.engine.disposal import Disposal
        from agent.orphans import Orphans, taken_over
        from agent.telemetry.overview import WantedStatus

        settings = self._settings(target)
        engine = Disposal(docker_url(settings.docker_host, self.environment))
        try:
            wanted = read_overview(self, target).wanted
        except NoAgent:
            wanted = WantedStatus()
        taken = taken_over(settings.state_dir.absolute())
        return Orphans(engine, settings.instance, frozenset(wanted.volumes), frozenset(wanted.unread), taken)

    def _directives(self, state: StateDir) -> Directives:
        from agent.directives import Directives

        user = self.environment.get("SUDO_USER") or self.environment.get("USER") or f"uid {self.uid}"
        return Directives(state.directives, by=user)

    def _state_dir(self, target: Target) -> StateDir:
        from agent.statedir import StateDir

        state_dir = target.state_dir or self._settings(target).state_dir  # whoever names it needs no settings
        return StateDir(state_dir.absolute())

    def records(self, target: Target) -> Records:
        from agent.store import Store

        state = self._state_dir(target)
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
        given |= {"repo": target.repo or None, "prune": None if target.prune is None else str(target.prune).lower()}
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

    def _key(self, target: Target) -> bytes:
        """That of the state directory."""
        from agent.statedir import StateDir

        return StateDir(self._settings(target).state_dir.absolute()).key()

    def _ground(self, target: Target, settings: Settings | None = None, key: bytes = b"") -> Ground:
        """The files that the command is about: what lies at its path, or a revision."""
        from agent.places import ground, here_of

        if not (target.rev or target.repo):
            return ground(target, self._allowed(target, settings, key), self.environment)
        from agent.revisions import in_clone, in_repository, is_in_clone

        settings = settings or self._settings(target)
        allowed = self._allowed(target, settings, key)
        here = target.here or here_of(self.environment)
        named = target.one is not None or target.named or target.path != Path()
        named = named or (target.config is None and is_in_clone(target, here))
        if not target.repo and (named or not settings.repo):
            return in_clone(target, allowed, self.environment, self._owners())
        return in_repository(target, settings, allowed)

    def _known(self, settings: Settings, reading: Reading) -> frozenset[Key]:
        """What the agent has noted as there: what is gone of that was removed by hand."""
        from agent.good_images import GoodImages
        from agent.jsonfile import JsonFile
        from agent.statedir import StateDir

        state = StateDir(settings.state_dir.absolute())
        return GoodImages(JsonFile(state.good_images)).containers(reading.stacks.values())

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


def _engine(engine: Door) -> Engine:
    facts = engine.version()
    return Engine(str(facts.get("Version", "")), str(facts.get("ApiVersion", "")))


def _note(state: StateDir, reports: tuple[Report, ...]) -> None:
    """Into the history, where that can be written; what was done does not depend on it."""
    from agent.store import Store, StoreUnavailable

    with suppress(StoreUnavailable):
        for report in reports:
            Store(state.database).record(report)


def make_assembly() -> Assembly:
    return Assembly(dict(os.environ), os.getuid())
