"""What containers are compared against beside what is wanted of them: the daemon's defaults, and what the names of
networks and of other containers stand for on this host now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.kinds.base import INSTANCE
from agent.kinds.container_facts import SHORT_ID, abilities
from agent.kinds.container_names import listed_name, name_of
from agent.kinds.container_networks import endpoints, wanted_endpoints
from agent.kinds.container_state import sharers

Report = Mapping[str, Any]


class Surroundings(NamedTuple):
    """`networks` are the ids of the networks by name, `names` the names of containers by id, and `shared` are the names
    that more than one network has."""

    daemon: Mapping[str, Any]
    networks: Mapping[str, frozenset[str]]
    names: Mapping[str, str]
    shared: frozenset[str] = frozenset()

    def of(self, report: Report, body: Report) -> Surroundings:
        """The part that a container has to do with, as it is and as it is to be: whatever else comes and goes on the
        host is no reason to compare it again."""
        attached = {*endpoints(report), *wanted_endpoints(body)}
        networks = {name: self.networks[name] for name in attached if name in self.networks}
        return Surroundings(self.daemon, networks, self._names_of({*sharers(report), *sharers(body)}))

    def _names_of(self, owners: set[str]) -> dict[str, str]:
        """The names by id of those that are meant by a name, an id or the beginning of one."""
        beginnings = tuple(owner for owner in owners if len(owner) >= SHORT_ID)
        return {
            identity: name
            for identity, name in (self.names.items() if owners else ())
            if name in owners or identity in owners or identity.startswith(beginnings)
        }


def look_around(engine: Engine, instance: str, reports: Sequence[Report], listed: Iterable[Report]) -> Surroundings:
    """Ask for what is around the containers of the reports; `listed` are all of the host. `instance` is ours."""
    names = {entry["Id"]: listed_name(entry) for entry in listed}
    names.update((report["Id"], name_of(report)) for report in reports)
    strangers = sorted({owner for report in reports for owner in sharers(report)} - {*names, *names.values()})
    asks = (partial(engine.inspect_container, stranger) for stranger in strangers)
    daemon, networks, *found = engine.gather([engine.info, engine.list_networks, *asks])
    names.update((report["Id"], name_of(report)) for report in found if report)
    called = Counter(network["Name"] for network in networks)
    shared = frozenset(name for name, times in called.items() if times > 1)
    return Surroundings(abilities(daemon), _ids(networks, instance), names, shared)


def _ids(networks: Iterable[Report], instance: str) -> dict[str, frozenset[str]]:
    """The ids of networks by name: of several that share one, those that are ours, if any are."""
    ids: dict[str, frozenset[str]] = {}
    ours: dict[str, frozenset[str]] = {}
    for network in networks:
        is_ours = (network.get("Labels") or {}).get(INSTANCE) == instance
        for found in (ids, ours) if is_ours else (ids,):
            found[network["Name"]] = found.get(network["Name"], frozenset()) | {network["Id"]}
    return {**ids, **ours}
