"""What may be relied on in an answer of the engine that it gave for good, as a proxy in between may have made it up."""

from __future__ import annotations

from typing import Any

from agent.errors import Refused

ABSENT: Any = object()  # the answer is that nothing is there (404), which an answer of null is not


def reading(endpoint: str, *names: str) -> str:
    """What is done at an endpoint that tells of an object, as errors say it."""
    return " ".join(["read", *endpoint.split("_")[:1], *names])


def no_sense(subject: str) -> Refused:
    """By such an answer nothing is known: neither that something is there nor that it is not."""
    return Refused(
        f"{subject}: the answer makes no sense: look at what is between the engine and the agent",
        reason="EngineObjectInvalid",
    )


def object_in(found: Any, subject: str, *needed: str) -> dict[str, Any]:
    """The object. Raises `Refused` for one that does not say who it is, and anything else."""
    if isinstance(found, dict) and all(isinstance(found.get(key), str) for key in needed):
        return found
    raise no_sense(subject)


def objects_in(found: Any, subject: str, *needed: str) -> list[dict[str, Any]]:
    """The entries of a list that say who they are; what does not cannot be acted upon. Older engines say null for an
    empty one. Raises `Refused` for no list, and where the engine does not know of any (`ABSENT`)."""
    if not isinstance(found, list | None):
        raise no_sense(subject)
    return [
        one for one in found or () if isinstance(one, dict) and all(isinstance(one.get(key), str) for key in needed)
    ]


def id_in(made: Any, subject: str) -> str:
    """The id of what was made. Raises `Refused` where that is not told; it may be there all the same."""
    if not (isinstance(made, dict) and isinstance(made.get("Id"), str)):
        raise no_sense(subject)
    return str(made["Id"])
