"""Containers that were started and have not had all that is to run after that (`post_start`).

The engine's report does not tell. So the container is noted before its start, and the note is removed once the last
hook has ended well: an agent that dies or loses the engine in between leaves the hooks to the next look. Where the note
is lost they count as run, for running them again in a container that has run for long is worse.

A container that had them before and is only started again is no new content: what fails then says nothing of a commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from agent.errors import Trouble
from agent.jsonfile import JsonFile, only, part_of, with_entry
from agent.kinds.base import Report
from agent.kinds.container_report import status_of
from agent.model import Difference, Key, Remedy, Resource

POST_START = "post_start"  # as a field of such a container
NOT_RUN = Difference(POST_START, "not run", "run", Remedy.IN_PLACE)
NOT_RUN_AGAIN = replace(NOT_RUN, declared=False)
_ID: Final = "again"  # in an entry: the id of one that is only started again
_UP = ("running", "paused")  # in one that is not, it runs with the next start


class Unhooked:
    """`file` holds the ids of such containers by stack and wanted name; the id of one that is only started again stands
    in an object. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._settled = set[str]()  # of those that had it, the ids of which that could not be noted

    def expect(self, resource: Resource, container: str, *, again: bool = False) -> None:
        """The container is about to be started, or started `again`. What cannot be noted is forgotten with the
        agent."""
        self.expect_for(resource.stack, resource.key.name, container, again=again)

    def expect_for(self, stack: str, name: str, container: str, *, again: bool) -> None:
        """As `expect`, where the resource is not at hand."""
        self._settled.discard(container)

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            first = not again or part_of(kept, stack).get(name) == container
            return with_entry(kept, stack, name, container if first else {_ID: container})

        with suppress(Trouble):
            self._file.change(change)

    def settle(self, stack: str, container: str) -> None:
        """All hooks have run. What cannot be noted costs at most another run after a restart of the agent."""
        try:
            self._file.change(lambda kept: only(kept, stack, lambda _name, noted: _id_in(noted) != container))
        except Trouble:
            self._settled.add(container)

    def is_waiting(self, resource: Resource, report: Report) -> bool:
        """Whether the container runs and its hooks have not."""
        return self.lacks(resource, report) is not None

    def lacks(self, resource: Resource, report: Report) -> Difference | None:
        """The difference that the container runs and its hooks have not; None where that is not so."""
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
