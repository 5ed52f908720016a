"""Volumes. `spec` is the body of `POST /volumes/create` without the name.

A volume keeps data, so nothing here removes one or makes one anew, and the engine has no way to change one: a volume
that differs is said and held. What it was made with by hand or by Compose is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.errors import Refused
from agent.kinds.base import (
    COMPOSE,
    INSTANCE,
    ORIGIN,
    REVISION,
    STACK,
    Identity,
    comparable_labels,
    in_scope,
    is_composes,
    is_ours,
    is_protected,
    owner_of,
    wanted_of,
)
from agent.kinds.table import Row, Spec, differences, holds_secret, kept, labelled
from agent.model import Change, Condition, Difference, Gate, Key, Observed, Owner, Resource, Scope
from agent.rollout import Pace

Report = Mapping[str, Any]


class Facts(NamedTuple):
    spec: Spec
    report: Report
    owner: Owner


def _labels_wanted(facts: Facts) -> dict[str, str]:
    """Labels are compared on what we made; there is no way to put them on what was there before."""
    asked = facts.spec.get("Labels") or {}
    return comparable_labels(asked, asked) if facts.owner is Owner.OURS else _labels_seen(facts)


def _labels_seen(facts: Facts) -> dict[str, str]:
    return comparable_labels(facts.report.get("Labels"), facts.spec.get("Labels") or {})


TABLE: tuple[Row[Facts], ...] = (
    Row(
        "driver",
        lambda spec: spec.get("Driver") or None,
        lambda facts: facts.spec.get("Driver") or "local",
        lambda facts: facts.report.get("Driver"),
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

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self._engine = engine
        self._identity = identity

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`. One that the list lacks is asked for by name before it counts as absent."""
        listed = {str(report.get("Name")): report for report in self._engine.list_volumes()}
        found = [
            (resource, listed.get(resource.key.name) or self._engine.inspect_volume(resource.key.name))
            for resource in wanted
        ]
        known = {resource.key.name for resource in wanted}
        return [
            *(self._observed(resource, report) for resource, report in found if report),
            *(
                self._stray(report)
                for name, report in sorted(listed.items())
                if name not in known and self._is_ours(report) and in_scope(scope, report.get("Labels") or {})
            ),
        ]

    def _observed(self, resource: Resource, report: Report) -> Observed:
        labels, owner = report.get("Labels") or {}, self._owner(resource, report)
        return Observed(
            resource.key,
            resource.key.name,
            owner,
            stack=labels.get(STACK) or resource.stack,
            origin=labels.get(ORIGIN, ""),
            revision=labels.get(REVISION, ""),
            differences=() if resource.external else self._differences(resource, report, owner),
            keeps_data=True,
            protected=is_protected(labels),
            raw=report,
        )

    def _stray(self, report: Report) -> Observed:
        labels, name = report.get("Labels") or {}, str(report.get("Name"))
        return Observed(
            Key(self.name, name),
            name,
            Owner.OURS,
            stack=labels.get(STACK, ""),
            origin=labels.get(ORIGIN, ""),
            revision=labels.get(REVISION, ""),
            keeps_data=True,
            protected=is_protected(labels),
            raw=report,
        )

    def _differences(self, resource: Resource, report: Report, owner: Owner) -> tuple[Difference, ...]:
        facts, labels = Facts(resource.spec, report, owner), report.get("Labels") or {}
        return differences(TABLE, facts, resource, labels, key=self._identity.key, owner=owner)

    def _owner(self, resource: Resource, report: Report) -> Owner:
        """A volume of the wanted name that nobody has marked is used as it is, as Compose does."""
        labels = report.get("Labels") or {}
        unmarked = INSTANCE not in labels and not any(label.startswith(COMPOSE) for label in labels)
        compose_key = (resource.spec.get("Labels") or {}).get(f"{COMPOSE}volume", "")
        return owner_of(self._is_ours(report), unmarked or is_composes(resource, labels, "volume", compose_key))

    def _is_ours(self, report: Report) -> bool:
        return is_ours(self._identity, str(report.get("Name")), report.get("Labels") or {}, {})

    def create(self, change: Change, revision: str) -> None:
        resource = wanted_of(change)
        body = labelled(TABLE, self._identity, resource, revision)
        self._engine.create_volume(resource.key.name, body)

    def update(self, change: Change, revision: str) -> None:  # noqa: ARG002 - it never happens
        raise _immutable(change)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:  # noqa: ARG002 - it never happens
        raise _immutable(change)

    def remove(self, change: Change, revision: str) -> None:  # noqa: ARG002 - it never happens
        raise _immutable(change)

    def probe(self, key: Key, condition: Condition) -> tuple[Gate, str]:  # noqa: ARG002 - it is there or it is not
        there = self._engine.inspect_volume(key.name) is not None
        return (Gate.PASSED, "") if there else (Gate.FAILED, "the volume is gone")


def _immutable(change: Change) -> Refused:
    return Refused(f"volume {change.key.name} keeps data and is not touched", reason="VolumeImmutable")
