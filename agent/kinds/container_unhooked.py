"""Containers that were started and have not had all that is to run after that (`post_start`).

No report tells. So it is noted before the start which container that is, and the note goes once the last of it has
ended well: an agent that dies or loses the engine in between leaves it to the next look. Where the note is lost, a
container counts as having had it, for to run it again in one that has run for long is worse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agent.errors import Trouble
from agent.jsonfile import JsonFile, only, part_of, with_entry
from agent.kinds.table import look
from agent.model import Difference, Key, Remedy, Resource

POST_START = "post_start"  # as a field of such a container
NOT_RUN = Difference(POST_START, "not run", "run", Remedy.IN_PLACE)
_UP = ("running", "paused")  # in one that is not, it runs with the next start

Report = Mapping[str, Any]


class Unhooked:
    """`file` holds the ids of such containers, by their stack and the name that they are for. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._settled = set[str]()  # of those that had it, the ids of which that could not be noted

    def expect(self, resource: Resource, container: str) -> None:
        """It is about to be started. What cannot be noted is forgotten with the agent."""
        self.expect_for(resource.stack, resource.key.name, container)

    def expect_for(self, stack: str, name: str, container: str) -> None:
        """As `expect`, of one whose resource nobody has at hand."""
        self._settled.discard(container)
        with suppress(Trouble):
            self._file.change(lambda kept: with_entry(kept, stack, name, container))

    def settle(self, stack: str, container: str) -> None:
        """It has had all of it. What cannot be noted costs another run after a restart of the agent at most."""
        try:
            self._file.change(lambda kept: only(kept, stack, lambda _name, noted: noted != container))
        except Trouble:
            self._settled.add(container)

    def is_waiting(self, resource: Resource, report: Report) -> bool:
        """Whether the container runs and has not had it."""
        container = str(report.get("Id") or "")
        if not after_start(resource) or look(report, "State.Status") not in _UP or container in self._settled:
            return False
        return part_of(self._file.read(), resource.stack).get(resource.key.name) == container

    def forget(self, stack: str, keep: Collection[Key]) -> None:
        """Keep notes of these alone."""
        self._file.tidy(stack, lambda name, _: Key("container", name) in keep)


def after_start(resource: Resource) -> Sequence[Mapping[str, Any]]:
    """What is to run in the container after each start of it by the agent, as bodies of an exec."""
    found: Sequence[Mapping[str, Any]] = (resource.spec.get("hooks") or {}).get(POST_START) or ()
    return found
