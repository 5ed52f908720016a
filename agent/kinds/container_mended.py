"""What containers have been made equal to since they were made.

The labels of a container are those of its making, and one that `docker compose` made has none of ours. So it is noted
what one that was changed in place is of by now, and what one of Compose's was of when it was found as wanted. By that
it is told who moves next, a commit or somebody's hand. Where the note is lost the labels tell, as of an older time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from agent.errors import Trouble
from agent.jsonfile import JsonFile, part_of
from agent.kinds.base import FIELDS, REVISION, label_text
from agent.kinds.container_names import labels_of
from agent.model import Key, Resource

_ID = "id"
Report = Mapping[str, Any]


class Mended:
    """`file` holds, by stack and name, the id of such a container and the labels that one made anew would have had. It
    is read once: nobody else writes it while this one does. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._kept: dict[str, Any] | None = None

    def of(self, resource: Resource, report: Report) -> dict[str, str]:
        """The labels that count for this container instead of its own; none where nothing is noted of it."""
        found = part_of(self._known(), resource.stack).get(resource.key.name)
        if not isinstance(found, dict) or not found.get(_ID) or found[_ID] != report.get("Id"):
            return {}
        return {name: str(found.get(name) or "") for name in (FIELDS, REVISION)}

    def labels(self, resource: Resource, report: Report) -> dict[str, str]:
        """All of its labels, with those that are noted in the place of its own."""
        return {**labels_of(report), **self.of(resource, report)}

    def note(self, resource: Resource, report: Report, made_from: Mapping[str, str], revision: str) -> None:
        """It is by now as one that is made from this fingerprint, at this revision. What cannot be noted is forgotten
        with the agent."""
        fields = label_text(made_from)
        if self.labels(resource, report).get(FIELDS) == fields:
            return  # whatever was mended, it was no commit that had moved it
        entry = {resource.key.name: {_ID: report["Id"], FIELDS: fields, REVISION: revision}}
        self._change(lambda kept: {**kept, resource.stack: {**part_of(kept, resource.stack), **entry}})

    def forget(self, stack: str, keep: Collection[Key]) -> None:
        """Keep notes of these alone."""
        known = part_of(self._known(), stack)
        left = {name: entry for name, entry in known.items() if Key("container", name) in keep}
        if left != known:
            self._change(lambda kept: _with(kept, stack, left))

    def _known(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = self._file.read()
        return self._kept

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def changed(kept: dict[str, Any]) -> dict[str, Any]:
            self._kept = change(kept)
            return self._kept

        with suppress(Trouble):
            self._file.change(changed)


def _with(kept: Mapping[str, Any], stack: str, entries: dict[str, Any]) -> dict[str, Any]:
    others = {name: entry for name, entry in kept.items() if name != stack}
    return {**others, stack: entries} if entries else others
