"""Which image a container is made from: the one that it has, and the one that it is to have on this host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.kinds.container_words import stays
from agent.kinds.table import look
from agent.model import Observed, Resource


def image_of(report: Mapping[str, Any]) -> str:
    """The id of the image that a container was made from."""
    return str(report.get("Image") or "")


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
