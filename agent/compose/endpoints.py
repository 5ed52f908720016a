"""How a container is on the network: the mode, an endpoint for each network, and links to other containers."""

from __future__ import annotations

from typing import Any

from agent.compose.names import container_name, container_names
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.sharing import linked
from agent.versions import INTERFACE


def network_mode(project: Project, service: Map) -> str:
    """The mode of a service that does not share somebody's: the one that is written, else its primary network."""
    if mode := service.get("network_mode"):
        return str(mode)
    if not project.networks:
        return "none"
    primary = next(iter(by_priority(service)), "default")
    return str(project.networks[primary]["name"]) if primary in project.networks else ""


def endpoints(project: Project, name: str, number: int) -> dict[str, Any]:
    """An endpoint for every network that the container joins, by the network's name on the engine."""
    service = project.services[name]
    found = {}
    for rank, key in enumerate(by_priority(service)):
        said = service["networks"][key]
        endpoint = _endpoint(said or {})
        if said is not None:
            endpoint["IPAMConfig"] = _addresses(said)
        endpoint["Aliases"] = [container_name(project, name, number), name, *((said or {}).get("aliases") or ())]
        endpoint["Links"] = links(project, name, number)
        if not rank:
            endpoint["MacAddress"] = endpoint["MacAddress"] or service.get("mac_address")
        found[project.networks[key]["name"]] = {
            member: value for member, value in endpoint.items() if value or member == "IPAMConfig"
        }
    return dict(sorted(found.items()))


def links(project: Project, name: str, number: int) -> list[str]:
    """`CONTAINER:ALIAS` for each container of every linked service. Each is known under three names; as in Compose
    the last two carry the number of the container that links, not of the one that is linked."""
    service = project.services[name]
    found = []
    for link in service.get("links") or ():
        target, alias = linked(link)
        for container in container_names(project, target):
            numbered = f"{target}{project.separator}{number}"
            names = (alias, numbered, f"{project.name}{project.separator}{numbered}")
            found += [f"{container}:{one}" for one in names]
    return found + [":".join(linked(link)) for link in service.get("external_links") or ()]


def by_priority(service: Map) -> list[str]:
    """The networks of a service; the first is its primary one."""
    networks = service.get("networks") or {}
    return sorted(networks, key=lambda key: (-((networks[key] or {}).get("priority") or 0), key))


def _endpoint(network: Map | dict[str, Any]) -> dict[str, Any]:
    """Compose repeats the addresses where the engine only reports them (and one at a wrong key); it ignores that."""
    options = dict(network.get("driver_opts") or {})
    if interface := network.get("interface_name"):
        options.setdefault(INTERFACE, interface)
    return {
        "IPAddress": network.get("ipv4_address"),
        "IPv6Gateway": network.get("ipv6_address"),
        "MacAddress": network.get("mac_address"),
        "DriverOpts": options,
        "GwPriority": network.get("gw_priority"),
    }


def _addresses(network: Map) -> dict[str, Any]:
    asked = {
        "IPv4Address": network.get("ipv4_address"),
        "IPv6Address": network.get("ipv6_address"),
        "LinkLocalIPs": list(network.get("link_local_ips") or ()),
    }
    return {member: value for member, value in asked.items() if value}
