"""Which networks a container is attached to, and how: as wanted and as reported, in one form.

A network is `{"aliases": …, "ipv4_address": …, …}` with what is unset left out, so that a difference can be told as
`networks.front.aliases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from agent.kinds.container_facts import named_owner
from agent.kinds.table import ip_text
from agent.model import Difference, Remedy

Endpoints = dict[str, dict[str, Any]]

RANKED = (1, 48)  # the API since which endpoints have a priority as gateways
ON_CREATION = (1, 44)  # the API since which the address of a network card is heeded only when a container is made
# The fields of a network of a container, and the members of an endpoint and of its address that they stand for.
MEMBERS = {"aliases": "Aliases", "links": "Links", "driver_opts": "DriverOpts", "gw_priority": "GwPriority"}
_NO_MARKS = str.maketrans("", "", ":-.")
ADDRESSES = {"ipv4_address": "IPv4Address", "ipv6_address": "IPv6Address", "link_local_ips": "LinkLocalIPs"}
NONE = "none"
NO_NETWORKS = ("host", NONE, "disabled")  # and `container:…`: modes in which a container has no endpoints of its own


def has_endpoints(mode: str) -> bool:
    return mode not in NO_NETWORKS and not mode.startswith("container:")


def wanted_mode(body: Mapping[str, Any]) -> str:
    """The network mode that is asked for; `bridge` and `default` are one."""
    mode = str((body.get("HostConfig") or {}).get("NetworkMode") or "default")
    return "bridge" if mode == "default" else mode


def seen_mode(report: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The reported mode, with the ids in it made names: of another container by `names`, of a network by the report."""
    mode = named_owner(wanted_mode(report), names)
    if mode.startswith("container:"):
        return mode
    return {str(endpoint.get("NetworkID")): name for name, endpoint in endpoints(report).items()}.get(mode, mode)


def wanted_endpoints(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The endpoint configurations that are asked for, by network; without any it is the mode's own network."""
    mode = wanted_mode(body)
    if not has_endpoints(mode):
        return {}
    asked = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return {name: endpoint or {} for name, endpoint in asked.items()} or {mode: {}}


def endpoints(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The endpoints that an engine reports, by network."""
    found = (report.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: endpoint or {} for name, endpoint in found.items()}


def wanted_networks(
    body: Mapping[str, Any], ids: Mapping[str, frozenset[str]], report: Mapping[str, Any], *, ranked: bool
) -> Endpoints:
    """What is asked for. An endpoint's `id` is the network's own, where the container says to which one it belongs.

    `ranked` says that the engine knows priorities between gateways.
    """
    seen, without = endpoints(report), frozenset({str(body.get("Hostname") or ""), _host_name(report)})
    return {
        name: _spelled(
            _endpoint(
                endpoint if ranked else {**endpoint, "GwPriority": 0},
                _current(name, ids, seen.get(name, {})),
                without=without,
            )
        )
        for name, endpoint in wanted_endpoints(body).items()
    }


def seen_networks(report: Mapping[str, Any], ids: Mapping[str, frozenset[str]]) -> Endpoints:
    """What is there, without what an older engine adds to the aliases: the short id, and the host name. One that is to
    be on no network may have been put on one."""
    mode = wanted_mode(report)
    if not (has_endpoints(mode) or mode == NONE):
        return {}
    without = frozenset({str(report.get("Id") or "")[:12], _host_name(report)})
    return {
        name: _spelled(
            _endpoint(endpoint, str(endpoint.get("NetworkID") or "") if name in ids else "", without=without)
        )
        for name, endpoint in endpoints(report).items()
        if name != NONE and is_attached(report, endpoint)
    }


def is_attached(report: Mapping[str, Any], endpoint: Mapping[str, Any]) -> bool:
    """Whether the container is on the network of one of its endpoints. Of one that could not be connected while it runs
    the engine reports what was asked for, and no network; one that does not run is put on all of them by a start."""
    state = report.get("State") or {}
    runs = state.get("Running") and not state.get("Restarting")
    return bool(not runs or endpoint.get("NetworkID") or endpoint.get("EndpointID"))


def _host_name(report: Mapping[str, Any]) -> str:
    """The one that it has: an alias that is called so is seen in no report, also where another name is wanted now."""
    return str((report.get("Config") or {}).get("Hostname") or "")


def concerns(name: str, differences: Iterable[Difference]) -> bool:
    """Whether one of the differences is in that network."""
    path = f"networks.{name}"
    return any(path in (one.path, *one.above) for one in differences)


def mended(
    name: str, asked: Mapping[str, Any], seen: Mapping[str, Any] | None, differences: Iterable[Difference]
) -> Mapping[str, Any]:
    """The configuration to connect with: what is asked for, but for what is otherwise and may be so, since it is none
    of the differences."""
    path, paths = f"networks.{name}", {one.path for one in differences}
    if seen is None or path in paths:
        return asked
    wanted, there = _endpoint(asked, ""), _endpoint(seen, "")
    left = {field for field in {*wanted, *there} if wanted.get(field) != there.get(field)}
    left = {field for field in left if f"{path}.{field}" not in paths}
    address = _with({**(asked.get("IPAMConfig") or {})}, seen.get("IPAMConfig") or {}, ADDRESSES, left)
    return _with({**asked, **({"IPAMConfig": address} if address else {})}, seen, MEMBERS, left)


def _with(
    asked: dict[str, Any], seen: Mapping[str, Any], members: Mapping[str, str], fields: Set[str]
) -> dict[str, Any]:
    """What is asked for, with the members that the fields stand for as they are seen."""
    for member in (member for field, member in members.items() if field in fields):
        asked.pop(member, None)
        if seen.get(member):
            asked[member] = seen[member]
    return asked


def declared_networks(body: Mapping[str, Any]) -> Endpoints | None:
    """For the fingerprint: what is asked for, whatever the ids."""
    return {name: _endpoint(endpoint, "") for name, endpoint in wanted_endpoints(body).items()} or None


def wanted_addresses(body: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of network cards that are asked for, by network."""
    asked = {name: str(endpoint.get("MacAddress") or "") for name, endpoint in wanted_endpoints(body).items()}
    first = str(body.get("MacAddress") or "")
    if first and not asked.get(wanted_mode(body)):
        asked[wanted_mode(body)] = first
    return {name: address.lower() for name, address in asked.items() if address}


def wanted_cards(body: Mapping[str, Any]) -> dict[str, str]:
    """The same addresses as the engine writes them."""
    return {name: _card(address) for name, address in wanted_addresses(body).items()}


def seen_addresses(report: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
    """The reported addresses of those cards; where none is reported (it is stopped) it is taken for right."""
    seen = endpoints(report)
    return {name: _card(str(seen.get(name, {}).get("MacAddress") or mac)) for name, mac in wanted.items()}


def _card(address: str) -> str:
    """The address of a network card in pairs with colons, where a file may have dashes, or dots and fours."""
    digits = address.lower().translate(_NO_MARKS)
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def with_addresses(
    differences: Iterable[Difference], body: Mapping[str, Any], api: tuple[int, int]
) -> tuple[Difference, ...]:
    """The differences, with a new container for the remedy where a network would have to be connected again whose card
    has an address that is asked for: newer engines ignore that then (moby/moby#48192)."""
    fixed = wanted_addresses(body) if api >= ON_CREATION else {}
    return tuple(
        replace(one, remedy=Remedy.REPLACE) if any(concerns(name, (one,)) for name in fixed) else one
        for one in differences
    )


def _current(name: str, ids: Mapping[str, frozenset[str]], seen: Mapping[str, Any]) -> str:
    """The id that the endpoint ought to name: the seen one while a network of the name has it, else the network's."""
    known, said = ids.get(name, frozenset()), str(seen.get("NetworkID") or "")
    if not said or said in known:
        return said if known else ""
    return min(known, default="")


def _spelled(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The same with its addresses in one spelling."""
    return endpoint | {
        field: tuple(map(ip_text, said)) if isinstance(said, tuple) else ip_text(said)
        for field in ADDRESSES
        if (said := endpoint.get(field))
    }


def _endpoint(endpoint: Mapping[str, Any], network: str, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`without`: aliases that the engine sees to by itself, so that it is no matter whether they are asked for."""
    asked = endpoint.get("IPAMConfig") or {}
    said = {
        "id": network,
        "aliases": tuple(sorted({*(endpoint.get("Aliases") or ())} - without)),
        "ipv4_address": asked.get("IPv4Address"),
        "ipv6_address": asked.get("IPv6Address"),
        "link_local_ips": tuple(sorted(asked.get("LinkLocalIPs") or ())),
        "links": tuple(sorted(endpoint.get("Links") or ())),
        "driver_opts": dict(endpoint.get("DriverOpts") or {}),
        "gw_priority": endpoint.get("GwPriority"),
    }
    return {key: value for key, value in said.items() if value}
