"""What containers are compared against beside what is wanted of them: the daemon's defaults, what the names of networks
and of other containers stand for on this host now, and since when those run whose namespaces they are in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.kinds.base import INSTANCE, Report
from agent.kinds.container_facts import SHORT_ID, abilities
from agent.kinds.container_networks import endpoints, wanted_endpoints
from agent.kinds.container_report import listed_name, name_of, owners, sharers, started_at
from agent.kinds.table import look


class Surroundings(NamedTuple):
    """`networks` are the ids of the networks by name, `names` the names of containers by id, and `shared` are the names
    that more than one network has. `began` is when those that run and in whose namespaces others are were started, in
    seconds since the epoch, by id."""

    daemon: Mapping[str, Any]
    networks: Mapping[str, frozenset[str]]
    names: Mapping[str, str]
    shared: frozenset[str] = frozenset()
    began: Mapping[str, float] = MappingProxyType({})

    def of(self, report: Report, body: Report) -> Surroundings:
        """The part that concerns one container, as it is and as it is to be. Whatever else comes and goes on the host
        is no reason to compare it again."""
        attached = {*endpoints(report), *wanted_endpoints(body)}
        networks = {name: self.networks[name] for name in attached if name in self.networks}
        began = {owner: self.began[owner] for owner in _meant(self.names, owners(report)) if owner in self.began}
        names = _meant(self.names, (*sharers(report), *sharers(body)))
        return Surroundings(self.daemon, networks, names, began=began)

    def outdated(self, report: Report) -> frozenset[str]:
        """The names of the containers whose namespaces it is in and that were started after it: it is in what is left
        of their earlier start. None where it does not run, since a start joins anew. A start in the future says
        nothing, for then the clock was set back."""
        started = started_at(report) if look(report, "State.Running") else None
        if started is None:
            return frozenset()
        meant = _meant(self.names, owners(report)).items()
        return frozenset(name for one, name in meant if started < self.began.get(one, started) < time.time())


def _meant(names: Mapping[str, str], said: Collection[str]) -> dict[str, str]:
    """The names by id of those that are meant by a name, an id or the beginning of one."""
    beginnings = tuple(one for one in said if len(one) >= SHORT_ID)
    return {
        identity: name
        for identity, name in (names.items() if said else ())
        if name in said or identity in said or identity.startswith(beginnings)
    }


def look_around(engine: Engine, instance: str, reports: Sequence[Report], listed: Sequence[Report]) -> Surroundings:
    """Ask for what is around the containers of the reports; `listed` are all of the host. `instance` is ours."""
    names = {entry["Id"]: listed_name(entry) for entry in listed}
    names.update((report["Id"], name_of(report)) for report in reports)
    strangers = sorted({owner for report in reports for owner in sharers(report)} - {*names, *names.values()})
    asks = (partial(engine.inspect_container, stranger) for stranger in strangers)
    daemon, networks, *found = engine.gather([engine.info, engine.list_networks, *asks])
    names.update((report["Id"], name_of(report)) for report in found if report)
    called = Counter(network["Name"] for network in networks)
    shared = frozenset(name for name, times in called.items() if times > 1)
    began = _began(engine, reports, listed, names)
    return Surroundings(abilities(daemon), _ids(networks, instance), names, shared, began)


def _began(
    engine: Engine, reports: Sequence[Report], listed: Sequence[Report], names: Mapping[str, str]
) -> dict[str, float]:
    """See `Surroundings.began`, of those that are meant by the reports."""
    meant = _meant(names, {owner for report in reports for owner in owners(report)})
    known = {report["Id"]: report for report in reports if report["Id"] in meant}
    others = [dict(one) for one in listed if one["Id"] in meant and one["Id"] not in known]
    found = [*known.values(), *filter(None, engine.inspect_listed(others) if others else ())]
    running = [one for one in found if look(one, "State.Running")]
    return {one["Id"]: began for one in running if (began := started_at(one)) is not None}


def _ids(networks: Iterable[Report], instance: str) -> dict[str, frozenset[str]]:
    """The ids of networks by name: of several that share one, those that are ours, if any are."""
    ids: dict[str, frozenset[str]] = {}
    ours: dict[str, frozenset[str]] = {}
    for network in networks:
        is_ours = (network.get("Labels") or {}).get(INSTANCE) == instance
        for found in (ids, ours) if is_ours else (ids,):
            found[network["Name"]] = found.get(network["Name"], frozenset()) | {network["Id"]}
    return {**ids, **ours}
