"""Compose's labels, by which `docker compose` and the tools around it know what belongs to a project."""

from __future__ import annotations

from typing import Any, Final

from agent.compose.bodies import LABEL
from agent.compose.nodes import Map
from agent.compose.paths import is_absolute, joined
from agent.compose.project import Project
from agent.compose.render import config_hash, network_hash, volume_hash

# Which Compose the labels say made the objects: the release whose calls these bodies follow. Compose and the tools
# around it only show it.
COMPOSE_VERSION: Final = "2.40.3"


def container_labels(
    project: Project, directory: str, name: str, number: int, shared: dict[str, Any]
) -> dict[str, str]:
    """`shared` are the keys of the service in which a reference to another one has become one to its container."""
    service = project.services[name]
    labels = {
        "service": name,
        "oneoff": "False",
        "config-hash": config_hash(service, directory, shared),
        "container-number": str(number),
        "depends_on": ",".join(_dependencies(project, service)),
        "project.config_files": ",".join(_located(project, directory, project.files)),
        "project.working_dir": directory,
    }
    if project.env_files:
        labels["project.environment_file"] = ",".join(_located(project, directory, project.env_files))
    return _with_own(project, service, labels)


def network_labels(project: Project, key: str) -> dict[str, str]:
    """The labels of the network that is called `key` in the file."""
    network = project.networks[key]
    return _with_own(project, network, {"network": key, "config-hash": network_hash(network)})


def volume_labels(project: Project, directory: str, key: str) -> dict[str, str]:
    """The labels of the volume that is called `key` in the file; `directory` is as in `container_labels`."""
    volume = project.volumes[key]
    return _with_own(project, volume, {"volume": key, "config-hash": volume_hash(volume, directory)})


def _with_own(project: Project, element: Map, more: dict[str, str]) -> dict[str, str]:
    """The labels that are written and those of Compose, which win."""
    own = {"project": project.name, "version": COMPOSE_VERSION, **more}
    written: dict[str, str] = element.get("labels") or {}
    return dict(sorted({**written, **{f"{LABEL}{key}": value for key, value in own.items()}}.items()))


def _dependencies(project: Project, service: Map) -> list[str]:
    return [
        f"{target}:{how['condition']}:{str(bool(how.get('restart'))).lower()}"
        for target, how in sorted((service.get("depends_on") or {}).items())
        if target in project.services
    ]


def _located(project: Project, directory: str, paths: tuple[str, ...]) -> list[str]:
    """Paths of the tree as they are on the host, where `directory` is what the project's directory is in the tree."""
    up = "../" * len([part for part in project.directory.split("/") if part])
    return [path if is_absolute(path) else joined(directory, f"{up}{path}") for path in paths]
