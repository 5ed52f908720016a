"""Which files make up a project, what it is called, and what its variables are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.compose.environment import completed
from agent.compose.files import Files, NotReadable
from agent.compose.findings import At, Findings, brief
from agent.compose.interpolate import BadTemplate, Template
from agent.compose.nodes import Map
from agent.compose.paths import ancestors, clean
from agent.model import Place

# In the order in which Compose takes them; the first that is there counts.
COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_FILES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")


@dataclass(frozen=True)
class LoadOptions:
    """What is loaded, and with what. Paths are paths of the tree; "" is its root.

    `directory` is where one stands. `files` are explicit, in the order in which they are merged; without them
    `COMPOSE_FILE` says which, else the file of `directory` is looked for, with its override, and with `upward` in the
    directories above it too. `project_directory` is what relative paths mean; without it, where the first file lies.
    `env_files` stand in for the `.env` of the project's directory, later ones over earlier ones. `root` is set where
    the tree is what lies in that directory of this host: then an absolute path that leads into it is as good as others.
    `shown` gives a path of the tree as the user knows it, for messages. Without `newest`, what came after the Compose
    that `render` follows is refused.

    `default_name` names the project where neither `project_name` nor a file nor the directory does. `environment` is
    all that interpolation sees besides those files: the process's own environment is never looked at.
    """

    directory: str = ""
    files: tuple[str, ...] = ()
    project_directory: str | None = None
    env_files: tuple[str, ...] = ()
    project_name: str = ""
    default_name: str = ""
    profiles: tuple[str, ...] = ()
    upward: bool = False
    root: str = ""
    shown: Callable[[str], str] = str
    newest: bool = True
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Start:
    """What a load starts from: the files in their order, what their relative paths mean, and all variables.

    `env_files` are those that were named; the `.env` of a directory is not.
    """

    files: tuple[str, ...]
    directory: str
    env_files: tuple[str, ...]
    environment: dict[str, str]


def start_of(files: Files, options: LoadOptions, findings: Findings) -> Start:
    """Finds the files and variables of a project, in Compose's order. Whatever is not there is a problem.

    The `.env` of the directory where one stands may say in `COMPOSE_FILE` where the files are; the project then has
    the `.env` of their directory as well.
    """
    named = _named_env_files(options)
    given = dict(options.environment)
    environment = _with(given, named or _own_env_file(files, options, options.files), files, findings)
    paths = _compose_files(files, options, environment, findings)
    if not named:
        environment = _with(environment, _own_env_file(files, options, paths), files, findings)
    return Start(tuple(paths), _directory(options, paths), named, environment)


def _with(given: Mapping[str, str], paths: Iterable[str], files: Files, findings: Findings) -> dict[str, str]:
    return completed(files, given, [(path, At("", Place(path), findings)) for path in paths], findings)


def _directory(options: LoadOptions, paths: Sequence[str]) -> str:
    """What relative paths mean: as said, else the directory of the first file, else where one stands."""
    if options.project_directory is not None:
        return options.project_directory
    return posixpath.dirname(paths[0]) if paths else options.directory


def _named_env_files(options: LoadOptions) -> tuple[str, ...]:
    if options.env_files:
        return options.env_files
    listed = options.environment.get("COMPOSE_ENV_FILES", "")
    return tuple(_below(options.directory, name) for name in listed.split(",") if name)


def _own_env_file(files: Files, options: LoadOptions, paths: Sequence[str]) -> tuple[str, ...]:
    """The `.env` that is read because nobody named another one."""
    path = posixpath.join(_directory(options, paths), ".env")
    unwanted = options.environment.get("COMPOSE_DISABLE_ENV_FILE") in _TRUE
    return () if unwanted or path not in files.entries else (path,)


def _compose_files(files: Files, options: LoadOptions, environment: Mapping[str, str], findings: Findings) -> list[str]:
    """The files to load, in their order. None found is a problem."""
    listed = environment.get("COMPOSE_FILE", "")
    separator = environment.get("COMPOSE_PATH_SEPARATOR") or ":"
    if named := options.files or [_below(options.directory, name) for name in listed.split(separator) if listed]:
        return [path for name in named if (path := _located(files, name, findings)) is not None]
    directory = _directory(options, ())
    for at in [directory, *(_above(directory) if options.upward else ())]:
        if found := _first(files, at, COMPOSE_FILES, findings):
            return found + _first(files, at, OVERRIDE_FILES, findings)
    findings.problem(Place(directory or "."), f"holds no Compose file, such as {COMPOSE_FILES[0]}")
    return []


def _located(files: Files, path: str, findings: Findings) -> str | None:
    try:
        return files.locate("", path)
    except NotReadable as error:
        findings.problem(Place(path), error.message, reason=error.reason)
        return None


def _below(directory: str, path: str) -> str:
    """The path in its shortest spelling; one that leads out of the tree still does, and is refused when it is read."""
    return clean(posixpath.join(directory, path))


def _above(directory: str) -> list[str]:
    return [*ancestors(directory)[1:], ""] if directory else []


def _first(files: Files, directory: str, names: Sequence[str], findings: Findings) -> list[str]:
    there = [path for name in names if (path := posixpath.join(directory, name)) in files.entries]
    for other in there[1:]:
        findings.warn(Place(other), f"is not read, since there is {findings.shown(there[0])}")
    return there[:1]


def project_name(documents: Sequence[Map], options: LoadOptions, start: Start, findings: Findings) -> str:
    """The project's name: as given, else as the last file says, else as the directory is called."""
    environment = start.environment
    for given in (options.project_name, environment.get("COMPOSE_PROJECT_NAME", "")):
        if given:
            if not _NAME.fullmatch(given):
                place = documents[0].place if documents else Place(options.directory or ".")
                findings.problem(
                    place,
                    f'"{brief(given)}" is no valid project name',
                    hint='use lower-case letters, digits, "_" and "-", and start with a letter or digit',
                )
            return given
    written = _written_name(documents, environment)
    name = project_name_of(posixpath.basename(start.directory)) or project_name_of(options.default_name)
    if written is not None:
        name = project_name_of(written[0])
    if not name and documents:
        place = written[1] if written else documents[0].place
        findings.problem(place, "the project has no name", hint='write a "name:" at the top of the file')
    return name


def _written_name(documents: Sequence[Map], environment: Mapping[str, str]) -> tuple[str, Place] | None:
    """`name:` of the last document that has one, with its place. What is wrong with it is told when that is read."""
    for document in reversed(documents):
        name = document.get("name")
        if name and isinstance(name, str):
            try:
                return Template(environment.get).fill(name), document.value_place("name")
            except BadTemplate:
                return name, document.value_place("name")
    return None


def project_name_of(text: str) -> str:
    """As Compose makes a project's name from a directory's (compose-go's `NormalizeProjectName`)."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-")


def active_profiles(options: LoadOptions, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those that were given, else those of `COMPOSE_PROFILES`, separated by commas.

    As in Compose, where nothing is given that is the empty one, so that `profiles: ["${DEBUG-}"]` is on where DEBUG is
    empty, or is the name of an active one.
    """
    if options.profiles:
        return options.profiles
    return tuple(one.strip() for one in environment.get("COMPOSE_PROFILES", "").split(","))
