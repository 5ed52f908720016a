"""Where the content of a service's secrets and configs lies on the host, and what has to be written for that.

Docker keeps neither. What is no file of the commit's own is written to one, under a path that carries a digest of its
content, owner and mode: another content is another path, which replaces exactly the containers that use it. A secret
is written in memory only, and its digest is keyed, since everybody who may ask the engine sees the path.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

from agent.compose.bindings import MAX_COPIED, Bindings
from agent.compose.files import NotReadable
from agent.compose.findings import At, Findings, path_to
from agent.compose.mounts import Stored
from agent.compose.nodes import Map, Masked
from agent.compose.paths import is_absolute
from agent.compose.project import Project
from agent.compose.stores import CONFIG_SOURCES, targets
from agent.errors import BadManifest
from agent.model import Key

_MODE: Final = 0o444  # as Compose: for everybody to read, whoever the container runs as


@dataclass(frozen=True)
class Stores:
    """Finds the host path behind each reference; what has to be written becomes a file resource of `bindings`."""

    project: Project
    bindings: Bindings

    def of(self, service: Map, at: At) -> tuple[list[Stored], set[Key]]:
        """The mounts of a service, and the file resources that have to be there first. `at` is the service's."""
        mounts: list[Stored] = []
        keys: set[Key] = set()
        for section in ("configs", "secrets"):
            for index, target in enumerate(targets(service, section)):
                reference = service[section][index]
                source, key = self._source(section, reference, at.of_item(service, section, index))
                mounts.append(Stored(source, target, section))
                keys |= {key} if key else set()
        return mounts, keys

    def _source(self, section: str, reference: Map, at: At) -> tuple[str, Key | None]:
        name: str = reference.get("source", "")
        element: Map = self.project.model[section].get(name) or Map(at.place)
        if element.get("external") or not any(way in element for way in CONFIG_SOURCES):
            return "", None  # which has been refused
        if "file" in element:
            return self._file(section, name, element["file"], at)
        content = self._value(section, name, element, at.findings)
        if content is None:
            return "", None
        path, spec = self._form(name, content.encode(), reference, secret=self._is_secret(section, element))
        return self.bindings.add(path, spec, at.place)

    def _file(self, section: str, name: str, path: str, at: At) -> tuple[str, Key | None]:
        """A file lies where it lies, with its own owner and mode; but the commit's are copied, a secret to memory."""
        try:
            content = self._read(path) if section == "secrets" and not is_absolute(path) else None
        except BadManifest as error:
            at.findings.take(error)
            return "", None
        if content is None:
            place = self.project.place(section, name, "file")
            return self.bindings.of_file(path, At(f"{path_to(section, name)}.file", place, at.findings))
        file, spec = self._form(name, content, Map(at.place), secret=True)
        return self.bindings.copy(file, spec, path, at.place)

    def _read(self, path: str) -> bytes | None:
        """The content of a file of the tree, unless it is too large to be copied."""
        files = self.bindings.files
        try:
            located = files.locate(self.project.directory, path)
        except NotReadable:
            return None  # which is reported where its path is looked for
        small = files.is_file(located) and files.entries[located].size <= MAX_COPIED
        return files.read(located) if small else None

    def _value(self, section: str, name: str, element: Map, findings: Findings) -> str | None:
        if "content" in element:
            return str(element["content"])
        variable = element["environment"]
        value = self.project.supplied(section, name)
        if value is None and not findings.unset:
            at = At(f"{path_to(section, name)}.environment", element.value_place("environment"), findings)
            at.problem(f"the variable {variable} is not set, so the {section[:-1]} has no content")
        return value

    def _is_secret(self, section: str, element: Map) -> bool:
        return section == "secrets" or "environment" in element or isinstance(element["content"], Masked)

    def _form(self, name: str, content: bytes, reference: Map, *, secret: bool) -> tuple[str, dict[str, Any]]:
        """The path of the host that is to hold the content, and the spec of the file there."""
        mode = reference.get("mode", _MODE)
        owner = {key: int(reference[key]) for key in ("uid", "gid") if reference.get(key, "").isdecimal()}
        digest = self._digest(content, f"{mode:o}:{owner}", secret)
        file = name if name.strip(".") else "content"
        target = self.bindings.target
        above = f"{target.secrets if secret else target.files}/{self.project.name}"
        spec = {"content": {"": (mode, content)}, "uid": owner.get("uid"), "gid": owner.get("gid"), "secret": secret}
        return f"{above}/{digest}/{file}", spec

    def _digest(self, content: bytes, about: str, secret: bool) -> str:
        """16 hex digits. A short secret could be guessed from a plain digest."""
        key = self.bindings.target.key if secret else b"config"
        return hmac.new(key, about.encode() + b"\0" + content, hashlib.sha256).hexdigest()[:16]
