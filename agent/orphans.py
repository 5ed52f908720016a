"""Volumes that outlived their use. Reconciling never removes one; a person does, one at a time and by its name.

A volume is orphaned when this instance made it, no container of the host has it (running or not), and nothing that the
agent last read wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.engine.disposal import Disposal
from agent.errors import Refused
from agent.kinds.base import STACK, Identity, is_ours


class Orphan(NamedTuple):
    """A volume, the stack that it was made for, and when that was, as the engine says it."""

    name: str
    stack: str
    made: str


@dataclass(frozen=True)
class Orphans:
    """Asks the engine anew at each call. `wanted` are volumes that the agent wants, `unread` stacks of which it is not
    known what they want. Every method raises `Refused` or `Unreachable`."""

    engine: Disposal = field(repr=False)
    instance: str
    wanted: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()

    def all(self) -> tuple[Orphan, ...]:
        users = self._users()
        listed = (report for report in self.engine.list_volumes() if not self._why_not(report, users))
        return tuple(sorted(map(_orphan, listed)))

    def remove(self, name: str) -> Orphan:
        """Remove just this one, with its data. `Refused` (`VolumeKept`) where it is no orphan."""
        found = self.engine.inspect_volume(name)
        why_not = self._why_not(found, self._users()) if found else "there is no such volume"
        if not found or why_not:
            raise Refused(f"volume {name} is not removed: {why_not}", reason="VolumeKept")
        self.engine.remove_volume(name)
        return _orphan(found)

    def _why_not(self, report: Mapping[str, Any], users: Mapping[str, str]) -> str:
        """Why it is no orphan; "" where it is one."""
        name, labels = str(report.get("Name")), report.get("Labels") or {}
        if not is_ours(Identity(self.instance, "", b""), name, labels, {}):
            return f"it was not made by this agent (instance {self.instance})"
        if name in users:
            return f"container {users[name]} has it, running or not"
        if name in self.wanted:
            return "it is wanted by what the agent last read"
        if labels.get(STACK) in self.unread:
            return f"stack {labels[STACK]} cannot be read now, and may want it"
        return ""

    def _users(self) -> dict[str, str]:
        """By the name of a volume, a container that has it."""
        found: dict[str, str] = {}
        for container in self.engine.list_containers():
            for mount in container.get("Mounts") or ():
                if mount.get("Type") == "volume":
                    found.setdefault(str(mount.get("Name")), _name_of(container))
        return found


def _orphan(report: Mapping[str, Any]) -> Orphan:
    labels = report.get("Labels") or {}
    return Orphan(str(report.get("Name")), str(labels.get(STACK, "")), str(report.get("CreatedAt") or ""))


def _name_of(container: Mapping[str, Any]) -> str:
    names = container.get("Names") or [str(container.get("Id"))[:12]]
    return str(names[0]).removeprefix("/")
