"""What a snapshot of the source wants of this host: every stack that could be read, and why the others could not.

Stacks are read one by one, so a mistake in one of them leaves the others to follow the commit. What makes a project
into what a host must hold is imported where that is done: `windlass render` does without it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agent.compose import Admission, LoadOptions, Project, load
from agent.errors import BadManifest, Trouble
from agent.fleet import SETTINGS_FILE, Found, closed, hidden, stacks
from agent.freeze import Freezes
from agent.model import Failure, Place, Problem, Revision, Snapshot, Stack
from agent.stack_order import in_a_round, unknown
from agent.tree import EntryKind, Noted, Tree

if TYPE_CHECKING:
    from agent.compose.bindings import Target


@dataclass(frozen=True)
class Reading:
    """A snapshot, read. `broken` holds the stacks that are in the tree but wrong, with every problem.

    `homes` is where each stack that is right has its data on this host. `rejected` has a digest of the content of each
    broken stack that only counts as broken because that content did not become good. `read` has the paths of the tree
    that each broken stack was read from, as far as that went, and `blamed` the commits that broke them, where known.
    `unread` are the directories that could not be read and may hold stacks: what seems to be missing may lie there.
    """

    snapshot: Snapshot
    stacks: Mapping[str, Stack]
    broken: Mapping[str, Failure] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    homes: Mapping[str, PurePosixPath] = field(default_factory=dict)
    freeze: Freezes = field(default_factory=Freezes)
    rejected: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, frozenset[str]] = field(default_factory=dict)
    blamed: Mapping[str, Revision] = field(default_factory=dict)
    unread: tuple[Problem, ...] = ()

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
    `agent.compose.bindings.Target`; only what a host is to hold takes the key. `shown` gives a path of the tree as the
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
        good: dict[str, Stack] = {}
        broken: dict[str, Failure] = {}
        warnings: list[Problem] = []
        homes: dict[str, PurePosixPath] = {}
        read: dict[str, frozenset[str]] = {}
        listed = self._found(snapshot.tree)
        for found in listed:
            tree = Noted(snapshot.tree)
            try:
                project = self._project(tree, found, self._admission(tree))
                stack = self._stack(snapshot.revision, tree, project)
                _refuse_twin(good.get(stack.name), stack)
                good[stack.name] = stack
                homes[stack.name] = self.home(project)
                warnings += project.warnings
            except BadManifest as error:
                broken[found.name], read[found.name] = error.failure(), tree.asked
        for name, problem in in_a_round(good).items():
            broken[name], read[name] = BadManifest([problem]).failure(), good.pop(name).inputs
        names = frozenset((*good, *broken))
        warnings += [problem for stack in good.values() for problem in unknown(stack, names)]
        if self.single is None:
            used = frozenset[str]().union(*(stack.inputs for stack in good.values()), *read.values())
            warnings += hidden(snapshot.tree, listed, used, below=self.below)
        freeze = self._freeze(snapshot.tree)
        warnings += [
            Problem(Place(self._settings_file), f'there is no stack "{name}" here to freeze', "freeze")
            for name in sorted(freeze.named - names)
        ]
        unread = () if self.single else tuple(closed(snapshot.tree, listed, below=self.below))
        return Reading(snapshot, good, broken, tuple(warnings), homes, freeze, read=read, unread=unread)

    @property
    def _settings_file(self) -> str:
        return posixpath.join(self.below, SETTINGS_FILE)

    def _freeze(self, tree: Tree) -> Freezes:
        """The windows of `windlass.yaml`. Raises `BadManifest` for what is wrong in it."""
        path = self._settings_file
        if self.single is not None or path not in tree.entries():
            return Freezes()
        from agent.fleet_settings import read_fleet

        if tree.entries()[path].kind not in {EntryKind.FILE, EntryKind.EXECUTABLE}:
            raise BadManifest([Problem(Place(path), "is no regular file")])
        return read_fleet(tree.read(path), path)

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

    def _admission(self, tree: Tree) -> Admission:
        from agent.compose.resources import report

        return lambda project, findings: report(project, tree, self._target(project), findings)

    def _stack(self, revision: Revision, tree: Noted, project: Project) -> Stack:
        from agent.compose.handlings import after
        from agent.compose.resources import resources

        wanted = resources(project, tree, self._target(project))
        services = tuple(sorted({resource.service for resource in wanted if resource.service}))
        place = Place(project.files[0])
        return Stack(project.name, wanted, revision, services, place, after(project), tree.asked)

    def _target(self, project: Project) -> Target:
        from agent.compose.bindings import Target

        return Target(
            str(self.home(project)),
            str(self.state_dir / "files"),
            in_place=self.directory is not None,
            secrets=self.secrets_dir,
            key=self.key,
            allow_build=self.allow_build,
        )


def _refuse_twin(first: Stack | None, second: Stack) -> None:
    """Two directories may not give one name by `name:`; raises `BadManifest`."""
    if first is not None and second.place is not None:
        message = (
            f'the stack "{second.name}" is already defined by {first.place.file if first.place else "another file"}'
        )
        raise BadManifest([Problem(second.place, message, "name", "give one of them another name")])


def as_committed(reading: Reading, reader: Reader, commit: Snapshot) -> Reading:
    """The reading of a directory, with the commit as the revision of each stack that the commit wants just so."""
    try:
        committed = reader.read(commit)
    except Trouble:
        return reading
    stacks = {name: _at(commit.revision, stack, committed.stacks.get(name)) for name, stack in reading.stacks.items()}
    if reading.names != committed.names or any(stack.revision != commit.revision for stack in stacks.values()):
        return replace(reading, stacks=stacks)
    return replace(reading, stacks=stacks, snapshot=replace(reading.snapshot, revision=commit.revision))


def _at(commit: Revision, stack: Stack, committed: Stack | None) -> Stack:
    """The stack, at the commit where that wants the same."""
    if committed is None or stack.resources != committed.resources:
        return stack
    return replace(stack, revision=commit, inputs=committed.inputs)
