"""A loaded project, and the steps by which it comes of the files, in Compose's own order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.compose.assembly import assemble
from agent.compose.discovery import LoadOptions, active_profiles, project_name, start_of
from agent.compose.documents import Document
from agent.compose.environment import Environments
from agent.compose.files import Files
from agent.compose.findings import At, Findings
from agent.compose.ignored import check_ignored
from agent.compose.library import Library, Scope
from agent.compose.nodes import Map, place_of
from agent.compose.normalise import drop_unused, enabled, normalise
from agent.compose.security import read_profiles
from agent.compose.stages import check_hooks, hooks
from agent.compose.validate import validate
from agent.model import Place, Problem
from agent.tree import Tree

Admission = Callable[["Project", Findings], None]


@dataclass(frozen=True)
class Project:
    """What a stack says, resolved: names filled in, short notations long, variables and environment files in place.

    `model` has the canonical form of `services` and of what they use, those that are enabled and used; relative
    paths in it are meant from `directory`. Every part of it knows its place. `extensions` are the `x-` keys of the
    top level. `environment` is what interpolation saw; `env_files` are those that were named to the load, `seccomp`
    has an option of the engine for each profile that could be read, by the path at which a service names it. `hidden`
    are the values of variables that are called like a secret.
    """

    name: str
    directory: str
    files: tuple[str, ...]
    model: Map = field(repr=False)
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seccomp: Mapping[str, str] = field(default_factory=dict, repr=False)
    extensions: Mapping[str, Any] = field(default_factory=dict, repr=False)
    warnings: tuple[Problem, ...] = ()
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    _supplied: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)

    @property
    def services(self) -> Mapping[str, Map]:
        return _part(self.model, "services")

    @property
    def networks(self) -> Mapping[str, Map]:
        return _part(self.model, "networks")

    @property
    def volumes(self) -> Mapping[str, Map]:
        return _part(self.model, "volumes")

    @property
    def secrets(self) -> Mapping[str, Map]:
        return _part(self.model, "secrets")

    @property
    def configs(self) -> Mapping[str, Map]:
        return _part(self.model, "configs")

    @property
    def models(self) -> Mapping[str, Map]:
        return _part(self.model, "models")

    @property
    def separator(self) -> str:
        """What stands between the parts of a name on the engine; Compose's first line had another than today's."""
        said = self.environment.get("COMPOSE_COMPATIBILITY", "").strip().lower()
        return "_" if said in ("1", "t", "true", "y") else "-"

    def image_of(self, service: str) -> str:
        """The image of a service; one that is built and not named is called after the stack and the service."""
        written: str = self.services[service].get("image", "")
        return written or f"{self.name}{self.separator}{service}"

    def supplied(self, section: str, name: str) -> str | None:
        """The value of a secret or config that comes from a variable: of the project, or of what included it."""
        variable = self.model[section][name]["environment"]
        return self.environment.get(variable, self._supplied.get((section, name)))

    def element_place(self, section: str, name: str) -> Place:
        """Where the name of a service, a network and so on is written."""
        elements: Map = self.model[section]
        return elements.key_place(name)

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` is written, or the nearest thing above it."""
        return place_of(self.model, *path)


def load(tree: Tree, options: LoadOptions, admission: Admission | None = None) -> Project:
    """Reads a project from the tree. Raises `BadManifest` with every problem that was found.

    Where there is one, `admission` says what else is wrong with what could be read, so that it is told at once.
    """
    files, findings = Files(tree, options.root, options.shown), Findings(options.shown, options.newest)
    findings.hide(options.environment)
    start = start_of(files, options, findings)
    environment = start.environment
    library = Library(files, findings)
    documents = _read_files(library, start.files)
    environment["COMPOSE_PROJECT_NAME"] = name = project_name(
        [document.root for document in documents], options, start, findings
    )
    model, extensions = assemble(documents, Scope(library, start.directory, environment))
    environments = Environments(files, start.directory, environment, findings)
    _resolve(model, name, active_profiles(options, environment), environments)
    project = Project(
        name,
        start.directory,
        start.files,
        model,
        start.env_files,
        environment,
        read_profiles(files, start.directory, model["services"], Findings(), {}),  # what is missing is told later
        extensions,
        tuple(findings.warnings),
        frozenset(findings.secrets),
        library.supplied,
    )
    if admission and findings.problems:
        admission(project, findings)
    findings.raise_if_any()
    return project


def _read_files(library: Library, paths: Sequence[str]) -> list[Document]:
    """Every document of the files. Raises `BadManifest` where one cannot be read at all: the rest would mislead."""
    findings = library.findings
    found: list[Document] = []
    for path in paths:
        findings.reach(path, "", Place(path))
        read = library.documents(path, At("", Place(path), findings))
        findings.blind = findings.blind or read is None
        found += read or ()
    empty = not any(document.root for document in found)
    if empty and not findings.problems:
        findings.problem(Place(paths[0]), "the file is empty")
    if empty or findings.blind:
        findings.raise_if_any()
    return found


def _resolve(model: Map, name: str, profiles: Collection[str], environments: Environments) -> None:
    """Brings the model to what runs: defaults, names, profiles, checks and the environment of each service.

    Of a service with a problem all is looked at but the keys that were not read rightly: they may be anything.
    """
    findings = environments.findings
    everything = frozenset(model["services"])
    unread = {service: frozenset(findings.unread("services", service)) for service in everything}
    for service, keys in unread.items():
        for key in keys:
            model["services"][service].pop(key, None)
    known = [service for service in model["services"] if not findings.is_lost("services", service)]
    normalise(model, known, name, environments.variables, findings)
    hooked = hooks(model)
    on = [
        service
        for service in known
        if "profiles" not in unread[service] and (service in hooked or enabled(model["services"][service], profiles))
    ]
    validate(model, on, everything, {service for service in on if unread[service]}, findings)
    check_hooks(model, on, everything, findings)
    check_ignored(model, on, findings)
    for service in on:
        environments.resolve(service, model["services"][service])
    drop_unused(model, on)


def _part(model: Map, key: str) -> Mapping[str, Map]:
    part: Mapping[str, Map] = model[key]
    return part
