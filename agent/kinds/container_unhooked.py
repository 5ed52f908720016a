"""Containers that were started and have not had all that is to run after that (`post_start`).

No report tells. So it is noted before the start which container that is, and the note goes once the last of it has
ended well: an agent that dies or loses the engine in between leaves it to the next look. Where the note is lost, a
container counts as having had it, for to run it again in one that has run for long is worse.

One that had it before and is only started again waits for no content: what fails then says nothing of a commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from agent.errors import Trouble
from agent.jsonfile import JsonFile, only, part_of, with_entry
from agent.kinds.container_report import status_of
from agent.model import Difference, Key, Remedy, Resource

POST_START = "post_start"  # as a field of such a container
NOT_RUN = Difference(POST_START, "not run", "run", Remedy.IN_PLACE)
NOT_RUN_AGAIN = replace(NOT_RUN, declared=False)
_ID: Final = "again"  # in an entry: the id of one that is only started again
_UP = ("running", "paused")  # in one that is not, it runs with the next start

Report = Mapping[str, Any]


class Unhooked:
    """`file` holds the ids of such containers, by their stack and the name that they are for; of one that is started
    again, as an object. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._settled = set[str]()  # of those that had it, the ids of which that could not be noted

    def expect(self, resource: Resource, container: str, *, again: bool = False) -> None:
        """It is about to be started, be it `again`. What cannot be noted is forgotten with the agent."""
        self.expect_for(resource.stack, resource.key.name, container, again=again)

    def expect_for(self, stack: str, name: str, container: str, *, again: bool) -> None:
        """As `expect`, of one whose resource nobody has at hand."""
        self._settled.discard(container)

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            first = not again or part_of(kept, stack).get(name) == container
            return with_entry(kept, stack, name, container if first else {_ID: container})

        with suppress(Trouble):
            self._file.change(change)

    def settle(self, stack: str, container: str) -> None:
        """It has had all of it. What cannot be noted costs another run after a restart of the agent at most."""
        try:
            self._file.change(lambda kept: only(kept, stack, lambda _name, noted: _id_in(noted) != container))
        except Trouble:
            self._settled.add(container)

    def is_waiting(self, resource: Resource, report: Report) -> bool:
        """Whether the container runs and has not had it."""
        return self.lacks(resource, report) is not None

    def lacks(self, resource: Resource, report: Report) -> Difference | None:
        """That the container runs and has not had it, None where that is not so."""
        container = str(report.get("Id") or "")
        if not after_start(resource) or status_of(report) not in _UP or container in self._settled:
            return None
        noted = part_of(self._file.read(), resource.stack).get(resource.key.name)
        if not container or _id_in(noted) != container:
            return None
        return NOT_RUN if noted == container else NOT_RUN_AGAIN

    def forget(self, stack: str, keep: Collection[Key]) -> None:
        """Keep notes of these alone."""
        self._file.tidy(stack, lambda name, _: Key("container", name) in keep)


def _id_in(entry: Any) -> Any:
    return entry.get(_ID) if isinstance(entry, dict) else entry


def after_start(resource: Resource) -> Sequence[Mapping[str, Any]]:
    """What is to run in the container after each start of it by the agent, as bodies of an exec."""
    found: Sequence[Mapping[str, Any]] = (resource.spec.get("hooks") or {}).get(POST_START) or ()
    return found
