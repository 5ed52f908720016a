"""Networks. `spec` is the body of `POST /networks/create` without the name.

The engine lets several networks have one name, so everything here acts on ids: of those with a wanted name one is
taken, ours before others, and what else is ours under that name is a leftover. Nothing about a network changes in
place.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.errors import Refused
from agent.held import NAME_CONFLICT, SUBNET_OVERLAP
from agent.jsonfile import JsonFile
from agent.kinds.base import (
    COMPOSE,
    Identity,
    Report,
    comparable_labels,
    in_scope,
    is_composes,
    is_ours,
    observed,
    owner_of,
    seen_of,
    wanted_of,
)
from agent.kinds.namesakes import chosen
from agent.kinds.network_added import SINCE, added, noted, options_beyond, with_note
from agent.kinds.network_guests import Guests
from agent.kinds.network_overlap import overlap, overlapping
from agent.kinds.table import Row, Spec, differences, holds_secret, ip_text, labelled, look, set_or_none
from agent.kinds.taken import Taken
from agent.model import Change, Condition, Difference, Failure, Key, Observed, Owner, Resource, Scope
from agent.probe import Gate, Probe
from agent.rollout import Pace

KNOWN = frozenset(
    (
        *("Name", "Driver", "Options", "IPAM", "Internal", "Attachable", "EnableIPv6", "EnableIPv4", "Labels"),
        *("CheckDuplicate", "Scope"),
    )
)


class Facts(NamedTuple):
    spec: Spec
    report: Report


def _flag(path: str, at: str, default: bool) -> Row[Facts]:
    """One that an engine does not report, it does not know: what was asked for changes nothing there."""

    def seen(facts: Facts) -> bool:
        found = facts.report.get(at)
        return default if found is None else bool(found)

    def wanted(facts: Facts) -> bool:
        asked = facts.spec.get(at)
        if asked is None:
            return bool(noted(facts.report).get(at, default))
        return bool(asked) if told(facts) else seen(facts)

    def told(facts: Facts) -> bool:
        return facts.report.get(at) is not None

    return Row(path, lambda spec: None if spec.get(at) in (None, default) else spec[at], wanted, seen, told=told)


def _subnets(config: Any) -> dict[str, dict[str, Any]]:
    """Subnet to what is said of it; an engine fills in what is not."""
    found = {}
    for pool in config or ():
        said = {
            "ip_range": _net(pool.get("IPRange")),
            "gateway": pool.get("Gateway"),
            "aux_addresses": dict(pool.get("AuxiliaryAddresses") or pool.get("AuxAddress") or {}),
        }
        found[_net(pool.get("Subnet"))] = {key: value for key, value in said.items() if value}
    return found


def _net(text: Any) -> str:
    try:
        return str(ipaddress.ip_network(str(text or ""), strict=False))
    except ValueError:
        return str(text or "")


def _spelled(subnets: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same with each address in one spelling."""
    return {
        subnet: {
            key: {name: ip_text(one) for name, one in value.items()} if isinstance(value, dict) else ip_text(value)
            for key, value in said.items()
        }
        for subnet, said in subnets.items()
    }


def _ipam_wanted(facts: Facts) -> dict[str, Any]:
    return _spelled(_subnets(look(facts.spec, "IPAM.Config")))


def _ipam_seen(facts: Facts) -> dict[str, Any]:
    """Of the pools that are there, what was asked about; and a pool of a family that was asked for otherwise."""
    wanted, seen = _ipam_wanted(facts), _spelled(_subnets(look(facts.report, "IPAM.Config")))
    families = {":" in subnet for subnet in wanted}
    return {
        subnet: {key: value for key, value in said.items() if key in wanted.get(subnet, {})}
        for subnet, said in seen.items()
        if subnet in wanted or (":" in subnet) in families
    }


def _options_seen(facts: Facts) -> dict[str, str]:
    """Without what the engine itself had added when it was made, as long as it is that."""
    asked, by_itself = facts.spec.get("Options") or {}, noted(facts.report).get("Options") or {}
    found = {key: str(value) for key, value in (facts.report.get("Options") or {}).items() if key in asked}
    beyond = options_beyond(facts.spec, facts.report)
    return found | {key: value for key, value in beyond.items() if by_itself.get(key) != value}


def _others(spec: Spec) -> dict[str, Any] | None:
    return {key: value for key, value in spec.items() if key not in KNOWN and set_or_none(value) is not None} or None


TABLE: tuple[Row[Facts], ...] = (
    Row(
        "driver",
        lambda spec: spec.get("Driver") or None,
        lambda facts: facts.spec.get("Driver") or "bridge",
        lambda facts: facts.report.get("Driver"),
    ),
    Row(
        "driver_opts",
        lambda spec: spec.get("Options") or None,
        lambda facts: {key: str(value) for key, value in (facts.spec.get("Options") or {}).items()},
        _options_seen,
        depth=1,
        secret=holds_secret,
    ),
    Row(
        "ipam.driver",
        lambda spec: look(spec, "IPAM.Driver") or None,
        lambda facts: look(facts.spec, "IPAM.Driver") or "default",
        lambda facts: look(facts.report, "IPAM.Driver") or "default",
    ),
    Row(
        "ipam.options",
        lambda spec: look(spec, "IPAM.Options") or None,
        lambda facts: dict(look(facts.spec, "IPAM.Options") or {}),
        lambda facts: dict(look(facts.report, "IPAM.Options") or {}),
        depth=1,
    ),
    # What the engine chose where nothing was asked for cannot be told from what was asked for.
    Row(
        "ipam.config",
        lambda spec: _subnets(look(spec, "IPAM.Config")) or None,
        _ipam_wanted,
        _ipam_seen,
        told=lambda _facts: False,
    ),
    _flag("internal", "Internal", False),
    _flag("attachable", "Attachable", False),
    _flag("enable_ipv6", "EnableIPv6", False),
    _flag("enable_ipv4", "EnableIPv4", True),
    Row(
        "labels",
        lambda spec: comparable_labels(spec.get("Labels"), spec.get("Labels") or {}) or None,
        lambda facts: comparable_labels(facts.spec.get("Labels"), facts.spec.get("Labels") or {}),
        lambda facts: comparable_labels(facts.report.get("Labels"), facts.spec.get("Labels") or {}),
        depth=1,
        secret=holds_secret,
    ),
    Row("others", _others, lambda _facts: None, lambda _facts: None, told=lambda _facts: False),
)


STALE_ENDPOINT = "StaleEndpoint"
ATTEMPTS, PAUSE = 20, 0.25  # at removing a network that nobody is attached to any more, and seconds between them


class NetworkKind:
    name = "network"

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        sleep: Callable[[float], None] = time.sleep,
        *,
        taken: JsonFile | None = None,
    ) -> None:
        """`taken` is where it is noted which networks of `docker compose` were taken over."""
        self._taken = Taken(taken, identity.origin)
        self._there: frozenset[str] = frozenset()  # the ids of all networks, as last listed
        self._engine = engine
        self._identity = identity
        self._sleep = sleep
        self._guests = Guests(engine, identity.instance)

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`; also what else of ours has a wanted name, as leftovers."""
        listed = self._engine.list_networks()
        self._there = frozenset(str(one["Id"]) for one in listed)
        found = [(resource, self._named(resource, listed)) for resource in wanted]
        present = [self._observed(resource, same[0], listed) for resource, same in found if same]
        names, known = {resource.key.name for resource in wanted}, {one.id for one in present}
        others = [report for report in listed if report["Id"] not in known]
        strays = [*self._leftovers(others, names), *self._unwanted(others, names, scope)]
        anew = [one for one in present if one.differences and one.owner is not Owner.FOREIGN]
        return [*present, *strays, *self._users(strays, anew, scope)]

    def _leftovers(self, others: Iterable[Report], names: Collection[str]) -> Iterator[Observed]:
        """What else of ours has a wanted name."""
        for report in others:
            if report["Name"] in names and self._is_ours(report):
                yield self._stray(report, report.get("Labels") or {}, leftover=True)

    def _unwanted(self, others: Iterable[Report], names: Collection[str], scope: Scope) -> Iterator[Observed]:
        """What is ours, or was taken over, and nobody in the scope wants."""
        whose = self._taken.whose()
        for report in others:
            labels = (report.get("Labels") or {}) if self._is_ours(report) else whose.get(report["Id"])
            if labels is not None and report["Name"] not in names and in_scope(scope, labels):
                yield self._stray(report, labels, leftover=False)

    def _users(self, strays: Iterable[Observed], anew: Iterable[Observed], scope: Scope) -> Iterator[Observed]:
        """The containers attached to networks that cannot stay, as somebody else's: the kind that knows them says more.
        Containers of other stacks do not count for networks made `anew`, for they are attached again."""
        uses: dict[tuple[str, str], set[Key]] = {}
        for network, comes_back in [*((one, False) for one in strays), *((one, True) for one in anew)]:
            attached = (self._engine.inspect_network(network.id) or {}).get("Containers") or {}
            for id, endpoint in attached.items():
                if not (comes_back and self._guests.is_one(id, scope)):
                    uses.setdefault((endpoint.get("Name") or "", id), set()).add(network.key)
        for (name, id), used in sorted(uses.items()):
            if name:
                yield Observed(Key("container", name), id, Owner.FOREIGN, uses=frozenset(used))

    def _named(self, resource: Resource, listed: Sequence[Report]) -> list[Report]:
        """Every network of exactly this name, the one to be taken first. A list that lacks it is checked by asking."""
        name = resource.key.name
        same = [report for report in listed if report.get("Name") == name]
        if not same:
            asked = self._engine.inspect_network(name)
            same = [asked] if asked and asked.get("Name") == name else []
        rank = {Owner.OURS: 0, Owner.ADOPTABLE: 1, Owner.FOREIGN: 2}
        return sorted(same, key=lambda report: (rank[self._owner(resource, report)], report.get("Created") or ""))

    def _observed(self, resource: Resource, report: Report, listed: Sequence[Report]) -> Observed:
        labels, owner = report.get("Labels") or {}, self._owner(resource, report)
        differences = () if resource.external else self._differences(resource, report, owner)
        seen = observed(resource.key, report["Id"], owner, labels, report)
        return replace(
            seen,
            stack=seen.stack or resource.stack,
            differences=differences,
            obstacle=self._unclear(resource, listed)
            or (overlap(resource.spec, report, listed) if differences else None),
            untaken=owner is Owner.ADOPTABLE and not resource.external and not self._taken.has(resource, report["Id"]),
        )

    def _unclear(self, resource: Resource, listed: Sequence[Report]) -> Failure | None:
        """Why nothing new can be put on one that is external: it has the name of another one."""
        try:
            if resource.external:
                chosen(resource.key.name, resource.stack, listed, self._identity.instance)
        except Refused as refused:
            return refused.failure()
        return None

    def _stray(self, report: Report, labels: Mapping[str, str], *, leftover: bool) -> Observed:
        key = Key(self.name, f"{report['Name']}@{report['Id'][:12]}" if leftover else report["Name"])
        seen = observed(key, report["Id"], Owner.OURS, labels, report)
        return replace(seen, leftover=leftover)

    def _differences(self, resource: Resource, report: Report, owner: Owner) -> tuple[Difference, ...]:
        facts, labels = Facts(resource.spec, report), report.get("Labels") or {}
        return differences(TABLE, facts, resource, labels, key=self._identity.key, owner=owner)

    def _owner(self, resource: Resource, report: Report) -> Owner:
        labels = report.get("Labels") or {}
        compose_key = (resource.spec.get("Labels") or {}).get(f"{COMPOSE}network", "")
        return owner_of(self._is_ours(report), is_composes(resource, labels, "network", compose_key))

    def _is_ours(self, report: Report) -> bool:
        return is_ours(self._identity, report.get("Name") or "", report.get("Labels") or {}, {})

    def adopt(self, change: Change) -> None:
        """See `Adopting.adopt`."""
        self._taken.note(wanted_of(change), seen_of(change).id)

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:  # noqa: ARG002 - what is there is known by its id
        """Forget what was taken over and is gone."""
        self._taken.forget(stack, self._is_gone)

    def _is_gone(self, id: str) -> bool:
        """What the list lacks is asked for before it counts as gone."""
        return id not in self._there and self._engine.inspect_network(id) is None

    def create(self, change: Change, revision: str) -> None:
        """Make it; one of ours that is there as wanted already was made by an attempt that was cut."""
        resource = wanted_of(change)
        listed = self._engine.list_networks()
        for report in self._named(resource, listed)[:1]:
            owner = self._owner(resource, report)
            if owner is not Owner.FOREIGN and not self._differences(resource, report, owner):
                return
            raise Refused(f"another network is called {resource.key.name}", reason=NAME_CONFLICT)
        try:
            self._make(resource, revision)
        except Refused as refusal:
            raise _named_in(refusal, overlapping(resource.spec, {}, listed)) from None

    def update(self, change: Change, revision: str) -> None:
        """Nothing about a network changes in place."""
        self._remake(change, revision)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:  # noqa: ARG002 - nobody waits for it
        """Remove and make anew; refused while a container that runs is attached."""
        self._remake(change, revision)

    def _remake(self, change: Change, revision: str) -> None:
        self._make_way(seen_of(change).id, wanted_of(change))
        self._make(wanted_of(change), revision)

    def remove(self, change: Change) -> None:
        if change.wanted is None:
            self._remove(seen_of(change).id)
        else:
            self._make_way(seen_of(change).id, change.wanted)

    def _make_way(self, network: str, resource: Resource) -> None:
        """Remove one that is to be made anew, from under the containers of other stacks that are attached to it."""
        guests = self._guests.detach(network, resource)
        try:
            self._remove(network)
        except Refused:
            self._guests.attach(network, guests)
            raise

    def _remove(self, network: str) -> None:
        """Remove it. An engine with much to do frees an endpoint some time after it has removed the container, and one
        with a fault in it never does."""
        for _ in range(ATTEMPTS):
            try:
                self._engine.remove_network(network)
            except Refused as error:
                if error.reason != "NetworkInUse" or self._is_attached(network):
                    raise
                self._sleep(PAUSE)
            else:
                return
        message = (
            f"network {network[:12]} has no container attached, yet the engine counts an endpoint of one that is gone:"
            " it can be removed once the engine is restarted"
        )
        raise Refused(message, reason=STALE_ENDPOINT)

    def _is_attached(self, network: str) -> bool:
        """Whether a container that is there holds on to the network."""
        attached = (self._engine.inspect_network(network) or {}).get("Containers") or {}
        return any(self._engine.inspect_container(container) for container in attached)

    def probe(self, key: Key, condition: Condition) -> Probe:  # noqa: ARG002 - it is there or it is not
        there = any(report.get("Name") == key.name for report in self._engine.list_networks())
        return Probe(Gate.PASSED) if there else Probe(Gate.FAILED, "the network is gone")

    def _make(self, resource: Resource, revision: str) -> None:
        body = labelled(TABLE, self._identity, resource, revision)
        made = self._engine.create_network(resource.key.name, body)
        if self._engine.api >= SINCE and (what := added(body, self._engine.inspect_network(made) or {})):
            self._engine.remove_network(made)
            made = self._engine.create_network(resource.key.name, with_note(body, what))
        self._guests.attach(made, self._guests.taken_from(resource.key))


def _named_in(refusal: Refused, overlapping: str) -> Refused:
    """The refusal; one for the sake of a subnet says which network has it, which the engine does not."""
    if refusal.reason != SUBNET_OVERLAP or not overlapping:
        return refusal
    how = (
        "choose another subnet, or have that network go first, by a commit before this one where it is the stack's own"
    )
    return Refused(f"{refusal.message}: {overlapping}: {how}", reason=refusal.reason)
