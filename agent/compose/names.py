"""What the containers and images of a service are called on the engine."""

from __future__ import annotations

from agent.compose.project import Project
from agent.compose.validate import replicas_of


def container_name(project: Project, service: str, number: int) -> str:
    """Also of a service that is off: that is what its container would be called."""
    found = project.services.get(service)
    written: str = found.get("container_name", "") if found is not None else ""
    return written or project.separator.join((project.name, service, str(number)))


def container_names(project: Project, service: str) -> list[str]:
    """All the containers of a service, none where it is not on."""
    found = project.services.get(service)
    count = 0 if found is None else replicas_of(found)
    return [container_name(project, service, number) for number in range(1, count + 1)]
