"""Which networks and volumes of `docker compose` were taken over: by that they are ours also once nobody wants them.

No label of either can be changed. Where the note is lost, a network of Compose's stays when its stack leaves, and
nobody is told of a volume. A volume goes by its name, for it has no id, and the engine takes the times of its directory
for that of its making.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from agent.errors import Trouble
from agent.jsonfile import JsonFile, part_of
from agent.kinds.base import NAME, ORIGIN, STACK
from agent.model import Resource


class Taken:
    """`file` holds, by stack and id, the name of each and the source of whoever took it over. `origin` is that of this
    agent. Any thread may call."""

    def __init__(self, file: JsonFile | None = None, origin: str = "") -> None:
        self._file = file or JsonFile()
        self._origin = origin
        self._kept: dict[str, Any] | None = None

    @property
    def stacks(self) -> frozenset[str]:
        """Those that something was taken over for."""
        return frozenset(self._known())

    def has(self, resource: Resource, id: str) -> bool:
        """Whether what has this id was taken over for what is wanted, from this source."""
        found = part_of(self._known(), resource.stack).get(id)
        return found == {NAME: resource.key.name, ORIGIN: self._origin}

    def whose(self) -> dict[str, dict[str, str]]:
        """By id, the labels that each would have if it were made by us."""
        return {
            id: {STACK: stack, NAME: str(told.get(NAME) or ""), ORIGIN: str(told.get(ORIGIN) or "")}
            for stack in self._known()
            for id, told in part_of(self._known(), stack).items()
            if isinstance(told, dict)
        }

    def note(self, resource: Resource, id: str) -> None:
        """What cannot be noted is forgotten with the agent."""
        entry = {id: {NAME: resource.key.name, ORIGIN: self._origin}}
        self._change(lambda kept: {**kept, resource.stack: {**part_of(kept, resource.stack), **entry}})

    def forget(self, stack: str, there: Set[str]) -> None:
        """Keep notes of those of the stack alone whose ids are `there`."""
        if not part_of(self._known(), stack).keys() <= there:
            self._change(lambda kept: _only(kept, stack, there))

    def _known(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = self._file.read()
        return self._kept

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def changed(kept: dict[str, Any]) -> dict[str, Any]:
            self._kept = change(kept)
            return self._kept

        try:
            self._file.change(changed)
        except Trouble:
            self._kept = change(self._known())  # for as long as this agent lives


def _only(kept: dict[str, Any], stack: str, there: Set[str]) -> dict[str, Any]:
    others = {name: told for name, told in kept.items() if name != stack}
    left = {id: told for id, told in part_of(kept, stack).items() if id in there}
    return {**others, stack: left} if left else others
