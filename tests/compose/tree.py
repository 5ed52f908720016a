"""A tree of files in memory, and the shortest ways to load a project from it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.compose import Admission, LoadOptions, Project, load
from agent.compose.bindings import Target
from agent.compose.resources import resources
from agent.errors import BadManifest
from agent.model import Resource
from agent.tree import Entry, EntryKind

TARGET = Target(directory="/var/lib/windlass/stacks/web", files="/var/lib/windlass/files")


class DictTree:
    """Files by their path. `links` and `submodules` are paths that are no files; `executable` ones have their bit."""

    def __init__(
        self,
        files: Mapping[str, str | bytes],
        *,
        links: tuple[str, ...] = (),
        submodules: tuple[str, ...] = (),
        executable: tuple[str, ...] = (),
    ) -> None:
        self._files = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        kinds = dict.fromkeys(executable, EntryKind.EXECUTABLE)
        self._entries = {
            path: Entry(kinds.get(path, EntryKind.FILE), len(content)) for path, content in self._files.items()
        }
        self._entries |= {path: Entry(EntryKind.SYMLINK, 9) for path in links}
        self._entries |= {path: Entry(EntryKind.SUBMODULE, 0) for path in submodules}

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def beneath(self, directory: str) -> list[str]:
        return [path for path in self._entries if not directory or path.startswith(f"{directory}/")]

    def read(self, path: str) -> bytes:
        return self._files[path]


def project(
    text: str,
    files: Mapping[str, str | bytes] | None = None,
    admission: Admission | None = None,
    **options: Any,
) -> Project:
    """The project of one compose.yaml at the root; `web` unless it is named."""
    tree = DictTree({"compose.yaml": textwrap.dedent(text), **(files or {})})
    return load(tree, LoadOptions(**{"default_name": "web", **options}), admission)


def service(text: str, files: Mapping[str, str | bytes] | None = None, **options: Any) -> dict[str, Any]:
    """The canonical model of the service `a`, of which `text` are the keys besides its image."""
    body = textwrap.indent(textwrap.dedent(text), "    ")
    found: dict[str, Any] = project(f"services:\n  a:\n    image: x\n{body}", files, **options).services["a"]
    return found


def wanted(text: str, files: Mapping[str, str | bytes] | None = None) -> dict[str, Resource]:
    """The resources of one compose.yaml at the root, by `kind/name`."""
    return wanted_of(DictTree({"compose.yaml": textwrap.dedent(text), **(files or {})}))


def wanted_of(tree: DictTree) -> dict[str, Resource]:
    """The resources of the project at the root of a tree, by `kind/name`."""
    loaded = load(tree, LoadOptions(project_name="web"))
    return {str(resource.key): resource for resource in resources(loaded, tree, TARGET)}


def body(text: str) -> dict[str, Any]:
    """The create body of the container of the service `a`, of which `text` are the keys besides its image."""
    keys = textwrap.indent(textwrap.dedent(text), "    ")
    container = wanted(f"services:\n  a:\n    image: x\n{keys}")["container/web-a-1"]
    found: dict[str, Any] = container.spec["body"]
    return found


def problems(text: str, files: Mapping[str, str | bytes] | None = None, **options: Any) -> list[str]:
    """Every problem of loading one compose.yaml at the root, as the user reads it."""
    with pytest.raises(BadManifest) as caught:
        project(text, files, **options)
    return [str(problem) for problem in caught.value.problems]


def take(tree: DictTree, **options: Any) -> None:
    """The project at the root of a tree, by the load and by what is asked of the host."""
    given = {"project_name": "p", "environment": {"HOME": "/root"}}
    resources(load(tree, LoadOptions(**{**given, **options})), tree, replace(TARGET, allow_build=True))


def refused(tree: DictTree, **options: Any) -> BadManifest:
    """Why it is not taken."""
    with pytest.raises(BadManifest) as caught:
        take(tree, **options)
    for problem in caught.value.problems:
        assert "root:" not in str(problem)
    return caught.value
