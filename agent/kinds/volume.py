"""Volumes. `spec` is the body of `POST /volumes/create` without the name.

A volume keeps data, so nothing here removes one or makes one anew, and the engine cannot change one: a volume that
differs is reported and held. The labels of a volume that somebody else made are taken as they are. What Compose made
and was taken over is noted, so that it is listed like ours once its stack is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.errors import Refused
from agent.jsonfile import JsonFile
from agent.kinds.base import (
    COMPOSE,
    INSTANCE,
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
from agent.kinds.table import Row, Spec, differences, holds_secret, kept, labelled
from agent.kinds.taken import Taken
from agent.model import Change, Condition, Difference, Key, Observed, Owner, Resource, Scope
from agent.probe import Gate, Probe
from agent.rollout import Pace


class Facts(NamedTuple):
    spec: Spec
    report: Report
    owner: Owner


def _labels_wanted(facts: Facts) -> dict[str, str]:
    """Labels are compared on what we made; there is no way to put them on what was there before."""
    return _written(facts.spec.get("Labels")) if facts.owner is Owner.OURS else _labels_seen(facts)


def _labels_seen(facts: Facts) -> dict[str, str]:
    return _written(facts.report.get("Labels"))


def _written(labels: Any) -> dict[str, str]:
    """Without Compose's: for which stack it was made, and how that called it, is no part of what a volume is. One that
    goes with its service to another stack is used there as it is."""
    return comparable_labels(labels, {})


def _driver(value: Any) -> str:
    """The engine calls a plugin by its whole name, with the tag that is usual."""
    return str(value or "local").removesuffix(":latest")


TABLE: tuple[Row[Facts], ...] = (
    Row(
        "driver",
        lambda spec: spec.get("Driver") or None,
        lambda facts: _driver(facts.spec.get("Driver")),
        lambda facts: _driver(facts.report.get("Driver")),
        kept,
    ),
    Row(
        "driver_opts",
        lambda spec: spec.get("DriverOpts") or None,
        lambda facts: {key: str(value) for key, value in (facts.spec.get("DriverOpts") or {}).items()},
        lambda facts: {key: str(value) for key, value in (facts.report.get("Options") or {}).items()},
        kept,
        depth=1,
        secret=holds_secret,
    ),
    Row(
        "labels",
        lambda spec: comparable_labels(spec.get("Labels"), spec.get("Labels") or {}) or None,
        _labels_wanted,
        _labels_seen,
        kept,
        depth=1,
        secret=holds_secret,
    ),
)


class VolumeKind:
    name = "volume"

    def __init__(self, engine: Engine, identity: Identity, *, taken: JsonFile | None = None) -> None:
        """`taken` is where it is noted which volumes of `docker compose` were taken over."""
        self._taken = Taken(taken, identity.origin)
        self._there: frozenset[str] = frozenset()  # the names of all volumes, as last listed
        self._engine = engine
        self._identity = identity

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`. One that the list lacks is asked for by name before it counts as absent."""
        listed, whose = {str(report.get("Name")): report for report in self._engine.list_volumes()}, self._taken.whose()
        self._there = frozenset(listed)
        found = [
            (resource, listed.get(resource.key.name) or self._engine.inspect_volume(resource.key.name))
            for resource in wanted
        ]
        known = {resource.key.name for resource in wanted}
        unwanted = [report for name, report in sorted(listed.items()) if name not in known]
        return [
            *(self._observed(resource, report) for resource, report in found if report),
            *(
                self._stray(report, labels)
                for report in unwanted
                if (labels := self._labels_of(report, whose)) and in_scope(scope, labels)
            ),
        ]

    def _labels_of(self, report: Report, whose: Mapping[str, dict[str, str]]) -> Mapping[str, str]:
        """Of one of ours, or as one that was taken over would have them; none of another."""
        labels = report.get("Labels") or {}
        if self._is_ours(report):
            return labels
        return whose.get(str(report.get("Name")), {}) if is_of_compose(labels) else {}

    def _observed(self, resource: Resource, report: Report) -> Observed:
        labels, owner = report.get("Labels") or {}, self._owner(resource, report)
        seen = observed(resource.key, resource.key.name, owner, labels, report)
        return replace(
            seen,
            stack=seen.stack or resource.stack,
            differences=() if resource.external else self._differences(resource, report, owner),
            keeps_data=True,
            untaken=self._is_untaken(resource, labels, owner),
        )

    def _is_untaken(self, resource: Resource, labels: Mapping[str, str], owner: Owner) -> bool:
        is_composes_own = owner is Owner.ADOPTABLE and not resource.external and is_of_compose(labels)
        return is_composes_own and not self._taken.has(resource, resource.key.name)

    def _stray(self, report: Report, labels: Mapping[str, str]) -> Observed:
        name = str(report.get("Name"))
        return replace(observed(Key(self.name, name), name, Owner.OURS, labels, report), keeps_data=True)

    def _differences(self, resource: Resource, report: Report, owner: Owner) -> tuple[Difference, ...]:
        facts, labels = Facts(resource.spec, report, owner), report.get("Labels") or {}
        return differences(TABLE, facts, resource, labels, key=self._identity.key, owner=owner)

    def _owner(self, resource: Resource, report: Report) -> Owner:
        """A volume of the wanted name that nobody has marked is used as it is, as Compose does."""
        labels = report.get("Labels") or {}
        unmarked = INSTANCE not in labels and not is_of_compose(labels)
        compose_key = (resource.spec.get("Labels") or {}).get(f"{COMPOSE}volume", "")
        return owner_of(self._is_ours(report), unmarked or is_composes(resource, labels, "volume", compose_key))

    def _is_ours(self, report: Report) -> bool:
        return is_ours(self._identity, str(report.get("Name")), report.get("Labels") or {}, {})

    def adopt(self, change: Change) -> None:
        """See `Adopting.adopt`."""
        self._taken.note(wanted_of(change), seen_of(change).id)

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:  # noqa: ARG002 - what is there is known by its name
        """Forget what was taken over and is gone, also of stacks that have left before it went."""
        for one in {stack} | self._taken.stacks:
            self._taken.forget(one, self._is_gone)

    def _is_gone(self, name: str) -> bool:
        """What the list lacks is asked for before it counts as gone."""
        return name not in self._there and self._engine.inspect_volume(name) is None

    def create(self, change: Change, revision: str) -> None:
        resource = wanted_of(change)
        body = labelled(TABLE, self._identity, resource, revision)
        self._engine.create_volume(resource.key.name, body)

    def update(self, change: Change, revision: str) -> None:  # noqa: ARG002 - it never happens
        raise _immutable(change)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:  # noqa: ARG002 - it never happens
        raise _immutable(change)

    def remove(self, change: Change) -> None:
        raise _immutable(change)

    def probe(self, key: Key, condition: Condition) -> Probe:  # noqa: ARG002 - it is there or it is not
        there = self._engine.inspect_volume(key.name) is not None
        return Probe(Gate.PASSED) if there else Probe(Gate.FAILED, "the volume is gone")


def is_of_compose(labels: Mapping[str, str]) -> bool:
    """Whether `docker compose` made it, for whatever project."""
    return any(label.startswith(COMPOSE) for label in labels) and INSTANCE not in labels


def _immutable(change: Change) -> Refused:
    return Refused(f"volume {change.key.name} keeps data and is not touched", reason="VolumeImmutable")
