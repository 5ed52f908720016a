"""A service as the body of `POST /containers/create`, a network and a volume as those of theirs.

The bodies are what Docker Compose 2.40 would send to an Engine with API 1.44 or newer, without what is empty or zero:
the engine reads both alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.compose.limits import limits, restart_policy
from agent.compose.mounts import Stored, binds_and_mounts, stored_mount
from agent.compose.nodes import Map
from agent.compose.paths import joined
from agent.compose.project import Project
from agent.compose.render import config_hash, volume_model
from agent.compose.units import nanoseconds

# Which Compose the labels say made the objects: the release whose calls these bodies follow. Compose and the tools
# around it only show it.
COMPOSE_VERSION: Final = "2.40.3"

_LABEL: Final = "com.docker.compose"
_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}


class Maker(NamedTuple):
    """What the bodies of one project have in common: `directory` is where the host has the project's files."""

    project: Project
    directory: str

    def container(self, name: str, number: int, sources: Sequence[str], stored: Sequence[Stored]) -> dict[str, Any]:
        """The body for container `number` of a service; `sources` has the path of the host for each of its
        volumes that is a bind, "" for the others; `stored` are its secrets and configs."""
        service = self.project.services[name]
        body = {
            "Hostname": service.get("hostname"),
            "Domainname": service.get("domainname"),
            "User": service.get("user"),
            "ExposedPorts": _exposed(service),
            "Tty": service.get("tty"),
            "OpenStdin": service.get("stdin_open"),
            "AttachStdout": True,
            "AttachStderr": True,
            "Image": self.project.image_of(name),
            "WorkingDir": service.get("working_dir"),
            "Labels": self._labels(name, service, number),
            "StopSignal": service.get("stop_signal"),
            "Env": _environment(service),
            "HostConfig": self._host_config(service, sources, stored),
            "NetworkingConfig": self._networking(name, service, number),
        }
        return _set(body) | _wanted(
            Cmd=_list(service.get("command")),
            Entrypoint=_list(service.get("entrypoint")),
            Healthcheck=_healthcheck(service),
            StopTimeout=_stop_timeout(service),
        )

    def network(self, key: str) -> dict[str, Any]:
        """The body of `POST /networks/create`, without its Name."""
        network = self.project.networks[key]
        body = {
            "Driver": network.get("driver"),
            "Options": dict(network.get("driver_opts") or {}),
            "IPAM": _ipam(network.get("ipam") or {}),
            "Internal": network.get("internal"),
            "Attachable": network.get("attachable"),
            "Labels": dict(network.get("labels") or {}) | self._own_labels(network=key),
        }
        return _set(body) | _wanted(EnableIPv4=network.get("enable_ipv4"), EnableIPv6=network.get("enable_ipv6"))

    def volume(self, key: str) -> dict[str, Any]:
        """The body of `POST /volumes/create`, without its Name."""
        volume = volume_model(self.project.volumes[key], self.directory)
        labels = volume.get("labels", {}) | self._own_labels(volume=key)
        return _set({"Driver": volume.get("driver"), "DriverOpts": volume.get("driver_opts"), "Labels": labels})

    def container_name(self, name: str, number: int) -> str:
        written: str = self.project.services[name].get("container_name", "")
        return written or f"{self.project.name}-{name}-{number}"

    def _own_labels(self, **more: str) -> dict[str, str]:
        labels = {"project": self.project.name, "version": COMPOSE_VERSION, **more}
        return {f"{_LABEL}.{key}": value for key, value in sorted(labels.items())}

    def _labels(self, name: str, service: Map, number: int) -> dict[str, str]:
        own = self._own_labels(service=name, oneoff="False")
        own |= {
            f"{_LABEL}.config-hash": config_hash(service, self.directory),
            f"{_LABEL}.container-number": str(number),
            f"{_LABEL}.depends_on": ",".join(self._dependencies(service)),
            f"{_LABEL}.project.config_files": self._paths(self.project.files),
            f"{_LABEL}.project.working_dir": self.directory,
        }
        if self.project.env_files:
            own[f"{_LABEL}.project.environment_file"] = self._paths(self.project.env_files)
        return dict(sorted({**(service.get("labels") or {}), **own}.items()))

    def _dependencies(self, service: Map) -> list[str]:
        return [
            f"{target}:{how['condition']}:{str(bool(how.get('restart'))).lower()}"
            for target, how in sorted((service.get("depends_on") or {}).items())
            if target in self.project.services
        ]

    def _paths(self, files: Sequence[str]) -> str:
        """Files of the tree as they lie beside the project's directory."""
        depth = len([part for part in self.project.directory.split("/") if part])
        up = "../" * depth
        return ",".join(joined(self.directory, f"{up}{path}") for path in files)

    def _host_config(self, service: Map, sources: Sequence[str], stored: Sequence[Stored]) -> dict[str, Any]:
        binds, mounts = binds_and_mounts(service, self.project.volumes, sources)
        options, unconfined = _security(service)
        config = {
            "Annotations": dict(service.get("annotations") or {}),
            "Binds": binds,
            "Mounts": [*mounts, *map(stored_mount, stored)],
            "CapAdd": _capabilities(service.get("cap_add")),
            "CapDrop": _capabilities(service.get("cap_drop")),
            "NetworkMode": self._network_mode(service),
            "ReadonlyRootfs": service.get("read_only"),
            "RestartPolicy": restart_policy(service),
            "ShmSize": service.get("shm_size"),
            "Sysctls": dict(service.get("sysctls") or {}),
            "PortBindings": _port_bindings(service),
            "Dns": _list(service.get("dns")),
            "DnsSearch": _list(service.get("dns_search")),
            "DnsOptions": _list(service.get("dns_opt")),
            "ExtraHosts": [host.replace("=", ":", 1) for host in service.get("extra_hosts") or ()],
            "SecurityOpt": options,
            "Privileged": service.get("privileged"),
            "Tmpfs": _tmpfs(service),
            "LogConfig": _log_config(service),
            "GroupAdd": _list(service.get("group_add")),
            "IpcMode": service.get("ipc"),
            "PidMode": service.get("pid"),
            "UTSMode": service.get("uts"),
            "UsernsMode": service.get("userns_mode"),
            "CgroupnsMode": service.get("cgroup"),
            "Isolation": service.get("isolation"),
            "Runtime": service.get("runtime"),
            "StorageOpt": dict(service.get("storage_opt") or {}),
            **limits(service),
        }
        closed: dict[str, Any] = {"MaskedPaths": [], "ReadonlyPaths": []} if unconfined else {}
        return (
            _set(config)
            | {"OomKillDisable": bool(service.get("oom_kill_disable"))}
            | _wanted(Init=service.get("init"))
            | closed
        )

    def _network_mode(self, service: Map) -> str:
        mode: str = service.get("network_mode", "")
        return mode or self.project.networks[_by_priority(service)[0]]["name"]

    def _networking(self, name: str, service: Map, number: int) -> dict[str, Any]:
        """Every network that the container joins, the first by priority included."""
        endpoints = {}
        for key in _by_priority(service):
            config = service["networks"][key]
            said = config or {}
            aliases = [self.container_name(name, number), name, *(said.get("aliases") or ())]
            endpoint: dict[str, Any] = {"Aliases": aliases}
            if config is not None:
                endpoint |= _addresses(config)
            endpoints[self.project.networks[key]["name"]] = endpoint
        return {"EndpointsConfig": dict(sorted(endpoints.items()))} if endpoints else {}


def platform(service: Map, variables: Mapping[str, str]) -> str:
    """The platform to ask for, with the architecture as the engine calls it; "" for the host's own."""
    written: str = service.get("platform") or variables.get("DOCKER_DEFAULT_PLATFORM", "")
    system, _, rest = written.lower().partition("/")
    architecture, slash, variant = rest.partition("/")
    return "/".join(filter(None, (system, _ARCHITECTURES.get(architecture, architecture) + slash + variant)))


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not set: empty, zero or false says the same as nothing."""
    return {key: value for key, value in values.items() if value not in (None, "", 0, [], {})}


def _wanted(**values: Any) -> dict[str, Any]:
    """Without what is None: of these an empty list, zero or false says something."""
    return {key: value for key, value in values.items() if value is not None}


def _list(value: Any) -> list[Any] | None:
    return None if value is None else list(value)


def _capabilities(names: Sequence[str] | None) -> list[str]:
    """As the client behind Compose sends them: in upper case, with their prefix, each once and sorted."""
    upper = {name.strip().upper() for name in names or ()}
    return sorted({name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper})


def _addresses(network: Map) -> dict[str, Any]:
    """Compose repeats the addresses where the engine only reports them (and one at a wrong key); it ignores that."""
    ipv4, ipv6 = network.get("ipv4_address"), network.get("ipv6_address")
    asked = _set({"IPv4Address": ipv4, "IPv6Address": ipv6})
    return {"IPAMConfig": asked, **_set({"IPAddress": ipv4, "IPv6Gateway": ipv6})}


def _by_priority(service: Map) -> list[str]:
    """The networks of a service; the first is its primary one."""
    networks = service.get("networks") or {}
    return sorted(networks, key=lambda key: (-((networks[key] or {}).get("priority") or 0), key))


def _environment(service: Map) -> list[str]:
    """A name without a value takes the variable out of what the image sets."""
    variables = service.get("environment") or {}
    return [key if value is None else f"{key}={value}" for key, value in sorted(variables.items())]


def _exposed(service: Map) -> dict[str, Any]:
    published = {f"{port['target']}/{port['protocol']}" for port in service.get("ports") or ()}
    return {port: {} for port in sorted(published.union(service.get("expose") or ()))}


def _port_bindings(service: Map) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in service.get("ports") or ():
        binding = _set({"HostIp": port.get("host_ip"), "HostPort": port.get("published")})
        bindings.setdefault(f"{port['target']}/{port['protocol']}", []).append(binding)
    return dict(sorted(bindings.items()))


def _healthcheck(service: Map) -> dict[str, Any] | None:
    check = service.get("healthcheck")
    if check is None:
        return None
    durations = {
        "Interval": check.get("interval"),
        "Timeout": check.get("timeout"),
        "StartPeriod": check.get("start_period"),
        "StartInterval": check.get("start_interval"),
    }
    times = {key: nanoseconds(text) for key, text in durations.items() if text}
    test = ["NONE"] if check.get("disable") else _list(check.get("test")) or None
    return _wanted(Test=test) | _set({**times, "Retries": check.get("retries")})


def _stop_timeout(service: Map) -> int | None:
    """Whole seconds, cut as Compose cuts them: half a second is a kill at once."""
    period = service.get("stop_grace_period")
    return None if period is None else int(nanoseconds(period) / 10**9)


def _tmpfs(service: Map) -> dict[str, str]:
    parts = (entry.partition(":") for entry in service.get("tmpfs") or ())
    return dict(sorted((path, options) for path, _, options in parts))


def _log_config(service: Map) -> dict[str, Any]:
    logging = service.get("logging") or {}
    return _set({"Type": logging.get("driver"), "Config": dict(logging.get("options") or {})})


def _security(service: Map) -> tuple[list[str], bool]:
    """The options for the engine, and whether the system paths are to be open."""
    options = service.get("security_opt") or []
    return [one for one in options if one != "systempaths=unconfined"], "systempaths=unconfined" in options


def _ipam(ipam: Mapping[str, Any]) -> dict[str, Any]:
    pools = [
        _set(
            {
                "Subnet": pool.get("subnet"),
                "IPRange": pool.get("ip_range"),
                "Gateway": pool.get("gateway"),
                "AuxiliaryAddresses": dict(pool.get("aux_addresses") or {}),
            }
        )
        for pool in ipam.get("config") or ()
    ]
    return _set({"Driver": ipam.get("driver"), "Config": pools})
