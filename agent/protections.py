"""What is under protection although its label does not say so, and the other way round.

The label is put on what is made, and no container is made anew for a label. So what a stack says later of what is there
already is noted here, by name, as long as the stack says it. A note that is lost leaves the label. One that is there
and cannot be read may protect whatever nobody wants any more: then that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.jsonfile import JsonFile
from agent.model import Key, Observed, Resource
from agent.twins import base_name


class Protections:
    """What is noted outlives the process where there is a file. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()

    def applied(self, wanted: Iterable[Resource], actual: Mapping[Key, Observed]) -> dict[Key, Observed]:
        """What is there, each with the protection that it is under by the last word of its stack."""
        kept, failure, _ = self._file.look()
        said = {**(kept or {}), **{str(one.key): one.handling.protect for one in wanted}}
        unsure = failure.message if kept is None and failure else ""
        return {key: _protected(seen, said.get(_noted_as(seen)), unsure) for key, seen in actual.items()}

    def note(self, wanted: Iterable[Resource], labelled: Mapping[Key, Observed]) -> None:
        """Note what the labels of what is there do not tell. Raises `Refused` (`StateReadFailed`,
        `StateWriteFailed`)."""
        said = {
            str(one.key): one.handling.protect if labelled[one.key].protected != one.handling.protect else None
            for one in wanted
            if one.key in labelled and not one.prepares
        }
        kept = self._file.read()
        if any(kept.get(name) != protect for name, protect in said.items()):
            self._file.change(
                lambda kept: {n: one for n, one in {**kept, **said}.items() if one is not None}, anew=False
            )


def _noted_as(seen: Observed) -> str:
    """What was said of an object is said of the twin that a replacement has left of it."""
    return str(seen.key._replace(name=base_name(seen.key.name)) if seen.leftover else seen.key)


def _protected(seen: Observed, said: Any, unsure: str) -> Observed:
    """What its stack says of it goes before its label; with neither, it is `unsure` why nobody can tell."""
    if said is None:
        return replace(seen, unsure=unsure) if unsure and not seen.protected else seen
    return replace(seen, protected=bool(said)) if said != seen.protected else seen
