"""A stack's files carried out on a real engine, turn by turn, as the agent does it; for tests of what spans kinds."""

from __future__ import annotations

import hashlib
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.compose import LoadOptions, load
from agent.compose.bindings import Target
from agent.compose.resources import resources
from agent.converge import Options
from agent.engine import Engine, PullProgress
from agent.handling import Rollout
from agent.host import Host
from agent.kinds import ImageRules, Kept, make_kinds
from agent.kinds.base import Identity
from agent.model import Plan, Report, Resource, Revision, Scope, Stack, Status
from agent.reconcile import Reconciler, Turn
from tests.compose.tree import DictTree

READS = ("_archive", "_inspect", "_list", "_logs", "version", "info", "ping")


class Rig:
    """One stack, named after the test's prefix. `calls` are the changing calls of the last turn, `heard` is the
    progress of all pulls."""

    def __init__(self, docker_host: str, stack: str, home: Path, secrets: Path | None = None) -> None:
        self.calls: list[str] = []
        self.heard: list[PullProgress] = []
        self.secrets = secrets or home / "secrets"
        self.now = time.time()  # seconds since the epoch, for what looks at a clock
        self.stack, self.home = stack, home
        self.trigger = "test"
        self.rules = ImageRules()
        self.kept: Kept | None = None
        self.options = Options()
        self.engine = Engine(docker_host, timeout=60, observe=self._note)
        self.identity = Identity(f"instance-{stack}", "dir:0123456789ab", b"key")
        self.scope = Scope(self.identity.instance, self.identity.origin, frozenset({stack}))
        self.reconciler = self._reconciler()

    def _reconciler(self) -> Reconciler:
        kinds = make_kinds(
            self.engine,
            self.identity,
            self.home,
            self.secrets,
            on_pull=self.heard.append,
            stop=lambda _: False,
            rules=self.rules,
            kept=self.kept,
            wall=lambda: self.now,
            clock=lambda: self.now,
        )
        return Reconciler(Host(kinds, self.engine.ping), options=self.options)

    def restart(self) -> None:
        """As another agent with the same state directory."""
        self.reconciler = self._reconciler()

    def _note(self, endpoint: str, _seconds: float, _code: str) -> None:
        if not endpoint.endswith(READS):
            self.calls.append(endpoint)

    def stack_of(self, text: str, files: Mapping[str, str | bytes] | None = None) -> Stack:
        programs = tuple(path for path in files or () if path.endswith("busybox"))
        tree = DictTree({"compose.yaml": textwrap.dedent(text), **(files or {})}, executable=programs)
        project = load(tree, LoadOptions(project_name=self.stack))
        target = Target(
            str(self.home / "data"),
            str(self.home / "files"),
            secrets=str(self.secrets),
            key=b"key",
            allow_build=True,
        )
        return Stack(self.stack, tuple(map(brisk, resources(project, tree, target))), _revision(text, files or {}))

    def plan(self, text: str, files: Mapping[str, str | bytes] | None = None) -> Plan:
        return self.reconciler.look(Turn((self.stack_of(text, files),), self.scope, "test")).plan

    def take(self, text: str, files: Mapping[str, str | bytes] | None = None) -> Report:
        """One turn."""
        self.calls.clear()
        turn = Turn((self.stack_of(text, files),), self.scope, self.trigger)
        (report,) = self.reconciler.take(turn)
        return report

    def apply(self, text: str, files: Mapping[str, str | bytes] | None = None) -> dict[str, str]:
        """A turn that takes, and after which there is nothing left to do; what was done, by object."""
        report = self.take(text, files)
        assert report.failure is None, report.failure
        assert report.synced
        calls = [*self.calls]
        again = self.take(text, files)
        assert (str(again.plan), self.calls) == ("", [])
        self.calls = calls
        return done(report)

    def container(self, service: str, twin: str = "") -> Mapping[str, Any]:
        """The report of the first container of a service, or of its twin while it is replaced (`.next`, `.old`)."""
        report = self.engine.inspect_container(f"{self.stack}-{service}-1{twin}")
        assert report is not None
        return report


def _revision(text: str, files: Mapping[str, str | bytes]) -> Revision:
    """Other content is that of another commit."""
    return Revision(hashlib.sha256(repr((text, sorted(files.items()))).encode()).hexdigest()[:40])


def brisk(resource: Resource) -> Resource:
    """What the file does not say otherwise of proves itself sooner than is usual: a test is no place to wait."""
    rollout = resource.handling.rollout
    if rollout.monitor != Rollout().monitor:
        return resource
    return replace(resource, handling=replace(resource.handling, rollout=replace(rollout, monitor=0.3)))


def done(report: Report) -> dict[str, str]:
    """The actions that were done, by the object's name; more than one with commas between."""
    found: dict[str, str] = {}
    for outcome in report.outcomes:
        if outcome.status is Status.DONE:
            before = found.get(outcome.change.key.name)
            found[outcome.change.key.name] = f"{before}, {outcome.change.action}" if before else outcome.change.action
    return found


@pytest.fixture
def rig(docker_host: str, prefix: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(docker_host, prefix, tmp_path)
    yield made
    made.engine.close()
