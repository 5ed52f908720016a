"""Which stacks a tree holds: one at its root, or one in each directory with a Compose file.

The one thing to know: nothing that a user may have meant is passed over in silence. What is not supported yet is an
error at its place, and so are two stacks with one name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import PurePosixPath
from typing import NamedTuple

from agent.compose.discovery import COMPOSE_FILES, project_name_of
from agent.errors import BadManifest, Refused
from agent.model import Place, Problem
from agent.printable import listed
from agent.tree import Tree, unread

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
STACKS = "stacks"  # where they usually lie
SETTINGS_FILE = "windlass.yaml"
_SETTINGS_FILES = (SETTINGS_FILE, "windlass.yml")
_UNSUPPORTED = re.compile(r"hosts/[^/]+\.ya?ml")


class Found(NamedTuple):
    """A stack: its name, its directory in the tree ("" for the root), and its Compose file."""

    name: str
    directory: str
    place: Place


def stacks(tree: Tree, *, default_name: str = "", below: str = "") -> tuple[Found, ...]:
    """Every stack of the tree, by name; only those at or `below` a directory of it, if one is given.

    `default_name` is that of a stack at the root, which has no directory's name.

    Whatever stands under a Compose file's name makes a stack, be it a symlink: that the file cannot be read is for the
    stack to say. Raises `BadManifest` with every name that is wrong or double and all that is not supported yet.
    """
    paths = tuple(_candidates(tree, below))
    files = _compose_files(paths, below)
    found = [
        Found(project_name_of(PurePosixPath(at).name or default_name), at, Place(files[at])) for at in _tops(files)
    ]
    problems = [*_unsupported(paths, files, below), *_bad_names(found), *_doubles(found)]
    if problems:
        raise BadManifest(sorted(problems, key=lambda problem: problem.place))
    return tuple(sorted(found))


def hidden(tree: Tree, found: Iterable[Found], used: Set[str], *, below: str = "") -> Iterator[Problem]:
    """A warning where a Compose file at the root keeps those in `stacks/` from being stacks.

    `used` are the paths that the stack at the root reads, directories with all that is in them: what it includes or
    mounts is none that somebody may have meant for a stack.
    """
    root = next((one for one in found if one.directory == below), None)
    if root is None:
        return
    paths: Iterable[str] = ()
    with suppress(Refused):  # more files than anybody means: that is data
        paths = tree.beneath(posixpath.join(below, STACKS))
    files = _compose_files((path for path in paths if not _is_used(path, used)), below)
    if tops := sorted(files[at] for at in _tops(files)):
        hint = f"move it to a directory of its own ({STACKS}/NAME/), or have it include the others"
        yield Problem(root.place, f"hides {listed(tops, 1)}: below a stack there is no other", hint=hint)


def closed(tree: Tree, found: Iterable[Found], *, below: str = "") -> Iterator[Problem]:
    """Every directory that could not be read and in which a stack may lie that nobody sees now: that is any, whatever
    its own name is, but for the data of a stack."""
    tops = [one.directory for one in found]
    for path, why in sorted(unread(tree).items()):
        mine = _is_at_or_below(path, below) and not _skipped(_within(path, below))
        if mine and not any(_is_at_or_below(path, top) for top in tops):
            message = f"the directory cannot be read ({why}): a stack may lie in it, so none is removed for being gone"
            hint = "let whoever runs windlass read it, or move it out of here"
            yield Problem(Place(path or "."), message, hint=hint)


def _is_at_or_below(path: str, directory: str) -> bool:
    return not directory or path == directory or path.startswith(f"{directory}/")


def _is_used(path: str, used: Set[str]) -> bool:
    return path in used or any(str(above) in used for above in PurePosixPath(path).parents if str(above) != ".")


def _candidates(tree: Tree, below: str) -> Iterable[str]:
    """Every path that may have to do with which stacks there are.

    Under a Compose file there are no further stacks, but data of any amount: then only what is known by name counts.
    """
    entries = tree.entries()
    known = [posixpath.join(below, name) for name in (*COMPOSE_FILES, *_SETTINGS_FILES)]
    there = [path for path in known if path in entries]
    if not any(posixpath.basename(path) in COMPOSE_FILES for path in there):
        return tree.beneath(below)
    return (*there, *tree.beneath(posixpath.join(below, "hosts")))


def _compose_files(paths: Iterable[str], top: str) -> dict[str, str]:
    """The Compose file of each directory that has one and is not to be skipped."""
    best: dict[str, tuple[int, str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        if name in COMPOSE_FILES and not _skipped(_within(directory, top)):
            best[directory] = min(best.get(directory, (len(COMPOSE_FILES), "")), (COMPOSE_FILES.index(name), path))
    return {directory: path for directory, (_, path) in best.items()}


def _within(path: str, top: str) -> str:
    return path.removeprefix(top).lstrip("/") if top else path


def _skipped(directory: str) -> bool:
    parts = directory.split("/")
    return parts[0] == "charts" or any(part.startswith(".") for part in parts)


def _tops(files: Iterable[str]) -> Iterator[str]:
    """The directories that lie in no other stack's directory."""
    known = frozenset(files)
    for directory in known:
        parts = directory.split("/") if directory else []
        if known.isdisjoint("/".join(parts[:depth]) for depth in range(len(parts))):
            yield directory


def _unsupported(paths: Iterable[str], files: Iterable[str], top: str) -> Iterator[Problem]:
    own = frozenset(files) - {top}  # a stack in hosts/ may have files there
    for path in paths:
        if _UNSUPPORTED.fullmatch(_within(path, top)) and path.rpartition("/")[0] not in own:
            yield Problem(Place(path), "selecting stacks by host is not supported yet", hint="remove the file")
        elif _within(path, top) == "windlass.yml":
            yield Problem(Place(path), "is not read under this name", hint=f"call it {SETTINGS_FILE}")


def _bad_names(found: Iterable[Found]) -> Iterator[Problem]:
    for one in found:
        if not _NAME.fullmatch(one.name):
            shown = PurePosixPath(one.directory).name or "the root of the repository"
            message = f"'{shown}' gives the stack no usable name"
            yield Problem(one.place, message, hint="use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit")


def _doubles(found: Iterable[Found]) -> Iterator[Problem]:
    first: dict[str, Found] = {}
    for one in sorted(found):
        other = first.setdefault(one.name, one)
        if other is not one:
            message = f"the stack '{one.name}' is defined at {other.place.file} as well"
            yield Problem(one.place, message, hint="rename one of the directories")
