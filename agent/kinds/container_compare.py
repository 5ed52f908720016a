"""One container held against what is wanted of it: whose it is, in what it differs, and how it fares."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from agent.engine import Engine
from agent.images import Image, digest_of
from agent.kinds.base import (
    Identity,
    Report,
    heeded,
    is_composes,
    is_ours,
    observed,
    owner_of,
    read_fingerprint,
)
from agent.kinds.container_around import Surroundings
from agent.kinds.container_astray import NUMBER, ONE_OFF
from agent.kinds.container_cut import Labels
from agent.kinds.container_facts import Facts, is_done, is_scheduled
from agent.kinds.container_fields import TABLE
from agent.kinds.container_images import Digests, Images, reference_of
from agent.kinds.container_injected import injected
from agent.kinds.container_job import job_of
from agent.kinds.container_mended import Mended
from agent.kinds.container_networks import with_addresses
from agent.kinds.container_once import Once, hook_of
from agent.kinds.container_ports import ports_asked, ports_of
from agent.kinds.container_report import image_of, labels_of, name_of
from agent.kinds.container_state import health_of, patience_of, rewritten, unmoved, uses_of
from agent.kinds.container_unhooked import NOT_RUN, Unhooked
from agent.kinds.table import compare, fingerprint, look
from agent.model import Difference, Health, Key, Observed, Owner, Resource


class Disk(NamedTuple):
    """What the files that a container mounts tell of it, see `Facts`."""

    unmoved: frozenset[str]
    rewritten: frozenset[str]


class Basis(NamedTuple):
    """What a comparison was made from, beside what is wanted and the engine's report."""

    around: Surroundings
    local: str  # the id of the image that is wanted
    disk: Disk
    digests: Digests
    waits: bool  # for what is to run after its start
    noted: Labels  # of what it has been made equal to
    taken: bool  # over from `docker compose`
    health: tuple[Health, str]  # which changes with the time alone


class Compared(NamedTuple):
    """A comparison, and all that it was made from."""

    resource: Resource
    report: Report
    basis: Basis
    observed: Observed


class Comparisons:
    """Compares, and keeps each comparison as long as nothing has changed that it was made from. Any thread may call."""

    def __init__(self, engine: Engine, identity: Identity, once: Once, unhooked: Unhooked, mended: Mended) -> None:
        self._engine, self._identity, self.images = engine, identity, Images(engine)
        self._once, self._unhooked, self._mended = once, unhooked, mended
        self._compared: dict[Key, Compared] = {}

    # --- whose it is ---

    def owner(self, resource: Resource, report: Report) -> Owner:
        """Whose it is. What it only inherited from its image proves nothing."""
        labels = labels_of(report)
        made_by_compose = (
            is_composes(resource, labels, "service", resource.service)
            and labels.get(ONE_OFF) != "True"
            and labels.get(NUMBER) != self.inherited(report).get(NUMBER)
        )
        return owner_of(self.is_ours(report, resource.key.name), made_by_compose)

    def is_ours(self, report: Report, name: str = "") -> bool:
        """Whether this instance made it for that name, or (without one) for the name that it has."""
        return is_ours(self._identity, name or name_of(report), labels_of(report), self.inherited(report))

    def inherited(self, report: Report) -> Mapping[str, str]:
        """The labels of its image."""
        return look(self.images.config(image_of(report)), "Labels") or {}

    # --- in what it differs ---

    def facts(self, resource: Resource, report: Report, around: Surroundings, local: str) -> Facts:
        """All that is compared. `local` is the id of the image that is wanted, "" where that is not here."""
        return Facts(
            resource.key.name,
            resource.spec,
            report,
            self.images.config(image_of(report)),
            local,
            around.daemon,
            around.networks,
            around.names,
            self._engine.api,
            **_disk(resource, report)._asdict(),
            outdated=frozenset() if is_scheduled(resource.spec) else around.outdated(report),
            heals=resource.handling.heal_unhealthy,
            injected=self._injected(resource, report),
        )

    def _injected(self, resource: Resource, report: Report) -> frozenset[str]:
        if self.owner(resource, report) is not Owner.ADOPTABLE:
            return frozenset()  # in ours it is mounted, and what is somebody else's is nothing to look into
        key = self._identity.key
        noted = read_fingerprint(self._mended.of(resource, report), key) or {}
        return injected(self._engine, resource.spec, report, noted, key)

    def differences(self, resource: Resource, facts: Facts, owner: Owner) -> tuple[Difference, ...]:
        """Every field in which the container is not as wanted, but for what may be as it is."""
        key = self._identity.key
        made_from = read_fingerprint(self._mended.labels(resource, facts.report), key)
        wanted_from = fingerprint(TABLE, facts.spec, key)
        found = compare(TABLE, facts, made_from, wanted_from, adopted=owner is Owner.ADOPTABLE)
        if lacks := self._unhooked.lacks(resource, facts.report):
            found = (*found, lacks)
        return with_addresses(heeded(resource, found), facts.body, facts.api)

    # --- all that is seen of it ---

    def seen(self, resource: Resource, report: Report, around: Surroundings, local: str) -> Observed:
        """The very same as before, where nothing that it was made from has changed. `local`: see `facts`."""
        basis = self._basis(resource, report, around, local)
        last = self._compared.get(resource.key)
        is_kept = last is not None and hook_of(resource) is None and last.report is report and last.basis == basis
        if last is not None and is_kept and last.resource == resource:
            return last.observed
        found = self._compare(resource, report, basis)
        self._compared[resource.key] = Compared(resource, report, basis, found)
        return found

    def forget_all_but(self, names: Set[str]) -> None:
        """Keep what is known of containers with these names alone."""
        for key in [key for key in self._compared.copy() if key.name not in names]:
            self._compared.pop(key, None)  # another turn may have been quicker

    def _basis(self, resource: Resource, report: Report, around: Surroundings, local: str) -> Basis:
        return Basis(
            around.of(report, resource.spec.get("body") or {}),
            local,
            _disk(resource, report),
            self.images.digests(image_of(report)),
            self._unhooked.is_waiting(resource, report),
            self._mended.of(resource, report),
            self._mended.is_taken(resource, report),
            health_of(report, resource.spec),
        )

    def _compare(self, resource: Resource, report: Report, basis: Basis) -> Observed:
        hook, owner = hook_of(resource), self.owner(resource, report)
        health, detail = basis.health
        facts = self.facts(resource, report, basis.around, basis.local)
        differences = () if resource.external else self.differences(resource, facts, owner)
        seen = observed(resource.key, report["Id"], owner, self._mended.labels(resource, report), report)
        seen = replace(
            seen,
            stack=seen.stack or resource.stack,
            revision="" if NOT_RUN in differences else seen.revision,  # it is not done with
            service=resource.service,
            differences=differences,
            uses=_used(resource, report, basis.around.names),
            health=health,
            detail=detail,
            patience=patience_of(report),
            untaken=owner is Owner.ADOPTABLE and hook is None and not basis.taken,
            image=Image(image_of(report), digest_of(reference_of(resource), basis.digests)),
            job=job_of(report, self._engine.logs) if is_scheduled(resource.spec) else None,
            ports=ports_of(report),
            due=ports_asked(report),
            over=is_done(resource.spec, report),
        )
        return self._once.observed(resource, hook, seen) if hook else seen


def _used(resource: Resource, report: Report, names: Mapping[str, str]) -> frozenset[Key]:
    """What is done keeps no network from being made anew, and does not run again for it."""
    used = uses_of(report, names)
    return frozenset(key for key in used if key.kind != "network") if is_done(resource.spec, report) else used


def _disk(resource: Resource, report: Report) -> Disk:
    """A run goes on with the files that it began with, and the next one begins with those that are there then."""
    lying, files = resource.spec.get("lying") or {}, resource.spec.get("files") or ()
    if is_scheduled(resource.spec):
        files = ()
    return Disk(unmoved(report, lying.values()), rewritten(report, files))
