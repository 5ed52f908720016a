"""Which files make up a project, what it is called, and what its variables are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.compose import dotenv
from agent.compose.documents import Malformed
from agent.compose.files import Files, read_small
from agent.compose.findings import At, Findings, printable
from agent.compose.interpolate import BadTemplate, Template
from agent.compose.nodes import Map
from agent.model import Place

# In the order in which Compose takes them; the first that is there counts.
COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_FILES: Final = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class LoadOptions:
    """What is loaded, and with what. Paths are paths of the tree; "" is its root.

    `directory` is where one stands. `files` are explicit, in the order in which they are merged; without them
    `COMPOSE_FILE` says which, else the file of `directory` is looked for, with its override, and with `upward` in the
    directories above it too. `project_directory` is what relative paths mean; without it, where the first file lies.
    `env_files` stand in for the `.env` of the project's directory, later ones over earlier ones. `root` is set where
    the tree is what lies in that directory of this host: then an absolute path that leads into it is as good as others.

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
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def variables(files: Files, options: LoadOptions, findings: Findings) -> dict[str, str]:
    """The variables for interpolation: those given, then those of the directory's `.env`."""
    given = dict(options.environment)
    path = posixpath.join(options.directory, ".env")
    if path not in files.entries:
        return given
    content = read_small(files, path, At("", Place(path), findings))
    try:
        return dotenv.parse(path, content or b"", given.get) | given
    except Malformed as error:
        findings.problem(error.place, error.message, reason=error.reason)
        return given


def compose_files(files: Files, options: LoadOptions, environment: Mapping[str, str], findings: Findings) -> list[str]:
    """The files to load, in their order. None found is a problem."""
    if options.files:
        return list(options.files)
    if listed := environment.get("COMPOSE_FILE"):
        separator = environment.get("COMPOSE_PATH_SEPARATOR") or ":"
        return [posixpath.join(options.directory, name) for name in listed.split(separator)]
    found = _first(files, options.directory, COMPOSE_FILES, findings)
    if not found:
        findings.problem(Place(options.directory or "."), f"holds no Compose file, such as {COMPOSE_FILES[0]}")
        return []
    return found + _first(files, options.directory, OVERRIDE_FILES, findings)


def _first(files: Files, directory: str, names: Sequence[str], findings: Findings) -> list[str]:
    there = [path for name in names if (path := posixpath.join(directory, name)) in files.entries]
    for other in there[1:]:
        findings.warn(Place(other), f"is not read, since there is {there[0]}")
    return there[:1]


def project_name(
    documents: Sequence[Map], options: LoadOptions, environment: Mapping[str, str], findings: Findings
) -> str:
    """The project's name: as given, else as the last file says, else as the directory is called."""
    for given in (options.project_name, environment.get("COMPOSE_PROJECT_NAME", "")):
        if given:
            if not _NAME.fullmatch(given):
                place = documents[0].place if documents else Place(options.directory or ".")
                findings.problem(
                    place,
                    f'"{printable(given)}" is no valid project name',
                    hint='use lower-case letters, digits, "_" and "-", and start with a letter or digit',
                )
            return given
    named = _written_name(documents, environment)
    name = _normal(named) or _normal(posixpath.basename(options.directory)) or _normal(options.default_name)
    if not name and documents:
        findings.problem(documents[0].place, "the project has no name", hint='write a "name:" at the top of the file')
    return name


def _written_name(documents: Sequence[Map], environment: Mapping[str, str]) -> str:
    """`name:` of the last document that has one. What is wrong with it is reported when the document is read."""
    for document in reversed(documents):
        name = document.get("name")
        if name and isinstance(name, str):
            try:
                return Template(environment.get).fill(name)
            except BadTemplate:
                return name
    return ""


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def active_profiles(options: LoadOptions, environment: Mapping[str, str]) -> tuple[str, ...]:
    if options.profiles:
        return options.profiles
    return tuple(one.strip() for one in environment.get("COMPOSE_PROFILES", "").split(",") if one.strip())
