"""Wanted containers that are there under a name which somebody else gave them, told from the engine's list.

One of ours says in a label which name it was made for. One that `docker compose` made says of which service it is and
its number there; that is as good, as long as no other container has the wanted name: were a second one made beside it,
two would work on the same volumes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from agent.engine import Engine
from agent.kinds.base import COMPOSE, INSTANCE, NAME, STACK, Report, is_composes
from agent.kinds.container_cut import is_twin
from agent.kinds.container_report import labels_of, listed_labels, listed_name
from agent.kinds.table import look
from agent.model import Key, Owner, Resource
from agent.twins import FORMER

NUMBER, ONE_OFF = f"{COMPOSE}container-number", f"{COMPOSE}oneoff"

Entry = Report  # of a list


class Places:
    """Where wanted containers are. `owner` tells whose one is that is looked at as a wanted one."""

    def __init__(self, engine: Engine, instance: str, owner: Callable[[Resource, Report], Owner]) -> None:
        self._engine = engine
        self._instance = instance
        self._owner = owner

    def reports(
        self, wanted: Sequence[Resource], listed: Sequence[Report], ours: Sequence[Report]
    ) -> list[Report | None]:
        """The report of each wanted container. One that the list lacks is asked for by name before it is absent."""
        by_name = {listed_name(entry): entry for entry in listed}
        entries = [entry for one in wanted if (entry := by_name.get(one.key.name))]
        found: dict[str, Report | None] = {
            listed_name(entry): report
            for entry, report in zip(entries, self._engine.inspect_listed(entries), strict=True)
        }
        missing = [one.key.name for one in wanted if not found.get(one.key.name)]
        asked = self._engine.gather(partial(self._engine.inspect_container, name) for name in missing)
        found.update(zip(missing, asked, strict=True))
        lacking = [one for one in wanted if found[one.key.name] is None]
        composes = composes_astray(lacking, listed, found.keys()) if lacking else {}
        return [self._placed(one, found[one.key.name], ours, composes.get(one.key)) for one in wanted]

    def _placed(
        self, resource: Resource, named: Report | None, ours: Iterable[Report], composes: Report | None
    ) -> Report | None:
        """What there is of it, given what has its name and what Compose may have made for it."""
        astray = None
        if named is None or is_misplaced(resource, named, self._instance):
            astray = self._first(resource, ours_astray(resource, ours))
        if named is None and astray is None and composes is not None:
            astray = self._first(resource, [composes])
        return astray or named

    def _first(self, resource: Resource, entries: Iterable[Report]) -> Report | None:
        """Of these, the first that is there and no stranger's, as asked for now."""
        for entry in entries:
            report = self._engine.inspect_container(entry["Id"])
            if report and self._owner(resource, report) is not Owner.FOREIGN:
                return report
        return None


def is_misplaced(resource: Resource, report: Report, instance: str) -> bool:
    """Whether what has the wanted name is of ours and was made for another one."""
    labels = labels_of(report)
    return labels.get(INSTANCE) == instance and labels.get(NAME) not in (None, resource.key.name)


def ours_astray(resource: Resource, ours: Iterable[Entry]) -> list[Entry]:
    """Of what has our label, what was made for this one and is called otherwise, but for what a replacement left."""
    name = resource.key.name
    return [
        entry
        for entry in ours
        if entry["Labels"].get(NAME) == name
        and entry["Labels"].get(STACK) == resource.stack
        and listed_name(entry) != name
        and not is_twin(listed_name(entry), name)
    ]


def composes_astray(missing: Iterable[Resource], listed: Iterable[Entry], wanted: Collection[str]) -> dict[Key, Entry]:
    """For what is missing, what `docker compose` made for its service under a name that is not `wanted`: first that of
    the same number, then whichever was left when others were scaled away."""
    free = sorted((one for one in listed if _may_be_meant(one, wanted)), key=_rank)
    found: dict[Key, Entry] = {}
    lacking = [one for one in missing if not one.external]
    for is_meant in (_is_numbered, _is_of):
        for resource in lacking:
            entry = next((one for one in free if is_meant(resource, one)), None)
            if entry is not None and resource.key not in found:
                found[resource.key] = entry
                free.remove(entry)
    return found


def _may_be_meant(entry: Entry, wanted: Collection[str]) -> bool:
    """What does not run is left where somebody may have set it aside: it is in nobody's way."""
    labels, name = listed_labels(entry), listed_name(entry)
    if entry.get("State") not in ("running", "restarting", "paused"):
        return False
    return NUMBER in labels and labels.get(ONE_OFF) != "True" and name not in wanted and not name.endswith(FORMER)


def _is_numbered(resource: Resource, entry: Entry) -> bool:
    number = (look(resource.spec, "body.Labels") or {}).get(NUMBER)
    return _is_of(resource, entry) and entry["Labels"][NUMBER] == number


def _is_of(resource: Resource, entry: Entry) -> bool:
    return is_composes(resource, entry["Labels"], "service", resource.service)


def _rank(entry: Entry) -> tuple[int, str]:
    number = str(entry["Labels"].get(NUMBER) or "")
    return int(number) if number.isdecimal() else 0, str(entry["Id"])
