"""`extends`: a service laid over another one, of its own document or of another file.

The one thing to know: a file that `extends` names gives one service and nothing else; its relative paths are meant
from its own directory, and what it includes is not looked at.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from agent.compose import merge as merging
from agent.compose.documents import Document
from agent.compose.findings import At, did_you_mean, path_to
from agent.compose.interpolate import interpolated
from agent.compose.library import Scope
from agent.compose.located import service_paths
from agent.compose.nodes import BROKEN, Broken, Map
from agent.compose.paths import moved, way
from agent.compose.resets import below, without
from agent.compose.reuse import located
from agent.compose.schema import SERVICE

_MOST_VALUES: Final = 500_000  # of all extended services together; in a chain they grow with the square of it


@dataclass(eq=False, repr=False)
class _Source:
    """Where services stand: one document, or a whole file; `way` leads there from the project's directory."""

    file: str
    documents: Sequence[Document]
    way: str = ""

    @cached_property
    def names(self) -> set[str]:
        return {name for document in self.documents for name in _services(document)}


_Key = tuple[_Source, str]


@dataclass(eq=False, repr=False)
class _Chain:
    """The services on the way down, each as its source alone writes it, and what the last of them is based on."""

    links: dict[_Key, Map | None] = field(default_factory=dict)
    base: Map | None = None
    sound: bool = True


class Extender:
    """Resolves the `extends` of the documents of one scope. A file that they name is read once for all of them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.findings = scope.findings
        self._files: dict[str, _Source | None] = {}
        self._done: dict[_Key, Map | None] = {}
        self._doubtful: set[_Key] = set()
        self.room = _MOST_VALUES

    def extended(self, document: Document) -> Map:
        """The document with each service that extends another one in full, in canonical form."""
        services = _services(document)
        extending = {name for name, service in services.items() if isinstance(service, Map) and "extends" in service}
        if not extending:
            return document.root
        source = _Source(document.root.place.file, [document])
        result = Map(services.place)
        for name, service in services.items():
            result.put_from(services, name, self._resolved((source, name)) if name in extending else service)
        root = Map(document.root.place)
        for key, value in document.root.items():
            root.put_from(document.root, key, result if key == "services" else value)
        return root

    def _resolved(self, key: _Key) -> Map | Broken | None:
        """The service in full. Broken where a fault was reported on the way: what is missing then is no second one."""
        chain = self._chain(key)
        if not chain.sound:
            self._doubtful.update(chain.links)
            self.findings.lose("services", key[1])
        base = chain.base
        for link, own in reversed(chain.links.items()):
            base = self._done[link] = _over(base, own, link)
            self._spend(base, link)
        return base if chain.sound else BROKEN

    def _spend(self, whole: Map | None, key: _Key) -> None:
        """Raises `BadManifest` where services that extend one another grow beyond all measure."""
        self.room -= _weight(whole)
        if self.room < 0 and whole is not None:
            at = At(path_to("services", key[1]), whole.place, self.findings)
            at.problem(f"the services that extend others have more than {_MOST_VALUES} values together")
            self.findings.raise_if_any()

    def _chain(self, key: _Key) -> _Chain:
        """The way down from a service to the first that extends nothing, or is done already."""
        chain = _Chain()
        while key not in self._done:
            problems = len(self.findings.problems)
            own = chain.links[key] = self._own(*key)
            following = self._following(key, own) if own and own.get("extends") is not None else None
            if own and following in chain.links:
                self._refuse_cycle([*chain.links, following], own)
            chain.sound = chain.sound and len(self.findings.problems) == problems
            if following is None or not chain.sound:
                return chain
            key = following
        chain.base = self._done[key]
        chain.sound = chain.sound and key not in self._doubtful
        return chain

    def _own(self, source: _Source, name: str) -> Map | None:
        """The service as its source alone writes it, with paths that are meant from the project's directory."""
        own: Map | None = None
        for document in source.documents:
            services = _services(document)
            if services.get(name) is not None:
                at = At(path_to("services", name), services.value_place(name), self.findings, partial=True)
                read = SERVICE.read(services[name], at)
                kept = without(own, below(document.resets, "services", name)) if own else None
                own = merging.merged(kept, None if read is BROKEN else read, SERVICE.merge)
        if own and source.way:
            for holder, key, _ in service_paths(own):
                holder[key] = moved(source.way, holder[key])
        return own

    def _following(self, key: _Key, own: Map) -> _Key | None:
        """What a service extends. None, and a problem, where that is not to be had."""
        source, name = key
        extends: Map = own["extends"]
        at = At(path_to("services", name), own.place, self.findings).of(own, "extends")
        if extends.get("service") is None:
            at.problem('needs the key "service"')
            return None
        found: _Source | None = source
        if extends.get("file") is not None:
            found = self._file(extends["file"], at.of(extends, "file"))
        if found is None or extends["service"] in (names := found.names):
            return None if found is None else (found, extends["service"])
        below = at.of(extends, "service")
        below.problem(
            f"there is no service {below.shown(extends['service'])} in {self.findings.shown(found.file)}",
            did_you_mean(extends["service"], names),
        )
        return None

    def _file(self, path: str, at: At) -> _Source | None:
        file = located(self.scope.files, self.scope.directory, path, at)
        if file is None:
            return None
        if file not in self._files:
            self.findings.reach(file, "extended by", at.place)
            read = self.scope.library.documents(file, at)
            self._files[file] = None if read is None else self._source(file, read)
        return self._files[file]

    def _source(self, file: str, read: Sequence[Document]) -> _Source:
        environment = self.scope.environment
        filled = [Document(interpolated(one.root, environment, self.findings), one.resets) for one in read]
        return _Source(file, filled, way(self.scope.directory, posixpath.dirname(file)))

    def _refuse_cycle(self, links: Sequence[_Key], own: Map) -> None:
        loop = links[links.index(links[-1]) :]
        said = " → ".join(f"{name} in {self.findings.shown(source.file)}" for source, name in loop)
        At(path_to("services", links[-2][1]), own.place, self.findings).of(own, "extends").problem(
            f"a service cannot extend itself: {said}"
        )


def _services(document: Document) -> Map:
    services = document.root.get("services")
    return services if isinstance(services, Map) else Map(document.root.place)


def _over(base: Map | None, own: Map | None, key: _Key) -> Map | None:
    """A service over what it extends. Over nothing it stays as it is, and `extends` in it, as in Compose."""
    if base is None or own is None:
        return own
    source, name = key
    paths = [path for document in source.documents for path in below(document.resets, "services", name)]
    whole: Map = SERVICE.merge(without(base, paths), own)
    result = Map(own.place)
    for one, value in whole.items():
        if one != "extends":
            result.put_from(whole, one, value)
    return result


def _weight(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_weight(one) for one in inner)
