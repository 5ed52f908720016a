"""Which image a container runs: a value, for `agent.model`. Its id is this host's, its digest the world's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_HUB = ("index.docker.io/", "docker.io/", "library/")  # in front of what an engine calls by its short name
_NAMELESS = "<none>"  # what some engines say of an image that has lost its names


@dataclass(frozen=True)
class Image:
    """`id` is how the engine of this host knows it, "" for none, and `digest` how its registry does, as
    `REPOSITORY@sha256:…`, "" where none is known that has it."""

    id: str = ""
    digest: str = ""


NO_IMAGE = Image()


def digest_of(reference: str, digests: Iterable[str]) -> str:
    """Of the `RepoDigests` of an image the one that goes with the reference that it is wanted by, another one where
    none does, "" for none."""
    known = [one for one in digests if not one.startswith(_NAMELESS)]
    wanted = _repository(reference)
    return min(known, key=lambda one: (_repository(one) != wanted, one != reference, one), default="")


def _repository(reference: str) -> str:
    """Without tag and digest, as short as the engine says it."""
    path, slash, last = reference.partition("@")[0].rpartition("/")
    name = path + slash + last.partition(":")[0]
    for prefix in _HUB:
        name = name.removeprefix(prefix)
    return name
