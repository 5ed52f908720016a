"""What is under protection although its label does not say so, and the other way round.

The label is put on what is made, and no container is made anew for a label. So what a stack says later of what is there
already is noted here, by name, as long as the stack says it. A note that is lost leaves the label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.jsonfile import JsonFile
from agent.model import Key, Observed, Resource


class Protections:
    """What is noted outlives the process where there is a file. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()

    def applied(self, wanted: Iterable[Resource], actual: Mapping[Key, Observed]) -> dict[Key, Observed]:
        """What is there, each with the protection that it is under by the last word of its stack."""
        said = {**self._file.read(), **{str(one.key): one.handling.protect for one in wanted}}
        return {
            key: replace(seen, protected=bool(said[str(key)]))
            if str(key) in said and said[str(key)] != seen.protected
            else seen
            for key, seen in actual.items()
        }

    def note(self, wanted: Iterable[Resource], labelled: Mapping[Key, Observed]) -> None:
        """Note what the labels of what is there do not tell. Raises `Refused` (`StateWriteFailed`)."""
        said = {
            str(one.key): one.handling.protect if labelled[one.key].protected != one.handling.protect else None
            for one in wanted
            if one.key in labelled and not one.prepares
        }
        kept = self._file.read()
        if any(kept.get(name) != protect for name, protect in said.items()):
            self._file.change(lambda kept: {n: one for n, one in {**kept, **said}.items() if one is not None})
