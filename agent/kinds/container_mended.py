"""What containers have been made equal to since they were made, and which ones were taken over.

The labels of a container cannot be changed after it was made, and one that `docker compose` made has none of ours. So
the fingerprint that a container matches after it was changed in place, or was taken over, is noted here. It tells who
moves next, a commit or somebody's hand; and it makes a container of Compose's ours, also once nobody wants it any more.
Where the note is lost the labels tell, as of an older time, and nothing of Compose's is pruned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from agent.jsonfile import JsonFile, Note, with_entry
from agent.kinds.base import FIELDS, INSTANCE, NAME, ORIGIN, REVISION, SERVICE, STACK, Report, label_text
from agent.kinds.container_report import labels_of
from agent.model import Key, Resource

_ID = "id"


class Mended:
    """`file` holds, by stack and name, the id of such a container and the labels that one made anew would have had.
    `origin` is that of the agent. Any thread may call."""

    def __init__(self, file: JsonFile | None = None, origin: str = "") -> None:
        self._note, self._origin = Note(file), origin

    def of(self, resource: Resource, report: Report) -> dict[str, str]:
        """The labels that count for this container instead of its own; none where nothing is noted of it."""
        found = self._entry(resource, report)
        return {name: str(found.get(name) or "") for name in (FIELDS, REVISION)} if found else {}

    def labels(self, resource: Resource, report: Report) -> dict[str, str]:
        """All of its labels, with those that are noted in the place of its own."""
        return {**labels_of(report), **self.of(resource, report)}

    def is_taken(self, resource: Resource, report: Report) -> bool:
        """Whether one that `docker compose` made was found as wanted, and is ours since then."""
        found = self._entry(resource, report)
        return bool(found.get(FIELDS)) and found.get(ORIGIN) == self._origin

    def whose(self) -> dict[str, dict[str, str]]:
        """By id, the labels that tell whose each container is that is noted."""
        return {
            str(entry[_ID]): {
                **{label: str(entry.get(label) or "") for label in (ORIGIN, SERVICE, REVISION)},
                NAME: name,
                STACK: stack,
            }
            for stack in self._note.known()
            for name, entry in self._note.part(stack).items()
            if isinstance(entry, dict) and entry.get(_ID)
        }

    def note(self, resource: Resource, report: Report, made_from: Mapping[str, str], revision: str) -> None:
        """The container is now like one that was made from this fingerprint, at this revision. What cannot be written
        is known until the agent ends."""
        fields = label_text(made_from)
        known = INSTANCE in labels_of(report) or self.is_taken(resource, report)
        if known and self.labels(resource, report).get(FIELDS) == fields:
            return  # whatever was mended, it was no commit that had moved it
        self._put(resource, report, fields, revision)

    def claim(self, resource: Resource, report: Report) -> None:
        """One that `docker compose` made is ours from now on, although it is not as wanted."""
        if INSTANCE not in labels_of(report) and self._entry(resource, report).get(ORIGIN) != self._origin:
            self._put(resource, report, self.of(resource, report).get(FIELDS, ""), "")

    def _put(self, resource: Resource, report: Report, fields: str, revision: str) -> None:
        told = {FIELDS: fields, REVISION: revision, SERVICE: resource.service, ORIGIN: self._origin}
        entry = {_ID: report["Id"], **told}
        self._note.change(lambda kept: with_entry(kept, resource.stack, resource.key.name, entry))

    def _entry(self, resource: Resource, report: Report) -> dict[str, Any]:
        """What is noted of just this container, if anything."""
        found = self._note.part(resource.stack).get(resource.key.name)
        is_it = isinstance(found, dict) and found.get(_ID) and found[_ID] == report.get("Id")
        return dict(found) if isinstance(found, dict) and is_it else {}

    def forget(self, stack: str, keep: Collection[Key], there: Set[str] = frozenset()) -> None:
        """Keep notes of these alone, and of containers with ids that are `there`."""

        def keeps(name: str, entry: Any) -> bool:
            return Key("container", name) in keep or (isinstance(entry, dict) and entry.get(_ID) in there)

        self._note.only(stack, keeps)
