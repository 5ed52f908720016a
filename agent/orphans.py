"""Volumes that outlived their use. Reconciling never removes one; a person does, one at a time and by its name.

A volume is orphaned when this instance made it or took it over from `docker compose`, no container of the host has it
(running or not), and nothing that the agent last read wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.engine.disposal import Disposal
from agent.errors import Refused
from agent.jsonfile import JsonFile
from agent.kinds import VOLUMES
from agent.kinds.base import STACK, Identity, is_ours
from agent.kinds.taken import Taken
from agent.kinds.volume import is_of_compose


class Orphan(NamedTuple):
    """A volume, the stack that it was made for, and when that was, as the engine says it."""

    name: str
    stack: str
    made: str


@dataclass(frozen=True)
class Orphans:
    """Asks the engine anew at each call. `wanted` are volumes that the agent wants, `unread` stacks of which it is not
    known what they want, `taken` has the stack of each volume that was taken over, by its name. Every method raises
    `Refused` or `Unreachable`."""

    engine: Disposal = field(repr=False)
    instance: str
    wanted: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    taken: Mapping[str, str] = field(default_factory=dict)

    def all(self) -> tuple[Orphan, ...]:
        users = self._users()
        listed = (report for report in self.engine.list_volumes() if not self._why_not(report, users))
        return tuple(sorted(map(self._orphan, listed)))

    def remove(self, name: str) -> Orphan:
        """Remove just this one, with its data. `Refused` (`VolumeKept`) where it is no orphan."""
        found = self.engine.inspect_volume(name)
        why_not = self._why_not(found, self._users()) if found else "there is no such volume"
        if not found or why_not:
            raise Refused(f"volume {name} is not removed: {why_not}", reason="VolumeKept")
        self.engine.remove_volume(name)
        return self._orphan(found)

    def _why_not(self, report: Mapping[str, Any], users: Mapping[str, str]) -> str:
        """Why it is no orphan; "" where it is one."""
        name = str(report.get("Name"))
        stack = self._stack_of(report)
        if stack is None:
            return f"it was not made by this agent (instance {self.instance})"
        if name in users:
            return f"container {users[name]} has it, running or not"
        if name in self.wanted:
            return "it is wanted by what the agent last read"
        if stack in self.unread:
            return f"stack {stack} cannot be read now, and may want it"
        return ""

    def _stack_of(self, report: Mapping[str, Any]) -> str | None:
        """The one that it was made or taken over for; None where it is not ours."""
        name, labels = str(report.get("Name")), report.get("Labels") or {}
        if is_ours(Identity(self.instance, "", b""), name, labels, {}):
            return str(labels.get(STACK, ""))
        return self.taken.get(name) if is_of_compose(labels) else None

    def _orphan(self, report: Mapping[str, Any]) -> Orphan:
        return Orphan(str(report.get("Name")), self._stack_of(report) or "", str(report.get("CreatedAt") or ""))

    def _users(self) -> dict[str, str]:
        """By the name of a volume, a container that has it."""
        found: dict[str, str] = {}
        for container in self.engine.list_containers():
            for mount in container.get("Mounts") or ():
                if mount.get("Type") == "volume":
                    found.setdefault(str(mount.get("Name")), _name_of(container))
        return found


def _name_of(container: Mapping[str, Any]) -> str:
    names = container.get("Names") or [str(container.get("Id"))[:12]]
    return str(names[0]).removeprefix("/")


def taken_over(state_dir: Path) -> dict[str, str]:
    """The stack of each volume that the agent with this state directory has taken over, by its name."""
    noted = Taken(JsonFile(state_dir / VOLUMES)).whose()
    return {name: labels[STACK] for name, labels in noted.items()}
