"""The calls that create a project on an engine that has nothing of it yet, as Docker Compose would make them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.compose.mounts import Stored
from agent.compose.names import container_name
from agent.compose.nodes import Map
from agent.compose.paths import joined
from agent.compose.payload import Maker, platform
from agent.compose.project import Project
from agent.compose.stores import targets
from agent.compose.validate import replicas_of
from agent.versions import NEWEST, Version, container_body, network_body

Call = dict[str, Any]


def engine_calls(project: Project, base: str, api: Version = NEWEST) -> list[Call]:
    """The changing calls of a first apply, in their order, with the project's files lying in `base`.

    `api` is the version of the engine's API. The id of a container, which nobody knows before it is made, stands as
    `@CID(NAME)@` where another one refers to it; the one that is connected to a network is `<NAME>`.
    """
    maker = Maker(project, base, reference=lambda name: f"@CID({name})@")
    networks = [
        {"call": "network.create", "body": {"Name": network["name"], **network_body(maker.network(key), api)}}
        for key, network in sorted(project.networks.items())
        if not network.get("external")
    ]
    volumes = [
        {"call": "volume.create", "body": {"Name": volume["name"], **maker.volume(key)}}
        for key, volume in sorted(project.volumes.items())
        if not volume.get("external")
    ]
    return [*networks, *volumes, *_containers(maker, base, api)]


def _containers(maker: Maker, base: str, api: Version) -> Iterator[Call]:
    """An engine older than 1.44 is told of the networks beyond the first one by one."""
    for name, service in sorted(maker.project.services.items()):
        if "provider" in service:
            continue
        sources, stored = _plain_sources(service, base), _plain_stored(maker.project, service, base)
        for number in range(1, replicas_of(service) + 1):
            called = container_name(maker.project, name, number)
            body, others = container_body(maker.container(name, number, sources, stored), api)
            yield {
                "call": "container.create",
                "name": called,
                "platform": platform(service, maker.project.environment),
                "body": body,
            }
            for network, endpoint in sorted(others.items()):
                connect = {"Container": f"<{called}>", "EndpointConfig": endpoint}
                yield {"call": "network.connect", "network": network, "body": connect}


def _plain_sources(service: Map, base: str) -> list[str]:
    volumes = service.get("volumes") or ()
    return [joined(base, volume["source"]) if volume["type"] == "bind" else "" for volume in volumes]


def _plain_stored(project: Project, service: Map, base: str) -> list[Stored]:
    """As Compose sends them: it copies into the container what has no file, and mounts the rest."""
    return [
        Stored(joined(base, defined[reference["source"]].get("file", "")), target, section)
        for section, defined in (("configs", project.configs), ("secrets", project.secrets))
        for reference, target in zip(service.get(section) or (), targets(service, section), strict=True)
        if not any(defined[reference["source"]].get(way) for way in ("environment", "content"))
    ]
