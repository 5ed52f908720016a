"""What a bind mount's source means on the host: an absolute path, a file of the commit, or data of the stack.

An absolute path stays. A relative one that the commit holds and that is mounted read-only is written under a path that
carries the digest of its content, so that another content is another path and replaces exactly its users. Anything
else lies in the stack's stable directory: it is data, seeded from the commit where the commit has it. What one service
may write is data to all of them.

A project that is read from a directory of this host keeps its data there: see `Target.in_place`.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from agent.compose.files import Files, NotReadable
from agent.compose.findings import At
from agent.compose.nodes import Map
from agent.compose.paths import Escape, ancestors, in_tree, is_absolute, joined
from agent.compose.project import Project
from agent.errors import BadManifest
from agent.model import Key, Place, Resource

MOST_BYTES: Final = 256 << 20  # of the repository that one stack mounts, each path once
_OVERHEAD: Final = 512  # bytes that a file costs beside its content
MAX_COPIED = 1 << 20  # bytes of a file that is copied although it could be used where it lies
Content = dict[str, tuple[int, bytes]]  # by path below the source, "" for a single file: mode and bytes


@dataclass(frozen=True)
class Target:
    """Where the files of a stack lie on the host, as absolute paths of directories.

    `directory` is what the project's relative paths mean where the path is data; `files` holds what the commit has,
    by stack and by the digest of the content. With `in_place` the project lies in `directory` itself: then only single
    files that nobody writes are taken from the tree, and everything else is used where it lies, as `docker compose`
    does.

    `secrets` is where secrets are written, which has to be in memory; `key` makes the digests in their paths, so that
    nobody guesses a short secret from them. With `allow_build` images are built from the commit, else a build is
    refused.
    """

    directory: str
    files: str
    in_place: bool = False
    secrets: str = "/run/windlass/secrets"
    key: bytes = field(default=b"", repr=False)
    allow_build: bool = False


class Bindings:
    """Finds the host path of each source, and collects the file resources that it takes in `found`.

    `lying` is, for each file that is copied though it lies on this host, the path of the copy and its own: whoever has
    the file itself mounted, as `docker compose` does, has the same.
    """

    def __init__(self, files: Files, project: Project, target: Target) -> None:
        self.files = files
        self.project = project
        self.target = target
        self.found: dict[str, Resource] = {}
        self.lying: dict[str, str] = {}
        self._contents: dict[str, tuple[Content, str]] = {}
        self._room = MOST_BYTES
        self._written = frozenset(joined(target.directory, path) for path in _written_sources(project))
        self._around_written = {above for path in self._written for above in ancestors(path)}

    def of(self, volume: Map, at: At) -> tuple[str, Key | None]:
        """The path on the host, and the file resource that has to be there first, if any."""
        source: str = volume["source"]
        if is_absolute(source) or source.startswith("~"):  # nobody's home, which has been refused
            return source, None
        if self.target.in_place and not self._is_settings_file(source):
            return joined(self.target.directory, source), None
        try:
            located = self.files.locate(self.project.directory, source)
            content, digest = self._content(located, at)
        except NotReadable as error:
            at.findings.problem(at.place, f"{at.shown(source)} {error.message}", at.path, reason=error.reason)
            return source, None
        except BadManifest as error:
            at.findings.take(error)
            return source, None
        if content and not self._is_written(source):
            name = posixpath.basename(located) or self.project.name
            path = f"{self.target.files}/{self.project.name}/{digest}/{name}"
            return self.copy(path, {"content": content}, source, at.place)
        creates = volume.get("bind") is None or bool(volume["bind"].get("create_host_path"))
        return self._data(source, content, creates, at)

    def of_file(self, source: str, at: At) -> tuple[str, Key | None]:
        """As `of`, for a single file that is mounted read-only: a secret or a config."""
        volume = Map(at.place)
        volume.update(source=source, bind=Map(at.place))
        return self.of(volume, at)

    def device(self, path: str, at: At) -> Key | None:
        """The directory that a volume of the local driver binds: data, which has to be there before the volume."""
        if is_absolute(path) or self.target.in_place:
            return None
        return self._data(path, {}, True, at)[1]

    def _is_settings_file(self, source: str) -> bool:
        """Whether it is a file of the tree, of a size to be copied, that nobody writes."""
        try:
            located = self.files.locate(self.project.directory, source)
        except NotReadable:
            return False
        small = self.files.is_file(located) and self.files.entries[located].size <= MAX_COPIED
        return small and not self._is_written(source)

    def _is_written(self, source: str) -> bool:
        """Whether a service may write to the path, to something in it, or to a directory that it is in."""
        path = joined(self.target.directory, source)  # by which no path above the stack's directory lies in that
        return path in self._around_written or not self._written.isdisjoint(ancestors(path))

    def _content(self, path: str, at: At) -> tuple[Content, str]:
        """What the commit has at a path, and its digest: read once, however often it is mounted."""
        if path not in self._contents:
            content = self._read(path, at)
            self._contents[path] = content, _digest(content)
        return self._contents[path]

    def _read(self, path: str, at: At) -> Content:
        """Nothing, and a problem, where it is too much. Raises `NotReadable`."""
        paths = [path] if self.files.is_file(path) else self.files.beneath(path)
        self._room -= sum(_OVERHEAD + self.files.entries[one].size for one in paths)
        if self._room < 0:
            at.problem(
                f"with it the stack mounts more than {MOST_BYTES >> 20} MiB of the repository",
                "keep it in an image or a volume",
            )
            return {}
        skip = len(path) + 1 if path else 0
        return {one[skip:]: (self.files.mode(one), self.files.read(one)) for one in paths}

    def _data(self, source: str, content: Content, creates: bool, at: At) -> tuple[str, Key | None]:
        try:
            in_tree("", source)
        except Escape:
            missing = "" if content else "is not in the repository, and "
            at.findings.problem(
                at.place,
                f"{at.shown(source)} {missing}leads out of the stack's directory, where its data lies",
                at.path,
                f"{'' if content else 'commit it, or '}use a named volume or an absolute path",
                reason="PathEscape",
            )
            return source, None
        path = joined(self.target.directory, source)
        if content:
            return self.add(path, {"content": content, "seed": True}, at.place)
        return self.add(path, {"directory": True}, at.place) if creates else (path, None)

    def copy(self, path: str, spec: dict[str, Any], source: str, place: Place) -> tuple[str, Key]:
        """As `add`, for what holds the same as a file of the project."""
        if self.target.in_place:
            self.lying[path] = joined(self.target.directory, source)
        return self.add(path, spec, place)

    def add(self, path: str, spec: dict[str, Any], place: Place) -> tuple[str, Key]:
        """Wants a file or directory of the host to be as `spec` says; see the kind for its shape."""
        key = Key("file", path)
        self.found.setdefault(path, Resource(key, self.project.name, spec, prepares=True, place=place))
        return path, key


def _digest(content: Content) -> str:
    """16 hex digits that change with any path, mode or byte."""
    digest = hashlib.sha256()
    for path, (mode, data) in sorted(content.items()):
        digest.update(f"{len(path.encode())}:{path}:{mode:o}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def _written_sources(project: Project) -> Iterator[str]:
    for service in project.services.values():
        for volume in service.get("volumes") or ():
            source = volume.get("source", "")
            if volume["type"] == "bind" and source and not volume.get("read_only") and not is_absolute(source):
                yield source
