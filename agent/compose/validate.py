"""Whether a model holds together: everything that is referred to is there, and nothing is claimed twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from agent.compose.consistency import check_build, check_develop, check_models, check_sources, check_stores, define
from agent.compose.findings import At, Findings, did_you_mean, path_to
from agent.compose.nodes import Map
from agent.compose.sharing import dependency

MOST_REPLICAS: Final = 1000
MOST_CONTAINERS: Final = 10_000  # of a stack
_SAID_TWICE: Final = {
    "cpus": ("limits", "cpus"),
    "mem_limit": ("limits", "memory"),
    "mem_reservation": ("reservations", "memory"),
    "pids_limit": ("limits", "pids"),
}


def validate(
    model: Map, services: Sequence[str], everything: Collection[str], partly: Collection[str], findings: Findings
) -> None:
    """Reports what does not hold together. `services` are those that are on, of some of which only a part was read;
    `everything` are all names."""
    _Check(model, services, frozenset(services), everything, partly, findings).run()


@dataclass(eq=False, repr=False)
class _Check:
    model: Map
    services: Sequence[str]
    on: frozenset[str]
    everything: Collection[str]
    partly: Collection[str]
    findings: Findings

    def run(self) -> None:
        for name in self.services:
            service, at = self._service(name)
            if name not in self.partly:
                _image(service, at)
            _scale(service, at)
            _limits(service, at)
            _healthcheck(service, at)
            _mounts(service, at)
            self._networks(service, at)
            self._volumes(service, at)
            check_build(service, at, self.model["services"], self.on)
            check_stores(service, at, self.model)
            check_models(service, at, self.model["models"])
            check_develop(service, at)
            self._dependencies(service, at)
        self._count()
        self._container_names()
        self._externals()
        check_sources(self.model, self.findings)
        self._cycles()

    def _service(self, name: str) -> tuple[Map, At]:
        services: Map = self.model["services"]
        return services[name], At(path_to("services", name), services.key_place(name), self.findings)

    def _networks(self, service: Map, at: At) -> None:
        networks = service.get("networks") or Map(service.place)
        if service.get("network_mode") and networks:
            at.of(service, "network_mode").problem("network_mode and networks exclude each other")
        for key in networks:
            below = at.of(service, "networks").below(key, networks.key_place(key))
            if key.startswith("x-"):
                below.problem("Compose reads such a key as an extension here, not as a network", "rename the network")
            elif key not in self.model["networks"] and not self.findings.lacks("networks"):
                below.problem(f'the network "{key}" is not defined', define(key, self.model["networks"], "networks"))

    def _volumes(self, service: Map, at: At) -> None:
        for index, volume in enumerate(service.get("volumes") or ()):
            below = at.of_item(service, "volumes", index)
            source = volume.get("source", "")
            if volume["type"] == "bind" and not source:
                below.problem("a bind mount needs a source")
            named = volume["type"] == "volume" and source
            if named and source not in self.model["volumes"] and not self.findings.lacks("volumes"):
                below.problem(f'the volume "{source}" is not defined', define(source, self.model["volumes"], "volumes"))

    def _dependencies(self, service: Map, at: At) -> None:
        needed = 0
        for target, how in (service.get("depends_on") or {}).items():
            if target not in self.everything:
                if not self.findings.lacks("services"):
                    below = dependency(service, target, at)
                    below.problem(f'there is no service "{target}"', did_you_mean(target, self.everything))
            elif target in self.on:
                needed += replicas_of(self.model["services"][target])
            elif how["required"] and not self.findings.concerns("services", target):
                below = dependency(service, target, at)
                below.problem(f'the service "{target}" is off: none of its profiles is active')
        linked = len(service.get("links") or ()) and needed * replicas_of(service)
        if not self.findings.spend(needed + linked):
            at.problem("the dependencies and links of this stack lead to too many containers")

    def _count(self) -> None:
        room = MOST_CONTAINERS
        for name in self.services:
            service, at = self._service(name)
            room -= replicas_of(service)
            if room < 0:
                at.problem(f"with its containers the stack has more than {MOST_CONTAINERS}")
                break

    def _container_names(self) -> None:
        taken: dict[str, str] = {}
        for name in self.services:
            service, at = self._service(name)
            container = service.get("container_name")
            if not container:
                continue
            below = at.of(service, "container_name")
            if container in taken:
                below.problem(f'the container name "{container}" is taken by the service "{taken[container]}"')
            taken.setdefault(container, name)

    def _externals(self) -> None:
        volumes: Map = self.model["volumes"]
        for key, volume in volumes.items():
            others = [one for one in volume if one not in ("name", "external")]
            if volume.get("external") and others:
                at = At(path_to("volumes", key), volume.key_place(others[0]), self.findings)
                at.problem(f'an external volume has no "{others[0]}": it is used as it is')

    def _cycles(self) -> None:
        """Each cycle once, named by its path. Iterative: a chain of services may be longer than Python's stack."""
        state: dict[str, bool] = {}  # True while on the path, False when done
        for start in self.services:
            path: list[tuple[str, list[str]]] = []
            pending = [] if start in state else [start]
            while pending or path:
                if not pending:
                    name, _ = path.pop()
                    state[name] = False
                    pending = path[-1][1] if path else []
                    continue
                name = pending.pop()
                if name not in state:
                    state[name] = True
                    pending = self._targets(name)
                    path.append((name, pending))
                elif state[name]:
                    self._cycle([one for one, _ in path], name)

    def _targets(self, name: str) -> list[str]:
        on = self.model["services"][name].get("depends_on") or {}
        return sorted((target for target in on if target in self.on), reverse=True)

    def _cycle(self, path: list[str], again: str) -> None:
        service, at = self._service(path[-1])
        loop = " → ".join([*path[path.index(again) :], again])
        dependency(service, again, at).problem(f"dependency cycle: {loop}")


def _image(service: Map, at: At) -> None:
    if not service.get("image") and "build" not in service and "provider" not in service:
        at.problem('needs the key "image" or "build"')


def _scale(service: Map, at: At) -> None:
    replicas = (service.get("deploy") or {}).get("replicas")
    scale = service.get("scale")
    if scale is not None and replicas is not None and scale != replicas:
        at.of(service, "scale").problem(f"scale is {scale}, but deploy.replicas is {replicas}")
    count = replicas_of(service)
    if count > MOST_REPLICAS:
        at.problem(f"{count} containers are more than the {MOST_REPLICAS} that one service may have")
    if count > 1 and service.get("container_name"):
        at.of(service, "container_name").problem(f"{count} containers cannot all have this name")


def _limits(service: Map, at: At) -> None:
    """What is said twice has to be said alike. As in Compose, a part of `deploy` says also what it leaves out."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    for key, (part, name) in _SAID_TWICE.items():
        beside, below = service.get(key), resources.get(part)
        if beside and below is not None and beside != (below.get(name) or 0):
            there = f"is {below[name]}" if below.get(name) else "is not set"
            at.of(service, key).problem(f"is {beside}, but deploy.resources.{part}.{name} {there}")


def replicas_of(service: Map) -> int:
    """How many containers a service is to have: `scale`, else `deploy.replicas`, else one."""
    replicas = (service.get("deploy") or {}).get("replicas")
    scale: int | None = service.get("scale", replicas)
    return 1 if scale is None else scale


def _healthcheck(service: Map, at: At) -> None:
    check = service.get("healthcheck")
    if not check:
        return
    below = at.of(service, "healthcheck")
    test = check.get("test")
    if test and test[0] not in ("CMD", "CMD-SHELL", "NONE"):
        below.of(check, "test").problem('a list must start with "CMD", "CMD-SHELL" or "NONE"')
    if check.get("start_interval") and not check.get("start_period"):
        below.of(check, "start_interval").warn("has no effect without start_period")


def _mounts(service: Map, at: At) -> None:
    seen: dict[str, str] = {}
    targets = [("tmpfs", index, one.partition(":")[0]) for index, one in enumerate(service.get("tmpfs") or ())]
    targets += [("volumes", index, one["target"]) for index, one in enumerate(service.get("volumes") or ())]
    for key, index, target in targets:
        here = f"{key}[{index}]"
        if seen.setdefault(target, here) != here:
            at.of_item(service, key, index).problem(f"{target} is a mount already, by {seen[target]}")
