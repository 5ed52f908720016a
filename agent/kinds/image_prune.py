"""Images that were pulled here and that nobody needs any more: noted when they are pulled, and removed with care.

An image is needed while any container uses it, a stack wants it, or a stack may have to go back to it. One that
somebody else has given a name is his. The engine has the last word: nothing is removed by force.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.errors import Overtaken, Refused, Trouble
from agent.jsonfile import JsonFile
from agent.kinds.base import STACK
from agent.model import Key, Observed, Owner, Scope

Kept = Callable[[Set[str]], Set[str]]  # raises `Refused` where nobody knows
Tags = Mapping[str, frozenset[str]]  # of the images that are here, by their ids


def kept_by_nobody(_left: Set[str]) -> Set[str]:
    return frozenset()


class Pulled(NamedTuple):
    """What an image was called when it was pulled, and the stack that it was pulled for."""

    tags: frozenset[str]
    stack: str


@dataclass
class Pruning:
    """`kept` gives the ids of the images that stacks may have to go back to, without the stacks that it is given. The
    notes may be lost with their `file`: then the images stay. Any thread may call."""

    engine: Engine
    file: JsonFile = field(default_factory=JsonFile)
    kept: Kept = kept_by_nobody
    _wanted: dict[str, frozenset[str]] = field(default_factory=dict)  # ids by stack, as far as it was looked at
    _refused: set[str] = field(default_factory=set)  # ids that the engine does not let go of
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def here(self) -> Tags:
        """What there is before a pull."""
        return {one["Id"]: frozenset(one.get("RepoTags") or ()) for one in self.engine.list_images()}

    def note(self, reference: str, stack: str, before: Tags) -> None:
        """Note what a pull has brought that was not there `before`."""
        report = self.engine.inspect_image(reference)
        if report is None:
            return
        identity, tags = str(report["Id"]), frozenset(report.get("RepoTags") or ())
        with self._lock, suppress(Trouble):  # what is not noted stays on the host, which is no harm
            known = self._noted().get(identity)
            if identity in before and known is None:
                return
            self._wanted[stack] = self._wanted.get(stack, frozenset()) | {identity}
            brought = (tags - before.get(identity, frozenset())) | (known.tags if known else frozenset())
            entry = {"tags": sorted(brought), "stack": stack}
            self.file.change(lambda kept: {**kept, identity: entry})

    def look(self, scope: Scope, wanted: Mapping[str, frozenset[str]]) -> list[Observed]:
        """What can go of the scope; in a whole one, also of the stacks that are gone. `wanted` are the ids of what the
        stacks want."""
        with self._lock:
            self._wanted |= {stack: wanted.get(stack, frozenset()) for stack in scope.stacks}
            noted = self._unclaimed(scope)
        if not noted:
            return []
        try:
            kept = self.kept(scope.stacks - wanted.keys())
        except Refused:  # nobody knows what a stack may have to go back to: it may be any of them
            return []
        containers = self.engine.list_containers()
        used = {str(one.get("ImageID")) for one in containers} | kept
        living = {str((one.get("Labels") or {}).get(STACK)) for one in containers}
        free = [
            identity
            for identity, one in noted.items()
            if identity not in used and (one.stack in scope.stacks or one.stack not in living)
        ]
        reports = self.engine.gather(partial(self.engine.inspect_image, identity) for identity in free)
        return [
            _observed(report, noted[identity].stack, scope)
            for identity, report in zip(free, reports, strict=True)
            if report and _tags(report) <= noted[identity].tags
        ]

    def remove(self, seen: Observed) -> None:
        """Raises `Overtaken` where somebody needs it by now, and where the engine says so."""
        report = self.engine.inspect_image(seen.id)
        if report is not None:
            with self._lock:
                noted, is_wanted = self._noted().get(seen.id), self._is_wanted(seen.id)
            if noted is None or not _tags(report) <= noted.tags or is_wanted:
                raise Overtaken(f"image {seen.key.name}: somebody needs it by now", reason="ImageInUse")
            self._remove(seen, sorted(_tags(report)) or [seen.id])  # which may take long, and nobody's look is to wait
        with self._lock, suppress(Trouble):  # it is gone, and found to be so by the next look
            self.file.change(lambda kept: {key: value for key, value in kept.items() if key != seen.id})

    def _remove(self, seen: Observed, names: Sequence[str]) -> None:
        try:
            for name in names:
                self.engine.remove_image(name)
        except Refused as refused:
            if refused.reason == "ImageNotFound":
                return
            self._refused.add(seen.id)  # it is not tried again by this process
            raise Overtaken(refused.message, reason="ImageInUse") from refused

    def _unclaimed(self, scope: Scope) -> dict[str, Pulled]:
        return {
            identity: one
            for identity, one in self._noted().items()
            if not self._is_wanted(identity)
            and identity not in self._refused
            and (one.stack in scope.stacks or (scope.whole and not self._wanted.get(one.stack)))
        }

    def _is_wanted(self, identity: str) -> bool:
        return any(identity in ids for ids in self._wanted.values())

    def _noted(self) -> dict[str, Pulled]:
        found = {}
        for identity, entry in self.file.read().items():
            with suppress(TypeError, KeyError):  # what another release wrote
                found[identity] = Pulled(frozenset(entry["tags"]), str(entry["stack"]))
        return found


def _tags(report: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(report.get("RepoTags") or ())


def _observed(report: Mapping[str, Any], stack: str, scope: Scope) -> Observed:
    """Under its name, or under its digest where that has come to stand for another one."""
    names = [*sorted(_tags(report)), *(report.get("RepoDigests") or ()), str(report["Id"])]
    return Observed(
        Key("image", str(names[0])), str(report["Id"]), Owner.OURS, stack, scope.origin, spare=True, raw=report
    )
