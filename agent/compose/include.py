"""`include`: other Compose files, read with variables and a directory of their own, beside what a file itself defines.

The one thing to know: nothing that is included is merged with what the including document says; only documents that
come after may change it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.compose.documents import Document
from agent.compose.environment import completed
from agent.compose.extension import EXTENSION
from agent.compose.findings import At, path_to
from agent.compose.library import Scope
from agent.compose.located import bound_device, service_paths
from agent.compose.nodes import Listed, Map, Seq
from agent.compose.paths import moved, way
from agent.compose.reuse import INCLUDES, located
from agent.model import Place

_SECTIONS: Final = ("services", "volumes", "networks", "secrets", "configs", "models")
_DEEPEST: Final = 32
_NOTHING: Final = "/dev/null"  # the usual way to say that no environment file is wanted

Assemble = Callable[[Sequence[Document], Scope], Map]


class _Named(NamedTuple):
    """A file of the tree, and where it is named."""

    path: str
    at: At


class _Entry(NamedTuple):
    """One item of `include`. The first of the files is the one that matters; the others lie over it."""

    files: list[_Named]
    env_files: list[_Named]
    directory: str


def include(written: Any, model: Map, scope: Scope, at: At, assemble: Assemble) -> None:
    """Adds what the files of `include` define to the model of the document that names them."""
    entries = INCLUDES.read(written, at)
    for index, written_entry in enumerate(entries if isinstance(entries, list) else ()):
        below = at.below(index, entries.item_place(index))
        entry = _entry(written_entry, scope, below)
        above = (*scope.above, at.place.file)
        if entry is None or not _may_follow(entry.files[0].path, above, below):
            scope.findings.blind = True
            continue
        _add(entry, model, scope._replace(above=above), below, assemble)


def _entry(written: Map, scope: Scope, at: At) -> _Entry | None:
    """The paths of an item. None, and a problem, where one of them is not to be had."""

    def find(key: str) -> list[_Named] | None:
        paths: Seq = written.get(key) or Seq(at.place)
        wanted = [(path, at._replace(place=paths.item_place(i))) for i, path in enumerate(paths) if path != _NOTHING]
        found = [(located(scope.files, scope.directory, path, here), here) for path, here in wanted]
        named = [_Named(path, here) for path, here in found if path is not None]
        return named if len(named) == len(found) else None

    files, env_files = find("path"), find("env_file")
    directory = posixpath.dirname(files[0].path) if files else None
    if written.get("project_directory"):  # an empty one, as of a variable that is not set, says nothing to Compose
        place = written.value_place("project_directory")
        directory = located(scope.files, scope.directory, written["project_directory"], at._replace(place=place))
    if not files or env_files is None or directory is None:
        return None
    if not written.get("env_file") and (own := posixpath.join(directory, ".env")) in scope.files.entries:
        env_files = [_Named(own, at)]
    return _Entry(files, env_files, directory)


def _may_follow(file: str, above: Sequence[str], at: At) -> bool:
    if file in above:
        loop = map(at.findings.shown, [*above[above.index(file) :], file])
        at.problem(f"the files include one another: {' → '.join(loop)}")
    elif len(above) > _DEEPEST:
        at.problem(f"files are included more than {_DEEPEST} levels deep")
    else:
        return True
    return False


def _add(entry: _Entry, model: Map, scope: Scope, at: At, assemble: Assemble) -> None:
    for file, here in entry.env_files:
        scope.findings.reach(file, "read for the include at", here.place)
    environment = completed(scope.files, scope.environment, entry.env_files, scope.findings)
    documents: list[Document] = []
    for file, here in entry.files:
        scope.findings.reach(file, "included by", here.place)
        read = scope.library.documents(file, here)
        scope.findings.blind = scope.findings.blind or read is None
        documents += read or ()
    if documents:
        inner = scope._replace(directory=entry.directory, environment=environment)
        included = assemble(documents, inner)
        if EXTENSION in included:
            place = included.key_place(EXTENSION)
            at.findings.warn(place, "says nothing in a file that is included", EXTENSION, "write it at the top")
        _fill(included, environment)
        _supply(included, inner)
        _move(included, way(scope.directory, entry.directory) or ".")
        _put(included, model, at)


def _fill(included: Map, environment: Mapping[str, str]) -> None:
    """Takes what is inherited from the variables of the include; as in Compose, not where it is written `VAR:`."""
    for service in included["services"].values():
        declared = service.get("environment")
        for name, value in declared.items() if isinstance(declared, Listed) else ():
            if value is None and name in environment:
                declared[name] = environment[name]


def _supply(included: Map, scope: Scope) -> None:
    """Notes the values of secrets and configs that are in the variables of the include."""
    for section in ("secrets", "configs"):
        for name, element in included[section].items():
            if (value := scope.environment.get(element.get("environment", ""))) is not None:
                scope.library.supplied.setdefault((section, name), value)


def _move(included: Map, path: str) -> None:
    """Makes relative paths mean the directory of the including file, from which `path` leads to their own.

    Each is spelled anew even where they are the same, so that what is included twice is equal. A build that leaves its
    context out means the directory of what is included.
    """
    for service in included["services"].values():
        if "build" in service:
            service["build"].setdefault("context", ".")
        for holder, key, _ in service_paths(service):
            holder[key] = moved(path, holder[key])
    for section in ("secrets", "configs"):
        for element in included[section].values():
            if element.get("file"):
                element["file"] = moved(path, element["file"])
    for volume in included["volumes"].values():
        if volume and (device := bound_device(volume)) is not None:
            volume["driver_opts"]["device"] = moved(path, device)


def _put(included: Map, model: Map, at: At) -> None:
    for section in _SECTIONS:
        own = model.get(section)
        elements = Map(model.place) if own is None else own
        for name, element in included[section].items():
            if name not in elements:
                elements.put_from(included[section], name, element)
            elif elements[name] != element and not at.findings.concerns(section, name):
                _refuse(path_to(section, name), elements.key_place(name), included[section].key_place(name), at)
        if elements:
            model.put(section, elements, elements.place, elements.place)


def _refuse(path: str, first: Place, second: Place, at: At) -> None:
    if first == second:
        at.problem(f"{path} is included twice, and its variables or its directory make a difference", "include it once")
        return
    first, second = (place._replace(file=at.findings.shown(place.file)) for place in (first, second))
    at.problem(
        f"{path} is defined at {first} and at {second}, and not in the same way",
        "rename one of them, or change what is included in a file that is loaded after this one",
    )
