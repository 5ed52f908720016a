"""A service as the body of `POST /containers/create`, a network and a volume as those of theirs.

The bodies are what Docker Compose 2.40 would send to an Engine with API 1.44 or newer, without what is empty or zero:
the engine reads both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.compose.bodies import environment, set_only
from agent.compose.endpoints import endpoints
from agent.compose.host_config import host_config
from agent.compose.labels import container_labels, network_labels, volume_labels
from agent.compose.mounts import Stored, binds_and_mounts, distinct, stored_mount
from agent.compose.names import container_name
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.render import hashed, volume_model
from agent.compose.sharing import CONTAINER, shared_service
from agent.compose.units import nanoseconds

_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}


class Maker(NamedTuple):
    """What the bodies of one project have in common.

    `directory` is where the host has the project's files; `reference` makes the name of a container into that by which
    another one refers to it.
    """

    project: Project
    directory: str
    reference: Callable[[str], str] = str

    def container(self, name: str, number: int, sources: Sequence[str], stored: Sequence[Stored]) -> dict[str, Any]:
        """The body for container `number` of a service; `sources` has the path of the host for each of its
        volumes that is a bind, "" for the others; `stored` are its secrets and configs."""
        service, shared = self.project.services[name], self._shared(self.project.services[name])
        binds, mounts = binds_and_mounts(service, self.project.volumes, sources)
        mounts += map(stored_mount, distinct(service, stored))
        networks = endpoints(self.project, name, number)
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
            "Labels": container_labels(self.project, self.directory, name, number, shared),
            "StopSignal": service.get("stop_signal"),
            "Env": environment(service),
            "NetworkDisabled": service.get("network_mode") == "disabled",
            "HostConfig": host_config(self.project, name, number, shared=shared, binds=binds, mounts=mounts),
            "NetworkingConfig": {"EndpointsConfig": networks} if networks else {},
        }
        return set_only(body) | _wanted(
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
            "Labels": network_labels(self.project, key),
        }
        return set_only(body) | _wanted(EnableIPv4=network.get("enable_ipv4"), EnableIPv6=network.get("enable_ipv6"))

    def volume(self, key: str) -> dict[str, Any]:
        """The body of `POST /volumes/create`, without its Name."""
        volume = volume_model(self.project.volumes[key], self.directory)
        labels = volume_labels(self.project, self.directory, key)
        return set_only({"Driver": volume.get("driver"), "DriverOpts": volume.get("driver_opts"), "Labels": labels})

    def hashed(self, name: str) -> str | None:
        """What Compose takes the hash of, where that has ids of other containers in it, which only the host knows:
        each stands there as its name between two NULs, which JSON writes as an escape. None where it has none."""
        service = self.project.services[name]
        shared = self._replace(reference=lambda other: f"\0{other}\0")._shared(service)
        return hashed(service, self.directory, shared) if shared else None

    def _shared(self, service: Map) -> dict[str, Any]:
        """The keys of a service that mean other containers, as the engine takes them."""
        owners = {key: shared_service(service.get(key)) for key in ("network_mode", "ipc", "pid")}
        shared: dict[str, Any] = {key: self._container(owner) for key, owner in owners.items() if owner is not None}
        if "volumes_from" in service:
            shared["volumes_from"] = [self._volumes_of(entry) for entry in service["volumes_from"]]
        return shared

    def _container(self, service: str) -> str:
        return CONTAINER + self.reference(container_name(self.project, service, 1))

    def _volumes_of(self, entry: str) -> str:
        """Compose forgets what follows the name: also who shares with `:ro` may write."""
        name, _, rest = entry.partition(":")
        if entry.startswith(CONTAINER):
            return rest.partition(":")[0]
        return self.reference(container_name(self.project, name, 1))


def platform(service: Map, variables: Mapping[str, str]) -> str:
    """The platform to ask for, with the architecture as the engine calls it; "" for the host's own."""
    written: str = service.get("platform") or variables.get("DOCKER_DEFAULT_PLATFORM", "")
    system, _, rest = written.lower().partition("/")
    architecture, slash, variant = rest.partition("/")
    return "/".join(filter(None, (system, _ARCHITECTURES.get(architecture, architecture) + slash + variant)))


def _wanted(**values: Any) -> dict[str, Any]:
    """Without what is None: of these an empty list, zero or false says something."""
    return {key: value for key, value in values.items() if value is not None}


def _list(value: Any) -> list[Any] | None:
    return None if value is None else list(value)


def _exposed(service: Map) -> dict[str, Any]:
    published = {f"{port['target']}/{port['protocol']}" for port in service.get("ports") or ()}
    return {port: {} for port in sorted(published.union(service.get("expose") or ()))}


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
    return _wanted(Test=test) | set_only({**times, "Retries": check.get("retries")})


def _stop_timeout(service: Map) -> int | None:
    """Whole seconds, cut as Compose cuts them: half a second is a kill at once."""
    period = service.get("stop_grace_period")
    return None if period is None else int(nanoseconds(period) / 10**9)


def _ipam(ipam: Mapping[str, Any]) -> dict[str, Any]:
    pools = [
        set_only(
            {
                "Subnet": pool.get("subnet"),
                "IPRange": pool.get("ip_range"),
                "Gateway": pool.get("gateway"),
                "AuxiliaryAddresses": dict(pool.get("aux_addresses") or {}),
            }
        )
        for pool in ipam.get("config") or ()
    ]
    return set_only({"Driver": ipam.get("driver"), "Config": pools})
