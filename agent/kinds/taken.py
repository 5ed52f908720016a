"""Which networks and volumes of `docker compose` were taken over: by that they are ours also once nobody wants them.

The labels of neither can be changed. Where the note is lost, a network of Compose's stays when its stack leaves, and a
volume of Compose's is not listed as orphaned. A volume is known by its name, for it has no id.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from agent.errors import Trouble
from agent.jsonfile import JsonFile, Note, with_entry
from agent.kinds.base import NAME, ORIGIN, STACK
from agent.model import Resource


class Taken:
    """`file` holds, by stack and id, the name of each and the source of whoever took it over. `origin` is that of this
    agent. Any thread may call."""

    def __init__(self, file: JsonFile | None = None, origin: str = "") -> None:
        self._note, self._origin = Note(file), origin

    @property
    def stacks(self) -> frozenset[str]:
        """Those that something was taken over for."""
        return frozenset(self._note.known())

    def has(self, resource: Resource, id: str) -> bool:
        """Whether what has this id was taken over for what is wanted, from this source."""
        found = self._note.part(resource.stack).get(id)
        return found == {NAME: resource.key.name, ORIGIN: self._origin}

    def whose(self) -> dict[str, dict[str, str]]:
        """By id, the labels that each would have if it were made by us."""
        return {
            id: {STACK: stack, NAME: str(told.get(NAME) or ""), ORIGIN: str(told.get(ORIGIN) or "")}
            for stack in self._note.known()
            for id, told in self._note.part(stack).items()
            if isinstance(told, dict)
        }

    def note(self, resource: Resource, id: str) -> None:
        """What cannot be noted is forgotten with the agent."""
        entry = {NAME: resource.key.name, ORIGIN: self._origin}
        self._note.change(lambda kept: with_entry(kept, resource.stack, id, entry))

    def forget(self, stack: str, is_gone: Callable[[str], bool]) -> None:
        """Forget those of the stack that are gone for sure. `is_gone` is asked by id, and may raise `Trouble`."""
        gone = {id for id in self._note.part(stack) if _is_sure(is_gone, id)}
        self._note.only(stack, lambda id, _: id not in gone)


def _is_sure(is_gone: Callable[[str], bool], id: str) -> bool:
    with suppress(Trouble):
        return is_gone(id)
    return False
