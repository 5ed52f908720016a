"""The images of containers: those that they are made from, and those that they are to be made from on this host."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from agent.engine import Engine
from agent.errors import Overtaken
from agent.kinds.container_words import stays
from agent.kinds.table import look
from agent.model import Change, Observed, Resource

Digests = tuple[str, ...]  # the `RepoDigests` of an image


class Images:
    """What the engine says of the images that containers have to do with. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = lru_cache(maxsize=512)(self._ask)
        self._digests: dict[str, Digests] = {}  # by id, as last told

    def config(self, identity: str) -> Mapping[str, Any] | None:
        """The configuration of an image by its id, None where it is gone. Ids never change what they stand for."""
        try:
            return self._known(identity) if identity else None
        except LookupError:
            return None

    def digests(self, identity: str) -> Digests:
        return self._digests.get(identity, ())

    def ask_for(self, ids: Iterable[str]) -> None:
        """Have the configurations of all these at hand."""
        self._engine.gather(partial(self.config, identity) for identity in sorted(set(ids)))

    def ids(self, references: Iterable[str]) -> dict[str, str]:
        """The id of the image that each reference stands for here."""
        asked = list(references)
        images = self._engine.gather(partial(self._engine.inspect_image, reference) for reference in asked)
        self._heed_digests(images)
        return {reference: image["Id"] for reference, image in zip(asked, images, strict=True) if image}

    def _ask(self, identity: str) -> Mapping[str, Any]:
        found = self._engine.inspect_image(identity)
        if found is None:
            raise LookupError(identity)  # which is not remembered
        self._heed_digests([found])
        return found.get("Config") or {}

    def _heed_digests(self, images: Iterable[Mapping[str, Any] | None]) -> None:
        """An image gets more of them with each registry that it is pushed to."""
        self._digests.update({one["Id"]: tuple(one.get("RepoDigests") or ()) for one in images if one})


class Resolved:
    """What the references of images stood for when their stacks were last looked at: whatever is made until the next
    look is of these, or of what the same stacks have fetched since. So no container is of an image that no plan has
    shown, and those of a service are of one. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._aside = threading.local()
        self._looks: dict[str, dict[str, str]] = {}  # ids by reference, by stack; stacks that are looked at together
        # share one of these

    def looked(self, wanted: Iterable[Resource], local: Mapping[str, str]) -> None:
        """`local` are the ids of what is here, by reference."""
        if getattr(self._aside, "is_on", False):
            return
        ids = dict(local)
        self._looks.update({resource.stack: ids for resource in wanted})

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While the block runs, what this thread looks at settles nothing: its stack is being changed by an earlier
        look."""
        self._aside.is_on = True
        try:
            yield
        finally:
            self._aside.is_on = False

    def renewed(self, change: Change) -> None:
        """An image was fetched, so its name may stand for another one; what is made next of it settles that."""
        built = look(change.wanted.spec, "build.tags") if change.wanted else None
        for name in (change.key.name, *(built or ())):
            self._looks.get(change.stack, {}).pop(name, None)

    def of(self, resource: Resource) -> tuple[str, dict[str, Any]]:
        """How the image is called that a container is to be made of, and its report. An image that is noted of the
        container goes before what its reference stands for by now, as long as it is here. Raises `Overtaken` where the
        reference stands for another one than it did."""
        reference = reference_of(resource)
        image = self._engine.inspect_image(reference) or {}
        here = str(image.get("Id") or "")
        recorded = recorded_of(resource, here)
        if recorded and here != recorded and (noted := self._engine.inspect_image(recorded)):
            return recorded, noted
        if here and (known := self._looks.get(resource.stack, {}).setdefault(reference, here)) != here:
            text = f"{reference} stands for another image since it was looked at: {here[:19]}, and not {known[:19]}"
            raise Overtaken(text, reason="ImageMoved")
        return reference, image


def reference_of(resource: Resource) -> str:
    """The image that a container is wanted of."""
    return str(look(resource.spec, "body.Image") or "")


def recorded_of(resource: Resource, local: str) -> str:
    """The id of the image that it is to be made of while its reference stands for `local`, "" where that is the one."""
    instead_of = str(resource.spec.get("instead_of") or local)
    return str(resource.spec.get("recorded") or "") if instead_of == local else ""


def references(wanted: Iterable[Resource]) -> list[str]:
    """All by which an image may be wanted: what its containers name, and the ids that are noted of them."""
    asked = [resource for resource in wanted if not resource.external]
    return sorted({*map(reference_of, asked), *(str(one.spec["recorded"]) for one in asked if "recorded" in one.spec)})


def image_for(resource: Resource, local: Mapping[str, str]) -> str:
    """The id of the image that the container is to be of, given what each reference stands for; "" for none. One that
    is noted with its digest need not be here, for it can be fetched."""
    here = local.get(reference_of(resource), "")
    recorded = recorded_of(resource, here)
    return recorded if recorded and (recorded in local or "digest" in resource.spec) else here


def told(resource: Resource, seen: Observed, local: Mapping[str, str]) -> Observed:
    """With why it stays as it is, where its reference stands for an image that was tried and was no good."""
    reference, bad = reference_of(resource), resource.spec.get("instead_of")
    if bad is None or local.get(reference) != bad or seen.image.id != resource.spec["recorded"]:
        return seen
    return replace(seen, stays=stays(reference))
