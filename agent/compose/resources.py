"""A project as what the host must hold: its networks, volumes, images, files and containers, and what needs what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.compose.admit import admit
from agent.compose.bindings import Bindings, Target
from agent.compose.dependencies import Dependencies
from agent.compose.deploy_hooks import arranged
from agent.compose.files import Files
from agent.compose.findings import At, Findings, path_to
from agent.compose.handlings import of_service, of_stack
from agent.compose.images import Images, merged, with_content
from agent.compose.lifecycle import hooks
from agent.compose.located import bound_device
from agent.compose.mounts import Stored, distinct
from agent.compose.names import container_name
from agent.compose.nodes import Map
from agent.compose.paths import clean
from agent.compose.payload import Maker, platform
from agent.compose.project import Project
from agent.compose.security import read_profiles
from agent.compose.stored import Stores
from agent.compose.validate import replicas_of
from agent.digests import file_digest
from agent.host_ports import asked_for
from agent.model import Condition, Key, Requirement, Resource
from agent.tree import Tree

FILES = "files"  # the field of a container that tells of its mounted files


def resources(project: Project, tree: Tree, target: Target) -> tuple[Resource, ...]:
    """Everything that the host must hold for the project, sorted by key. Raises `BadManifest` for paths that may not
    be mounted, and for what the engine would refuse."""
    findings = Findings(secrets=set(project.hidden))
    admitted = _admitted(project, tree, target, findings)
    wanted = list(admitted.all())
    findings.raise_if_any()
    whole = arranged(with_content([*wanted, *admitted.bindings.found.values()], target.key))
    return tuple(replace(one, hidden=project.hidden) for one in sorted(whole, key=lambda one: one.key))


def report(project: Project, tree: Tree, target: Target, findings: Findings) -> None:
    """Reports what `resources` would, of a project in which the load has found something: of what could be read, no
    container is made."""
    _admitted(project, tree, target, findings).locate()


def _admitted(project: Project, tree: Tree, target: Target, findings: Findings) -> _Wanted:
    admit(project, findings, allow_build=target.allow_build)
    files = Files(tree)
    read_profiles(files, project.directory, project.services, findings, known=project.seccomp)
    bindings, images = Bindings(files, project, target), Images(project, files, target)
    return _Wanted(project, Maker(project, target.directory), bindings, images, Dependencies(project), findings)


@dataclass(frozen=True)
class _Wanted:
    project: Project
    maker: Maker
    bindings: Bindings
    images: Images
    dependencies: Dependencies
    findings: Findings

    @property
    def stores(self) -> Stores:
        return Stores(self.project, self.bindings)

    def all(self) -> Iterator[Resource]:
        images: dict[Key, Resource] = {}
        completed = _awaited_to_complete(self.project)
        for key in self.project.networks:
            yield self._network(key)
        for key in self.project.volumes:
            yield self._volume(key)
        for name, service in self.project.services.items():
            if "provider" in service:
                continue  # admission has refused it
            needed = self.images.of(name, service, self._at(name))
            for image in needed:
                images[image.key] = merged(images.get(image.key, image), image)
            yield from self._containers(name, service, needed, name in completed)
        yield from images.values()

    def locate(self) -> None:
        """Reports every path that may not be used, and every content that is not there."""
        for key in self.project.volumes:
            self._device(key)
        for name, service in self.project.services.items():
            if "provider" not in service:
                self.images.build(service, self._at(name))
                self._sources(name, service)
                self.stores.of(service, self._at(name))

    def _at(self, service: str) -> At:
        return At(path_to("services", service), self.project.element_place("services", service), self.findings)

    def _network(self, key: str) -> Resource:
        network = self.project.networks[key]
        external = bool(network.get("external"))
        spec = {} if external else self.maker.network(key)
        if not external and (options := (network.get("ipam") or {}).get("options")):
            # Compose 2.40 forgets them, which later ones and the engine do not
            spec["IPAM"] = {**spec.get("IPAM", {}), "Options": dict(options)}
        place = self.project.element_place("networks", key)
        name, handling = Key("network", network["name"]), of_stack(self.project)
        return Resource(name, self.project.name, spec, external=external, place=place, handling=handling)

    def _volume(self, key: str) -> Resource:
        volume = self.project.volumes[key]
        external = bool(volume.get("external"))
        spec = {} if external else self.maker.volume(key)
        device = self._device(key)
        return Resource(
            Key("volume", volume["name"]),
            self.project.name,
            spec,
            requires=(Requirement(device),) if device else (),
            external=external,
            place=self.project.element_place("volumes", key),
            handling=of_stack(self.project),
        )

    def _device(self, key: str) -> Key | None:
        at = At(path_to("volumes", key), self.project.element_place("volumes", key), self.findings)
        path = bound_device(self.project.volumes[key])
        return None if path is None else self.bindings.device(path, at)

    def _containers(self, name: str, service: Map, needed: Sequence[Resource], completes: bool) -> Iterator[Resource]:
        """`needed` are its images, the one that it is made from first."""
        sources, files = self._sources(name, service)
        stored, written = self.stores.of(service, self._at(name))
        files |= written | {image.key for image in needed}
        handling, kept = of_service(self.project, name), self._kept(files)
        renewing = frozenset() if FILES in handling.ignore else kept
        requires = (*self._objects(service, files, renewing), *self.dependencies.of(name))
        about: dict[str, Any] = {
            "platform": platform(service, self.project.environment),
            "state": "scheduled" if handling.schedule else "completed" if completes else "running",
        }
        if service.get("restart") == "no" and not _serves(service):
            about["job"] = True
        if build := needed[0].spec.get("build"):
            about["build"] = build["digest"]
        if hashed := self.maker.hashed(name):
            about["hashed"] = hashed
        if lying := self._lying(sources, stored):
            about["lying"] = lying
        if injectable := self._injectable(distinct(service, stored)):
            about["injectable"] = injectable
        first = Key("container", container_name(self.project, name, 1))
        if kept:
            about["files"] = sorted(key.name for key in kept)
        after_first = (Requirement(first, Condition.STARTED),) if service.get("pre_start") else ()
        for number in range(1, replicas_of(service) + 1):
            body = self.maker.container(name, number, sources, stored)
            around = hooks(self.project, name, body, first=number == 1)
            yield Resource(
                Key("container", container_name(self.project, name, number)),
                self.project.name,
                {"body": body, **about, **({"hooks": around} if around else {})},
                requires=requires if number == 1 else (*requires, *after_first),
                service=name,
                place=self.project.element_place("services", name),
                handling=handling,
                ports=asked_for(body["HostConfig"], body.get("ExposedPorts") or ()),
            )

    def _sources(self, name: str, service: Map) -> tuple[list[str], set[Key]]:
        """The host path of every volume that is a bind, and the file resources behind them."""
        sources: list[str] = []
        files: set[Key] = set()
        for index, volume in enumerate(service.get("volumes") or ()):
            source, file = "", None
            if volume["type"] == "bind" and volume.get("source"):
                place = self.project.place("services", name, "volumes", index)
                at = At(f"{path_to('services', name)}.volumes[{index}]", place, self.findings)
                source, file = self.bindings.of(volume, at)
            sources.append(source)
            files |= {file} if file else set()
        return sources, files

    def _lying(self, sources: Sequence[str], stored: Sequence[Stored]) -> dict[str, str]:
        """What is mounted as a copy and lies on this host itself: the path of the copy, and its own."""
        mounted = {*sources, *(one.source for one in stored)}
        return {copy: path for copy, path in self.bindings.lying.items() if copy in mounted}

    def _injectable(self, stored: Sequence[Stored]) -> dict[str, str]:
        """The digests of what is mounted and Compose may have injected into a container instead, by target."""
        found = {}
        for one in stored:
            spec = self.bindings.found[one.source].spec if one.source in self.bindings.found else {}
            if "uid" in spec:
                mode, content = spec["content"][""]
                key = self.bindings.target.key
                found[clean(one.target)] = file_digest(key, mode, spec["uid"] or 0, spec["gid"] or 0, content)
        return found

    def _kept(self, files: set[Key]) -> frozenset[Key]:
        """Those of them that are kept equal to the commit. A seed and a directory are the containers' own."""
        found = self.bindings.found
        specs = {key: found[key.name].spec for key in files if key.name in found}
        return frozenset(key for key, spec in specs.items() if "content" in spec and not spec.get("seed"))

    def _objects(self, service: Map, files: set[Key], renewing: frozenset[Key]) -> list[Requirement]:
        """`renewing` are files that the container is to be started anew with when they are mended."""
        networks = [Key("network", self.project.networks[key]["name"]) for key in service.get("networks") or ()]
        volumes = [
            Key("volume", self.project.volumes[volume["source"]]["name"])
            for volume in service.get("volumes") or ()
            if volume["type"] == "volume" and volume.get("source")
        ]
        keys = {*files, *networks, *volumes}
        return [Requirement(key, restart=key in renewing) for key in sorted(keys)]


def _serves(service: Map) -> bool:
    """Whether the file shows that the service is there for others, and so is not meant to end: it listens to somebody,
    or is asked again and again how it fares."""
    check = service.get("healthcheck") or {}
    is_checked = bool(check.get("test")) and check["test"] != ["NONE"] and not check.get("disable")
    return bool(service.get("ports") or service.get("expose") or is_checked)


def _awaited_to_complete(project: Project) -> frozenset[str]:
    """The services that another one waits for to end."""
    return frozenset(
        target
        for service in project.services.values()
        for target, how in (service.get("depends_on") or {}).items()
        if how["condition"] == "service_completed_successfully"
    )
