"""What the versions of the Engine API differ in, where it matters to what an engine is sent.

Everything is made as the newest version takes it; what is sent to an older one is put here in the way of its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Version = tuple[int, int]
Json = dict[str, Any]

NEWEST: Final[Version] = (1, 51)  # what this agent was made against; a newer engine is spoken to in this version
ALL_NETWORKS: Final[Version] = (1, 44)  # since when a container may be made with more than one network

INTERFACE: Final = "com.docker.network.endpoint.ifname"  # the option of an endpoint that names its interface

# Members that came later than the oldest engine that is spoken to, with the version that they came with.
_LATER: Final[dict[str, dict[str, Version]]] = {
    "HostConfig": {"Annotations": (1, 43)},
    "Healthcheck": {"StartInterval": (1, 44)},
    "BindOptions": {"CreateMountpoint": (1, 42), "ReadOnlyNonRecursive": (1, 44), "ReadOnlyForceRecursive": (1, 44)},
    "VolumeOptions": {"Subpath": (1, 45)},
    "ImageOptions": {"Subpath": (1, 48)},
    "Endpoint": {"MacAddress": ALL_NETWORKS, "GwPriority": (1, 48)},
}


def container_body(body: Mapping[str, Any], api: Version) -> tuple[Json, dict[str, Json]]:
    """The body to make a container with, and the endpoints to connect it with before it is started, by network.

    An engine older than 1.44 takes one network when a container is made, and the address of its card beside it.
    """
    whole: Json = of_its_time(body, api)
    if api >= ALL_NETWORKS:
        return whole, {}
    endpoints = (whole.pop("NetworkingConfig", None) or {}).get("EndpointsConfig") or {}
    first = (whole.get("HostConfig") or {}).get("NetworkMode") or min(endpoints, default="")
    if first in endpoints:
        whole["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints.pop(first)}}
        if address := body["NetworkingConfig"]["EndpointsConfig"][first].get("MacAddress"):
            whole["MacAddress"] = address
    return whole, endpoints


def needs(body: Mapping[str, Any], api: Version) -> str:
    """What the container would silently be without on an engine of this version although it matters, such as
    "a mounted image (API 1.48)"; "" where there is nothing."""
    found = [*_of_health(body), *_of_mounts(body), *_of_endpoints(body)]
    return next((f"{what} (API {since[0]}.{since[1]})" for what, since in found if api < since), "")


def _of_health(body: Mapping[str, Any]) -> Iterator[tuple[str, Version]]:
    """Without its own interval what starts is looked at so seldom that whoever waits for it may give up."""
    if (body.get("Healthcheck") or {}).get("StartInterval"):
        yield "the start_interval of a health check", (1, 44)


def _of_mounts(body: Mapping[str, Any]) -> Iterator[tuple[str, Version]]:
    for mount in (body.get("HostConfig") or {}).get("Mounts") or ():
        if mount.get("Type") == "image":
            yield "a mounted image", (1, 48)
        if (mount.get("VolumeOptions") or {}).get("Subpath"):
            yield "a part of a volume", (1, 45)
        if (mount.get("BindOptions") or {}).get("ReadOnlyForceRecursive"):
            yield "a mount that is read-only all the way down", (1, 44)


def _of_endpoints(body: Mapping[str, Any]) -> Iterator[tuple[str, Version]]:
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    primary = (body.get("HostConfig") or {}).get("NetworkMode")
    for network, endpoint in endpoints.items():
        if INTERFACE in (endpoint.get("DriverOpts") or {}):
            yield "a named network interface", (1, 49)
        if endpoint.get("MacAddress") and network != primary:
            yield "an address for each network card", ALL_NETWORKS


def network_body(body: Mapping[str, Any], api: Version) -> Json:
    """Older engines make a second network of one name unless they are asked not to."""
    whole = {key: value for key, value in body.items() if key != "EnableIPv4" or api >= (1, 48)}
    return {**whole, "CheckDuplicate": True} if api < ALL_NETWORKS else whole


def of_its_time(value: Any, api: Version, part: str = "") -> Any:
    """Without what came later. `part` is the member that the value stands at."""
    if isinstance(value, list):
        return [of_its_time(one, api, part) for one in value]
    if not isinstance(value, Mapping):
        return value
    later, below = _LATER.get(part, {}), "Endpoint" if part == "EndpointsConfig" else ""
    return {key: of_its_time(one, api, below or key) for key, one in value.items() if later.get(key, api) <= api}
