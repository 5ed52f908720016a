"""Which images the containers of a stack ran when the stack was last good, so that going back needs no registry.

A tag may stand for another image by the time that a stack goes back to what it was. Then its containers are made of the
images that they had, by id, and the tag is left to whoever moved it: other stacks may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from agent.errors import Trouble
from agent.jsonfile import JsonFile
from agent.model import Resource, Stack


class GoodImages:
    """What is noted outlives the process where there is a file, which may be lost. Any thread may call."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()

    def note(self, stack: str, images: Mapping[str, str]) -> None:
        """`images` are the ids by the names of the containers. What cannot be written leaves an older note."""
        if images and self._file.read().get(stack) != images:
            with suppress(Trouble):
                self._file.change(lambda kept: {**kept, stack: dict(images)})

    def forget(self, stack: str) -> None:
        if stack in self._file.read():
            with suppress(Trouble):
                self._file.change(lambda kept: {name: images for name, images in kept.items() if name != stack})

    def pinned(self, stack: Stack) -> Stack:
        """The stack with its containers bound to the images that they ran, as far as that is known."""
        known = self._file.read().get(stack.name)
        if not isinstance(known, dict):
            return stack
        ids = {name: identity for name, identity in known.items() if isinstance(identity, str)}
        ran: dict[str, set[str]] = {}  # ids by reference
        for resource in stack.resources:
            if _is_noted(resource, ids):
                ran.setdefault(str(resource.spec["body"].get("Image")), set()).add(ids[resource.key.name])
        return replace(stack, resources=tuple(_bound(resource, ids, ran) for resource in stack.resources))


def _is_noted(resource: Resource, ids: Mapping[str, str]) -> bool:
    return resource.key.kind == "container" and not resource.external and resource.key.name in ids


def _bound(resource: Resource, ids: Mapping[str, str], ran: Mapping[str, set[str]]) -> Resource:
    """A container is made of what it ran. An image that is run so is neither pulled nor built as long as it is here."""
    if _is_noted(resource, ids):
        return replace(resource, spec={**resource.spec, "recorded": ids[resource.key.name]})
    if resource.key.kind == "image" and (identities := ran.get(resource.key.name)):
        return replace(resource, spec={**resource.spec, "recorded": sorted(identities)}, renewed=False)
    return resource
