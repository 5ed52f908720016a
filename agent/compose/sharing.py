"""What a service takes from the containers of others: their namespaces, their volumes, their names.

Whoever refers to another service this way depends on it, whether `depends_on` says so or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from agent.compose.findings import At
from agent.compose.nodes import Map, Seq

SERVICE: Final = "service:"
CONTAINER: Final = "container:"
_NAMESPACES: Final = ("network_mode", "ipc", "pid", "uts", "cgroup")


class Reference(NamedTuple):
    """`restart`: the one that refers is started anew when the other is made anew. One that `is_link` does without a
    service that is off."""

    service: str
    at: At
    restart: bool
    is_link: bool = False


def references(service: Map, at: At) -> Iterator[Reference]:
    """Every other service that the one at `at` refers to, in the order in which Compose adds the dependencies."""
    for index, link in enumerate(service.get("links") or Seq(service.place)):
        target = link if link.count(":") > 1 else link.partition(":")[0]
        yield Reference(target, at.of_item(service, "links", index), restart=True, is_link=True)
    for key in _NAMESPACES:
        if (owner := shared_service(service.get(key))) is not None:
            yield Reference(owner, at.of(service, key), restart=True)
    for index, entry in enumerate(service.get("volumes_from") or Seq(service.place)):
        if not entry.startswith(CONTAINER):
            yield Reference(entry.partition(":")[0], at.of_item(service, "volumes_from", index), restart=False)


def namespaces(service: Map) -> tuple[frozenset[str], frozenset[str]]:
    """Whose namespaces a service is in: the services, and the containers that are named as such."""
    modes = [str(service.get(key) or "") for key in _NAMESPACES]
    services = filter(None, map(shared_service, modes))
    return frozenset(services), frozenset(one.removeprefix(CONTAINER) for one in modes if one.startswith(CONTAINER))


def named_containers(service: Map) -> list[str]:
    """The containers that a service refers to by their own names."""
    modes = [service.get(key) or "" for key in ("network_mode", "ipc", "pid")]
    links = [linked(link)[0] for link in service.get("external_links") or ()]
    shared = [one.split(":")[1] for one in (*modes, *(service.get("volumes_from") or ())) if one.startswith(CONTAINER)]
    return [name for name in (*shared, *links) if name]


def dependency(service: Map, target: str, at: At) -> At:
    """Where the service at `at` says that it depends on `target`: in `depends_on`, or where it refers to it."""
    place = service["depends_on"].key_place(target)
    for reference in references(service, at):
        if reference.service == target and reference.at.place == place:
            return reference.at
    return at.of(service, "depends_on").below(target, place)


def shared_service(mode: str | None) -> str | None:
    """The service whose namespace a mode means, None for any other mode."""
    return mode.removeprefix(SERVICE) if mode and mode.startswith(SERVICE) else None


def linked(link: str) -> tuple[str, str]:
    """What `NAME[:ALIAS]` refers to, and as what."""
    name, *rest = link.split(":")
    return name, rest[0] if len(rest) == 1 else name
