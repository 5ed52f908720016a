"""Which other containers of a project a container needs, and in what state: the ones that the file names as services,
and those that it names as containers although they are the project's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.compose.names import container_names
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.sharing import named_containers, namespaces
from agent.model import Condition, Key, Requirement

_CONDITIONS: Final = {
    "service_started": Condition.STARTED,
    "service_healthy": Condition.HEALTHY,
    "service_completed_successfully": Condition.COMPLETED,
}


class Dependencies:
    """The answers for one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._service_of = {name: one for one in project.services for name in container_names(project, one)}

    def of(self, service: str) -> list[Requirement]:
        """What each container of the service requires, sorted; each other container once."""
        found = {one.key: one for one in (*self._by_container(service), *self._by_service(service))}
        owners = self._owners(service)
        return [found[key]._replace(restart=found[key].restart or key.name in owners) for key in sorted(found)]

    def _owners(self, service: str) -> frozenset[str]:
        """The containers whose namespaces it is in. Whatever `depends_on` says of them, what goes on in those of a
        former start is cut off, or sees what is not there any more."""
        services, containers = namespaces(self._project.services[service])
        own = (name for one in services for name in container_names(self._project, one))
        return containers.union(own)

    def _by_service(self, service: str) -> Iterator[Requirement]:
        for target, how in self._depends_on(service).items():
            condition, restart = _CONDITIONS[how["condition"]], bool(how.get("restart"))
            for container in container_names(self._project, target):
                yield Requirement(Key("container", container), condition, not how["required"], restart)

    def _by_container(self, service: str) -> Iterator[Requirement]:
        """Compose asks for nothing here, and fails where the other one is not there yet; so does what needs itself."""
        for container in named_containers(self._project.services[service]):
            owner = self._service_of.get(container)
            if owner is not None and not self._needs(owner, service):
                yield Requirement(Key("container", container), Condition.STARTED, restart=True)

    def _needs(self, service: str, other: str) -> bool:
        """Whether a service is the other one, or cannot be without it."""
        seen, queue = {service}, [service]
        while queue:
            one = queue.pop()
            named = (self._service_of.get(name) for name in named_containers(self._project.services[one]))
            further = {*self._depends_on(one), *filter(None, named)} & self._project.services.keys()
            queue += further - seen
            seen |= further
        return other in seen

    def _depends_on(self, service: str) -> Map:
        found: Map = self._project.services[service].get("depends_on") or Map(self._project.model.place)
        return found
