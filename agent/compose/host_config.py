"""What a container has to do with its host: the part of its body that the engine calls HostConfig."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.compose.endpoints import links, network_mode
from agent.compose.limits import limits, restart_policy
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.security import security_options

_PLAIN: Final = {
    "ReadonlyRootfs": "read_only",
    "Privileged": "privileged",
    "ShmSize": "shm_size",
    "UTSMode": "uts",
    "UsernsMode": "userns_mode",
    "CgroupnsMode": "cgroup",
    "Isolation": "isolation",
    "Runtime": "runtime",
}
_LISTS: Final = {"Dns": "dns", "DnsSearch": "dns_search", "DnsOptions": "dns_opt", "GroupAdd": "group_add"}
_MAPPINGS: Final = {"Annotations": "annotations", "Sysctls": "sysctls", "StorageOpt": "storage_opt"}


def host_config(
    project: Project, name: str, number: int, *, shared: Mapping[str, Any], binds: Sequence[str], mounts: Sequence[Any]
) -> dict[str, Any]:
    """For container `number` of a service. `shared` are the keys of the service that mean other containers, as the
    engine takes them."""
    service = project.services[name]
    options, unconfined = security_options(service, project.seccomp)
    config = {
        **{member: service.get(key) for member, key in _PLAIN.items()},
        **{member: list(service.get(key) or ()) for member, key in _LISTS.items()},
        **{member: dict(service.get(key) or {}) for member, key in _MAPPINGS.items()},
        **limits(service),
        "Binds": list(binds),
        "Mounts": list(mounts),
        "Tmpfs": _tmpfs(service),
        "VolumesFrom": shared.get("volumes_from"),
        "NetworkMode": shared.get("network_mode") or network_mode(project, service),
        "Links": links(project, name, number),
        "PortBindings": _port_bindings(service),
        "ExtraHosts": [host.replace("=", ":", 1) for host in service.get("extra_hosts") or ()],
        "IpcMode": shared.get("ipc") or service.get("ipc"),
        "PidMode": shared.get("pid") or service.get("pid"),
        "CapAdd": _capabilities(service.get("cap_add")),
        "CapDrop": _capabilities(service.get("cap_drop")),
        "SecurityOpt": options,
        "RestartPolicy": restart_policy(service),
        "LogConfig": _log_config(service),
    }
    said: dict[str, Any] = {"OomKillDisable": bool(service.get("oom_kill_disable"))}
    if service.get("init") is not None:
        said["Init"] = service["init"]
    if unconfined:
        said |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return {member: value for member, value in config.items() if value} | said


def _capabilities(names: Sequence[str] | None) -> list[str]:
    """As the client behind Compose sends them: in upper case, with their prefix, each once and sorted."""
    upper = {name.strip().upper() for name in names or ()}
    return sorted({name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper})


def _port_bindings(service: Map) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in service.get("ports") or ():
        asked = {"HostIp": port.get("host_ip"), "HostPort": port.get("published")}
        binding = {member: value for member, value in asked.items() if value}
        bindings.setdefault(f"{port['target']}/{port['protocol']}", []).append(binding)
    return dict(sorted(bindings.items()))


def _tmpfs(service: Map) -> dict[str, str]:
    parts = (entry.partition(":") for entry in service.get("tmpfs") or ())
    return dict(sorted((path, options) for path, _, options in parts))


def _log_config(service: Map) -> dict[str, Any]:
    logging = service.get("logging") or {}
    config = {"Type": logging.get("driver"), "Config": dict(logging.get("options") or {})}
    return {member: value for member, value in config.items() if value}
