"""The hooks that a container was made with, noted on it, for the file that it came from may say another thing by now.

Its labels hold the commands. Their environment may be secret, and labels are read by more eyes than a container's
environment: so that lies in the state directory, under a keyed digest that is a label too. Where it is lost, a command
is run without it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from agent.errors import Trouble
from agent.jsonfile import JsonFile, part_of, with_entry
from agent.kinds.base import NAME, PREFIX, STACK, digest, label_text
from agent.kinds.container_report import labels_of
from agent.model import Key, Resource

PRE_STOP_LABEL, POST_START_LABEL = f"{PREFIX}pre-stop", f"{PREFIX}post-start"
ENVIRONMENT = f"{PREFIX}hook-environment"
KEPT = 4  # environments of a name: of the one that runs, of the one that takes its place, and of what was cut
_LABELS: Final = {"pre_stop": PRE_STOP_LABEL, "post_start": POST_START_LABEL}

Bodies = Sequence[Mapping[str, Any]]


class Noted:
    """`file` holds, by stack and by name of a container, pairs of a digest and environments by label, the newest first.
    Any thread may call."""

    def __init__(self, key: bytes, file: JsonFile | None = None) -> None:
        self._key, self._file = key, file or JsonFile()

    def labels(self, resource: Resource) -> dict[str, str]:
        """The labels that the container is to have. Also notes the environments."""
        around = resource.spec.get("hooks") or {}
        bodies = {label: around[key] for key, label in _LABELS.items() if around.get(key)}
        given = {label: [body.get("Env") for body in of] for label, of in bodies.items()}
        labels = {label: label_text([_without_environment(body) for body in of]) for label, of in bodies.items()}
        if not any(env for of in given.values() for env in of):
            return labels
        mark = digest(self._key, given)
        self._note(resource, [mark, given])
        return {**labels, ENVIRONMENT: mark}

    def bodies(self, report: Mapping[str, Any], label: str) -> Bodies:
        """The commands under this label of a container, as bodies of an exec."""
        labels = labels_of(report)
        found, given = bodies_in(labels.get(label, "")), self._given(labels).get(label)
        if not isinstance(given, list) or len(given) != len(found):
            return found
        return [{**body, "Env": env} if env else body for body, env in zip(found, given, strict=True)]

    def forget(self, stack: str, keep: Collection[Key]) -> None:
        """Keep the environments of these alone."""
        self._file.tidy(stack, lambda name, _: Key("container", name) in keep)

    def _note(self, resource: Resource, pair: list[Any]) -> None:
        name, stack = resource.key.name, resource.stack

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            before = [one for one in _pairs(kept, stack, name) if one[0] != pair[0]]
            return with_entry(kept, stack, name, [pair, *before][:KEPT])

        with suppress(Trouble):  # the command is run without it then
            self._file.change(change)

    def _given(self, labels: Mapping[str, str]) -> Mapping[str, Any]:
        mark = labels.get(ENVIRONMENT)
        pairs = _pairs(self._file.read(), labels.get(STACK, ""), labels.get(NAME, "")) if mark else []
        return next((given for one, given in pairs if one == mark and isinstance(given, dict)), {})


def bodies_in(label: str) -> Bodies:
    try:
        found = json.loads(label or "[]")
    except ValueError:
        return ()
    return [body for body in found if isinstance(body, dict)] if isinstance(found, list) else ()


def _without_environment(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "Env"}


def _pairs(kept: Mapping[str, Any], stack: str, name: str) -> list[Any]:
    found = part_of(kept, stack).get(name)
    return [one for one in found if isinstance(one, list) and len(one) == 2] if isinstance(found, list) else []
