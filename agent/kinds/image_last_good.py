"""The images that a stack ran when it was good, wanted again: by their ids as long as they are on this host, and pulled
by their digests where somebody has removed them since.

A resource has them as "recorded": their ids, and "digests": by id, of those that can be pulled, what they are pulled
by; with "instead_of": ids, only while its reference stands for one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.engine import Engine
from agent.errors import Refused, Unreachable
from agent.model import Resource


def gone(engine: Engine, resource: Resource) -> dict[str, str]:
    """What is to be pulled again: by id, the digests of those that are not on this host."""
    digests: Mapping[str, str] = resource.spec.get("digests") or {}
    bad = resource.spec.get("instead_of")
    if digests and bad and (engine.inspect_image(resource.key.name) or {}).get("Id") not in bad:
        return {}
    return {identity: digest for identity, digest in digests.items() if engine.inspect_image(identity) is None}


def report_of(engine: Engine, resource: Resource) -> dict[str, Any] | None:
    """The report of one of them, None where one has to be pulled. Where none is noted, or one is gone and cannot be
    pulled, the report of what the reference stands for."""
    noted = [engine.inspect_image(identity) for identity in resource.spec.get("recorded") or ()]
    if noted and all(noted):
        return noted[0]
    return None if gone(engine, resource) else engine.inspect_image(resource.key.name)


@contextmanager
def brought_back(engine: Engine, resource: Resource, identity: str) -> Iterator[None]:
    """Around the pull of one of them: says what it is for where it fails, and `Refused` where it brings another one."""
    told = f"the image of {resource.key.name} that ran when the stack was good is no longer on this host"
    try:
        yield
    except (Refused, Unreachable) as error:
        text = f"{told}, and cannot be had: {error.message}"
        raise type(error)(text, reason=error.reason, attempted=error.attempted) from error
    if engine.inspect_image(identity) is None:
        raise Refused(f"{told}, and its registry has another one by its digest", reason="ImageCorrupt")
