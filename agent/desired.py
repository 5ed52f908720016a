"""What a snapshot of the source wants of this host: every stack that could be read, and why the others could not.

Stacks are read one by one, so a mistake in one of them leaves the others to follow the commit. What makes a project
into what a host must hold is imported where that is done: `windlass render` does without it.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from agent.compose import Admission, LoadOptions, Project, load
from agent.errors import BadManifest, Trouble
from agent.fleet import Found, stacks
from agent.model import Failure, Place, Problem, Snapshot, Stack, Tree
from agent.rejections import Rejections
from agent.source import Source


@dataclass(frozen=True)
class Reading:
    """A snapshot, read. `broken` holds the stacks that are in the tree but wrong, with every problem.

    `homes` is where each stack that is right has its data on this host.
    """

    snapshot: Snapshot
    stacks: Mapping[str, Stack]
    broken: Mapping[str, Failure] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    homes: Mapping[str, PurePosixPath] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.stacks) | frozenset(self.broken)


@dataclass(frozen=True)
class Reader:
    """Reads snapshots for one host.

    `state_dir` is absolute; `environment` is all that interpolation sees; `default_name` is the name of a stack at the
    root of the tree. `below` is the directory of the tree in which stacks are looked for; with `single` they are not
    looked for, and there is this one. `directory` is where the tree lies on this host, if it does: then the stacks'
    data is there as well, and not in the state directory. `secrets_dir`, `key` and `allow_build`: see
    `agent.compose.Target`; only what a host is to hold takes the key. `shown` gives a path of the tree as the
    user knows it.
    """

    state_dir: PurePosixPath
    environment: Mapping[str, str] = field(default_factory=dict)
    default_name: str = ""
    below: str = ""
    single: LoadOptions | None = None
    directory: PurePosixPath | None = None
    secrets_dir: str = "/run/windlass/secrets"
    key: bytes = field(default=b"", repr=False)
    allow_build: bool = False
    shown: Callable[[str], str] = str

    def read(self, snapshot: Snapshot) -> Reading:
        """Every stack of the tree. Raises `BadManifest` only when the tree as a whole cannot be understood."""
        from agent.compose.admit import admit

        good: dict[str, Stack] = {}
        broken: dict[str, Failure] = {}
        warnings: list[Problem] = []
        homes: dict[str, PurePosixPath] = {}
        for found in self._found(snapshot.tree):
            try:
                project = self._project(snapshot.tree, found, partial(admit, allow_build=self.allow_build))
                stack = self._stack(snapshot, project)
                _refuse_twin(good.get(stack.name), stack)
                good[stack.name] = stack
                homes[stack.name] = self.home(project)
                warnings += project.warnings
            except BadManifest as error:
                broken[found.name] = error.failure()
        return Reading(snapshot, good, broken, tuple(warnings), homes)

    def read_stack(self, snapshot: Snapshot, name: str) -> Stack | None:
        """One stack, or None where the tree has none of that name that is right."""
        return self.read(snapshot).stacks.get(name)

    def projects(self, tree: Tree) -> tuple[Project, ...]:
        """Every stack as its files have it, whether a host could run it or not. Raises `BadManifest`."""
        projects: list[Project] = []
        broken: list[BadManifest] = []
        for found in self._found(tree):
            try:
                projects.append(self._project(tree, found))
            except BadManifest as error:
                broken.append(error)
        if broken:
            reasons = {error.reason for error in broken}
            problems = [problem for error in broken for problem in error.problems]
            raise BadManifest(problems, reason=reasons.pop() if len(reasons) == 1 else "ConfigInvalid")
        return tuple(projects)

    def home(self, project: Project) -> PurePosixPath:
        """What the project's relative paths mean on this host where they are data."""
        return self.directory / project.directory if self.directory else self.state_dir / "stacks" / project.name

    def _found(self, tree: Tree) -> Sequence[Found]:
        if self.single is None:
            return stacks(tree, default_name=self.default_name, below=self.below)
        named = self.single.project_name or posixpath.basename(self.single.directory) or self.default_name
        return (Found(named, self.single.directory, Place(".")),)

    def _project(self, tree: Tree, found: Found, admission: Admission | None = None) -> Project:
        options = LoadOptions(found.directory, default_name=found.name, environment=self.environment)
        return load(tree, replace(self.single or options, shown=self.shown), admission)

    def _stack(self, snapshot: Snapshot, project: Project) -> Stack:
        from agent.compose.bindings import Target
        from agent.compose.handlings import after
        from agent.compose.resources import resources

        files = str(self.state_dir / "files")
        target = Target(
            str(self.home(project)),
            files,
            in_place=self.directory is not None,
            secrets=self.secrets_dir,
            key=self.key,
            allow_build=self.allow_build,
        )
        wanted = resources(project, snapshot.tree, target)
        services = tuple(sorted({resource.service for resource in wanted if resource.service}))
        place = Place(project.files[0])
        return Stack(project.name, wanted, snapshot.revision, services, place, after(project))


def _refuse_twin(first: Stack | None, second: Stack) -> None:
    """Two directories may not give one name by `name:`; raises `BadManifest`."""
    if first is not None and second.place is not None:
        message = (
            f'the stack "{second.name}" is already defined by {first.place.file if first.place else "another file"}'
        )
        raise BadManifest([Problem(second.place, message, "name", "give one of them another name")])


class Follower:
    """A source and its reader as the loop asks them. Used by one worker of the loop at a time, `accept` by any."""

    def __init__(
        self,
        source: Source,
        reader: Reader,
        asked: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
        rejections: Rejections | None = None,
    ) -> None:
        """`asked(result, seconds)` hears of each time that the source was asked: "success" or "error"."""
        self._source, self._reader, self._asked, self._clock = source, reader, asked, clock
        self._rejections = rejections or Rejections()
        self._newest: Reading | None = None

    def newest(self) -> Reading:
        """The newest revision, read once however often it is asked for. Raises `Trouble`."""
        snapshot = self._sync()
        if self._newest is None or self._newest.snapshot.revision.id != snapshot.revision.id:
            self._newest = self._reader.read(snapshot)
        return self._without_rejected(self._newest)

    def _without_rejected(self, reading: Reading) -> Reading:
        """What was tried and did not become good counts as broken, as long as there is something to go back to."""
        rejected = {
            name: failure
            for name, stack in reading.stacks.items()
            if (failure := self._rejections.of(stack)) and self._source.good(name) is not None
        }
        if not rejected:
            return reading
        kept = {name: stack for name, stack in reading.stacks.items() if name not in rejected}
        return replace(reading, stacks=kept, broken={**reading.broken, **rejected})

    def _sync(self) -> Snapshot:
        began, result = self._clock(), "error"
        try:
            snapshot = self._source.sync()
            result = "success"
        finally:
            self._asked(result, self._clock() - began)
        return snapshot

    def fallback(self) -> Reading | None:
        """What was fetched before this process began. None where there is nothing or it cannot be read."""
        try:
            snapshot = self._source.last()
            return self._reader.read(snapshot) if snapshot else None
        except Trouble:
            return None  # `newest` has failed as well, and its reason is the one that is told

    def last_good(self, stack: str) -> Stack | None:
        """The stack as it last converged. None where that is not known or can be read no more."""
        try:
            snapshot = self._source.good(stack)
            return self._reader.read_stack(snapshot, stack) if snapshot else None
        except Trouble:
            return None  # nothing is known to converge to then, and nothing is touched

    def accept(self, stack: Stack) -> None:
        """Remember that the stack converged. Where that cannot be noted, an older good state is kept."""
        with suppress(Trouble):  # losing the note costs a fallback, never the deploy that it is about
            self._source.accept(stack.name, stack.revision.id)
            self._rejections.forgive(stack.name)

    def reject(self, stack: Stack, failure: Failure) -> None:
        """Remember that the stack's content did not become good. Where that cannot be noted, it is tried again by the
        next process."""
        with suppress(Trouble):
            self._rejections.note(stack, failure)

    def forgive(self, stack: str) -> bool:
        """Let content that was rejected be tried again. Returns whether there was any."""
        try:
            return self._rejections.forgive(stack)
        except Trouble:
            return False


def as_committed(reading: Reading, reader: Reader, commit: Snapshot) -> Reading:
    """The reading of a directory, with the commit as the revision of each stack that the commit wants just so."""
    try:
        committed = reader.read(commit)
    except Trouble:
        return reading
    stacks = {
        name: replace(stack, revision=commit.revision) if _is_same(stack, committed.stacks.get(name)) else stack
        for name, stack in reading.stacks.items()
    }
    if reading.names != committed.names or any(stack.revision != commit.revision for stack in stacks.values()):
        return replace(reading, stacks=stacks)
    return replace(reading, stacks=stacks, snapshot=replace(reading.snapshot, revision=commit.revision))


def _is_same(stack: Stack, other: Stack | None) -> bool:
    return other is not None and stack.resources == other.resources
