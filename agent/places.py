"""Where the files of a command lie: which tree they are read from, which stacks of it are meant, and how a path of the
tree reads for whoever typed the command.

The one thing to know: what stands at a path (`windlass plan stacks/web`) is read as the repository that it is in, which
it cannot leave. One stack that is named by options (`windlass plan -f compose.yaml`) is read as `docker compose` reads
it: with the whole disk in reach, and over links. Why: docs/decisions/0008-two-ways-to-name-files.md.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from agent.compose import LoadOptions, Project
from agent.compose.discovery import COMPOSE_FILES
from agent.desired import Reader, Reading
from agent.errors import BadManifest, Refused
from agent.model import Failure, Place, Problem, Revision, Snapshot
from agent.provenance import NoPast, Past
from agent.source.content import escaped
from agent.source.disk import DiskTree, bounded, origin_of, whole_disk, work_tree_of
from agent.target import OneStack, Target
from agent.tree import Tree


@dataclass(frozen=True)
class Allowed:
    """What the operator of the host has the files see and do; see `agent.settings`. `key` is that of the state."""

    state_dir: Path
    secrets_dir: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    allow_build: bool = False
    key: bytes = field(default=b"", repr=False)

    def reader(self, directory: Path) -> Reader:
        """Of a tree that lies in a directory of this host."""
        return Reader(
            PurePosixPath(self.state_dir),
            self.variables,
            directory=PurePosixPath(directory),
            secrets_dir=str(self.secrets_dir),
            key=self.key,
            allow_build=self.allow_build,
        )


class LookedAt(Tree, Protocol):
    """A tree that tells what was read of it, and at which revision that is; `top` is where it lies on this host."""

    @property
    def top(self) -> Path: ...

    @property
    def files_read(self) -> tuple[str, ...]: ...

    def revision(self) -> Revision: ...


@dataclass(frozen=True)
class Ground:
    """The files of one command. `here` is where its user stands; `named` the directory that is meant, None where only
    reading tells: it is then the project's. Places of what these give and raise are as the user would type them.

    `whole`: it is a repository's root, so a stack that is not there any more has left the repository. `source` and
    `url` are the name and the address of the place that the files come from, where that is no directory; `ref` is what
    was asked for of it, where that is more than a commit's id. `past` is what led to the commit that the files are of.
    `only` are the stacks that were named of those that are there.
    """

    tree: LookedAt
    reader: Reader
    here: Path
    named: Path | None = None
    whole: bool = False
    source: str = ""
    url: str = ""
    ref: str = ""
    past: Past = field(default_factory=NoPast)
    only: frozenset[str] = frozenset()

    @property
    def is_committed(self) -> bool:
        """Whether the files are those of a commit, whatever lies on the disk."""
        return not isinstance(self.tree, DiskTree)

    def read(self) -> Reading:
        """Every stack, as a host would have it. Raises `BadManifest`."""
        with self._placing():
            reading = self.placing.read(Snapshot(Revision("dir-"), self.tree))
        revision = self.tree.revision()  # of all that was read
        return replace(
            reading,
            snapshot=Snapshot(revision, self.tree),
            stacks={
                name: replace(stack, revision=revision, place=stack.place and self._typed(stack.place))
                for name, stack in reading.stacks.items()
            },
            broken={name: self._failure(failure) for name, failure in reading.broken.items()},
            warnings=self.placed(reading.warnings),
            unread=self.placed(reading.unread),
        )

    def of(self, stacks: Collection[str]) -> Ground:
        """As far as it is about these stacks; all of it where there are none."""
        return replace(self, only=frozenset(stacks), whole=False) if stacks else self

    def named_of(self, reading: Reading) -> Reading:
        """The reading as far as it is about the stacks that were named. Raises `BadManifest` where one is not there."""
        if not self.only:
            return reading
        if missing := sorted(self.only - reading.names):
            place, there = Place(self.typed(self.directory(reading))), ", ".join(sorted(reading.names)) or "none"
            raise BadManifest(
                [Problem(place, f'there is no stack "{name}" here', hint=f"there are: {there}") for name in missing],
                reason="StackNotFound",
            )
        stacks = {name: stack for name, stack in reading.stacks.items() if name in self.only}
        return replace(reading, stacks=stacks, broken={n: why for n, why in reading.broken.items() if n in self.only})

    def projects(self) -> tuple[Project, ...]:
        """Every stack, as its files have it. Raises `BadManifest`."""
        with self._placing():
            found = self.placing.projects(self.tree)
        if not found:
            raise BadManifest([self._nothing(self.named or self.here)])
        return found

    @property
    def placing(self) -> Reader:
        """The reader, with paths in its messages as the user would type them."""
        return replace(self.reader, shown=self._shown)

    def problems(self, reading: Reading) -> tuple[Problem, ...]:
        """Everything that is wrong in the files: each of the stacks, or that there is none."""
        if not reading.names:
            return (self._nothing(self.directory(reading)), *reading.unread)
        return tuple(problem for failure in reading.broken.values() for problem in failure.problems)

    def _nothing(self, directory: Path) -> Problem:
        place = Place(self.typed(directory / "compose.yaml"))
        return Problem(place, "there is no stack here", hint="expected a compose.yaml here or in a directory below")

    def directory(self, reading: Reading) -> Path:
        return self.named or Path(next(iter(reading.homes.values()), self.here))

    def origin(self, reading: Reading) -> str:
        """The name of the place that the files come from, as a `Source` has it."""
        return self.source or origin_of(self.directory(reading))

    def address(self, reading: Reading) -> str:
        """Where the files come from, for people."""
        return self.url or self.typed(self.directory(reading))

    def typed(self, path: Path) -> str:
        """An absolute path, from where the user stands unless that is all the way up."""
        if len(self.here.parts) > 1 and posixpath.commonpath((path, self.here)) == "/":
            return str(path)
        return posixpath.relpath(path, self.here)

    def placed(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        return tuple(replace(problem, place=self._typed(problem.place)) for problem in problems)

    def _typed(self, place: Place) -> Place:
        return place._replace(file=self._shown(place.file))

    def _shown(self, file: str) -> str:
        """A path of the tree as the user would type it."""
        return self.typed(_absolute(self.tree.top, file))

    def _failure(self, failure: Failure) -> Failure:
        return BadManifest(self.placed(failure.problems), reason=failure.reason).failure()

    @contextmanager
    def _placing(self) -> Iterator[None]:
        try:
            yield
        except BadManifest as error:
            raise BadManifest(self.placed(error.problems), reason=error.reason) from error


def ground(
    target: Target,
    allowed: Allowed,
    environment: Mapping[str, str],
    tree_of: Callable[[Path], LookedAt] | None = None,
) -> Ground:
    """The files that a command is about; `environment` is the process's. Where it is not what lies on the disk,
    `tree_of` gives the tree of a repository by its directory. Raises `BadManifest` where there are none."""
    here = target.here or here_of(environment)
    _refuse_if_no_text(_absolute(here, path) for path in _named(target))
    if target.one is None and not os.path.exists(_absolute(here, target.path)):  # noqa: PTH110 - Path raises where one may not
        problem = Problem(Place(str(target.path)), "there is no such file or directory")
        raise BadManifest([problem], reason="PathNotFound")
    if target.one is None:
        return _of_path(_absolute(here, target.path), here, allowed, tree_of or bounded)
    variables = dict(allowed.variables)
    if target.one.os_env:
        variables |= {name: _as_text(value) for name, value in {"PWD": str(here), **environment}.items()}
    first = here if not target.one.files else _absolute(here, target.one.files[0]).parent
    tree = tree_of(work_tree_of(first)) if tree_of else whole_disk()
    single = _load_options(target.one, here, variables, tree.top)
    return Ground(tree, replace(allowed.reader(tree.top), single=single), here)


def _as_text(value: str) -> str:
    """The value of a variable as Compose sends it: what is not UTF-8 in it is replaced."""
    return os.fsencode(value).decode(errors="replace")


def _named(target: Target) -> Iterator[Path]:
    """Every path that a user named, be it by standing there."""
    if target.one is None:
        yield target.path
        return
    yield from target.one.files or (Path(),)
    yield from target.one.env_files
    if target.one.project_directory is not None:
        yield target.one.project_directory


def _refuse_if_no_text(paths: Iterable[Path]) -> None:
    """Raises `BadManifest` for a path that is no text: no label, no document and no call of the engine can carry it."""
    for raw in map(os.fsencode, paths):
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            place = Place(escaped(raw.decode(errors="backslashreplace")))
            hint = "rename what is called so, or come by a link with another name"
            raise BadManifest([Problem(place, "the path is not UTF-8", hint=hint)], reason="PathNotText") from error


def _of_path(path: Path, here: Path, allowed: Allowed, tree_of: Callable[[Path], LookedAt]) -> Ground:
    """What stands at a path: one file, or every stack of a directory. The tree is the repository that it is in."""
    directory = path.parent if path.is_file() else path
    top = work_tree_of(directory)
    below = "" if directory == top else directory.relative_to(top).as_posix()
    reader = replace(allowed.reader(top), default_name=directory.name, below=below)
    if path.is_file():
        file = posixpath.join(below, path.name)
        single = LoadOptions(below, (file,), default_name=directory.name, environment=allowed.variables)
        reader = replace(reader, single=single)
    tree = tree_of(top)
    whole = path.is_dir() and not any(posixpath.join(below, name) in tree.entries() for name in COMPOSE_FILES)
    return Ground(tree, reader, here, named=directory, whole=whole)


def _load_options(one: OneStack, here: Path, variables: Mapping[str, str], top: Path) -> LoadOptions:
    """As `docker compose` understands the same options, in a tree that is what lies below `top`: the whole disk, or a
    repository, out of which nothing leads."""

    def in_tree(path: Path) -> str:
        below = posixpath.relpath(_absolute(here, path), top)
        return "" if below == "." else below

    return LoadOptions(
        directory=in_tree(Path()),
        files=tuple(map(in_tree, one.files)),
        project_directory=None if one.project_directory is None else in_tree(one.project_directory),
        env_files=tuple(map(in_tree, one.env_files)),
        project_name=one.project_name,
        profiles=one.profiles,
        upward=True,
        root=str(top),
        newest=one.newest,
        environment=variables,
    )


def _absolute(base: Path, path: str | Path) -> Path:
    """By spelling alone, as Compose has it: a link on the way is not looked behind."""
    return Path(posixpath.normpath(posixpath.join(base, path)))


def here_of(environment: Mapping[str, str]) -> Path:
    """Where the user stands, in his own spelling: his shell tells of the link by which he came. Raises `Refused`."""
    said = environment.get("PWD", "")
    if said.startswith("/") and posixpath.normpath(said) == said:
        with suppress(OSError):  # what the shell said is gone or not for us to see; the system knows where we are
            if os.path.samefile(said, "."):  # noqa: PTH121 - Path has it with an object in between
                return Path(said)
    try:
        return Path.cwd()
    except OSError as error:
        raise Refused("the current directory is gone: go to another one", reason="DirectoryNotFound") from error
