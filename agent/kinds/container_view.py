"""How containers are seen: found by name and by label, held against what is wanted, and told whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache, partial
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.images import Image, digest_of
from agent.kinds.base import (
    INSTANCE,
    NAME,
    ORIGIN,
    REVISION,
    STACK,
    Identity,
    heeded,
    in_scope,
    is_composes,
    is_ours,
    is_protected,
    owner_of,
    read_fingerprint,
)
from agent.kinds.container_around import Surroundings, look_around
from agent.kinds.container_astray import NUMBER, ONE_OFF, Places
from agent.kinds.container_cut import Labels, Standing, as_cut, goes_on, hindered, set_aside, standings, twins_of
from agent.kinds.container_facts import Facts, is_done, is_scheduled
from agent.kinds.container_fields import TABLE
from agent.kinds.container_images import Resolved, image_for, image_of, reference_of, references, told
from agent.kinds.container_job import job_of
from agent.kinds.container_mended import Mended
from agent.kinds.container_names import labels_of, listed_name, name_of
from agent.kinds.container_once import Once, hook_of
from agent.kinds.container_orphans import Orphans
from agent.kinds.container_ports import holders, lacking, ports_of
from agent.kinds.container_state import health_of, patience_of, rewritten, unmoved, uses_of
from agent.kinds.container_strays import Strays, beside, composes, taken_over
from agent.kinds.container_unhooked import NOT_RUN, Unhooked
from agent.kinds.table import compare, fingerprint, look
from agent.model import Difference, Health, Key, Observed, Owner, Resource, Scope
from agent.twins import FORMER, OLD

Report = dict[str, Any]
Digests = tuple[str, ...]  # the `RepoDigests` of an image


class Disk(NamedTuple):
    """What the files that a container mounts tell of it, see `Facts`."""

    unmoved: frozenset[str]
    rewritten: frozenset[str]


class Basis(NamedTuple):
    """What a comparison was made from beside what is wanted and the engine's report."""

    around: Surroundings
    local: str
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


class ContainerView:
    """Looks at containers and changes none."""

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        once: Once,
        orphans: Orphans,
        *,
        unhooked: Unhooked | None = None,
        mended: Mended | None = None,
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._once = once
        self._orphans = orphans
        self._unhooked = unhooked or Unhooked()
        self._mended = mended or Mended()
        self._places = Places(engine, identity.instance, self.owner)
        self.resolved = Resolved(engine)
        self._known_image = lru_cache(maxsize=512)(self._ask_image)
        self._digests: dict[str, Digests] = {}  # by the id of the image, as last told
        self._look_around = partial(look_around, engine, identity.instance)
        self._compared: dict[Key, Compared] = {}
        self._unwanted = Strays()
        self.there: frozenset[str] = frozenset()  # the ids of all containers, as last listed
        self.shared_names: frozenset[str] = frozenset()  # those that more than one network had, as last listed
        self._composes: set[Key] = set()  # what `docker compose` had made when it was last there

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`; also leftovers of cut replacements, what was renamed by hand, who holds a needed port."""
        losses, listed = self._engine.losses, self._engine.list_containers()
        ours = [one for one in listed if self._has_our_label(one)]
        self._orphans.look(ours, losses)
        self.there = frozenset(str(one["Id"]) for one in listed)
        self._forget_all_but({listed_name(one) for one in listed}, self.there)
        reports = self._places.reports(wanted, listed, ours)
        named = [report for report in reports if report]
        cleared = [self._once.without_container(one) for one, it in zip(wanted, reports, strict=True) if not it]
        others = self._others([report["Id"] for report in named], ours, scope)
        theirs = self._theirs(wanted, listed, {report["Id"] for report in named}, scope)
        seen = [*named, *others, *(report for report, _ in theirs)]
        around, local = self._look_around(seen, listed), self._local(references(wanted))
        self.resolved.looked(wanted, local)
        self.shared_names = around.shared
        images = sorted({image_of(report) for report in seen})
        self._engine.gather(partial(self.image, image) for image in images)
        strays = [*((one, labels_of(one)) for one in self._strays(others, wanted, ours)), *theirs]
        twins = twins_of(wanted, [report for report, _ in strays])
        there = standings(wanted, reports, twins, partial(self._differing, around, local), self.owner)
        by_name = {listed_name(one): one for one in listed}
        known = {report["Id"] for one in there for report in (one.report, *one.others)}
        found = [
            *(hindered(self._present(one, around, local), one, by_name, self._identity.instance) for one in there),
            *filter(None, cleared),
            *(
                self._orphans.told(self._unwanted.seen(report, around.of(report, {}), labels))
                for report, labels in strays
                if report["Id"] not in known
            ),
        ]
        found += self._beside(wanted, listed, {*known, *(one.id for one in found)}, around)
        outlived = self._orphans.of_nobody({one.key for one in wanted}.union(one.key for one in found), scope)
        programs = self._orphans.holding(lacking(wanted, found, listed))
        return [*found, *outlived, *programs, *self._holders(wanted, listed, {one.id for one in found})]

    def _differing(
        self, around: Surroundings, local: Mapping[str, str], resource: Resource, report: Report
    ) -> tuple[Difference, ...]:
        facts = self._facts(resource, report, around, image_for(resource, local))
        return self.differences(resource, facts, self.owner(resource, report))

    def _theirs(
        self, wanted: Sequence[Resource], listed: Sequence[Report], known: Set[str], scope: Scope
    ) -> list[tuple[Report, Labels]]:
        """What `docker compose` made and was set aside or taken over, with what tells whose it is; the ids that are
        `known` are of what is wanted."""
        ours, noted = filter(self._has_our_label, listed), self._mended.whose()
        theirs = [*set_aside(listed, ours, noted), *taken_over(listed, noted, {one.key.name for one in wanted})]
        found = [(one, labels) for one, labels in theirs if one["Id"] not in known and in_scope(scope, labels)]
        reports = self._engine.inspect_listed([entry for entry, _ in found])
        return [(report, labels) for report, (_, labels) in zip(reports, found, strict=True) if report]

    def _beside(
        self, wanted: Sequence[Resource], listed: Sequence[Report], known: Set[str], around: Surroundings
    ) -> list[Observed]:
        """What `docker compose` made for the wanted stacks beside what they want."""
        entries = beside(listed, {one.stack for one in wanted}, known)
        reports = [report for report in self._engine.inspect_listed(entries) if report]
        return [
            self._orphans.told(composes(one, around.names))
            for one in reports
            if labels_of(one).get(NUMBER) != self._inherited(one).get(NUMBER)
        ]

    def _strays(self, others: Sequence[Report], wanted: Sequence[Resource], ours: Iterable[Report]) -> Iterator[Report]:
        """Of what has our label and is not wanted, what is ours. One that somebody renamed is, as long as the name that
        it was made for is not wanted and none of ours has it: else it may as well be a copy of that one."""
        taken = {one.key.name for one in wanted}.union(map(listed_name, ours)) if others else frozenset()
        for one in others:
            made_for = labels_of(one).get(NAME, "")
            if self._is_ours(one) or (made_for not in taken and self._is_ours(one, made_for)):
                yield one

    def _holders(self, wanted: Sequence[Resource], listed: Sequence[Report], known: Set[str]) -> Iterator[Observed]:
        """Who else holds a port that is needed; `known` are the ids of what is seen already."""
        others = [one for one in listed if one["Id"] not in known] if any(one.ports for one in wanted) else []
        aside = [one for one in others if listed_name(one).endswith(OLD if self._has_our_label(one) else FORMER)]
        return holders(wanted, others, filter(None, self._engine.inspect_listed(aside)))

    def _has_our_label(self, entry: Report) -> bool:
        return (entry.get("Labels") or {}).get(INSTANCE) == self._identity.instance

    def _present(self, there: Standing, around: Surroundings, local: Mapping[str, str]) -> Observed:
        one = there.resource
        seen = told(one, self._observed(one, there.report, around, image_for(one, local)), local)
        seen = self._orphans.told(seen)
        (self._composes.add if seen.owner is Owner.ADOPTABLE else self._composes.discard)(one.key)
        return as_cut(seen, there, around.names) if there.cut else seen

    def lacking(self, resource: Resource, report: Report) -> frozenset[str] | None:
        """In which fields one that a replacement had made before it was cut is still to be finished, asked for now;
        None where it is none to go on with."""
        if not self.is_ours(report, resource.key.name):
            return None
        differences = self.differences(resource, self.facts(resource, report), Owner.OURS)
        return frozenset(one.path for one in differences) if goes_on(differences) else None

    def facts(self, resource: Resource, report: Report) -> Facts:
        """All that is needed to compare one container, asked for now."""
        around = self._look_around([report], self._engine.list_containers())
        local = self._local(references([resource]))
        return self._facts(resource, report, around, image_for(resource, local))

    def differences(self, resource: Resource, facts: Facts, owner: Owner) -> tuple[Difference, ...]:
        """Every field in which the container is not as wanted, but for what may be as it is."""
        key = self._identity.key
        made_from = read_fingerprint(self._mended.labels(resource, facts.report), key)
        wanted_from = fingerprint(TABLE, facts.spec, key)
        found = compare(TABLE, facts, made_from, wanted_from, adopted=owner is Owner.ADOPTABLE)
        if lacks := self._unhooked.lacks(resource, facts.report):
            found = (*found, lacks)
        return heeded(resource, found)

    def owner(self, resource: Resource, report: Report) -> Owner:
        """Whose it is. What it only inherited from its image proves nothing."""
        labels, inherited = labels_of(report), self._inherited(report)
        made_by_compose = (
            is_composes(resource, labels, "service", resource.service)
            and labels.get(ONE_OFF) != "True"
            and labels.get(NUMBER) != inherited.get(NUMBER)
        )
        return owner_of(self._is_ours(report, resource.key.name), made_by_compose)

    def was_composes(self, key: Key) -> bool:
        """Whether `docker compose` had made the container when it was last looked at."""
        return key in self._composes

    def is_ours(self, report: Report, base: str) -> bool:
        """Whether this instance made it, for the name `base`, which it has or is called a twin of."""
        return labels_of(report).get(NAME) == base and self._is_ours(report)

    def image(self, identity: str) -> Mapping[str, Any] | None:
        """The configuration of an image by its id, None where it is gone. Ids never change what they stand for."""
        try:
            return self._known_image(identity) if identity else None
        except LookupError:
            return None

    def _ask_image(self, identity: str) -> Mapping[str, Any]:
        found = self._engine.inspect_image(identity)
        if found is None:
            raise LookupError(identity)  # which is not remembered
        self._heed_digests([found])
        return found.get("Config") or {}

    def _others(self, seen: Sequence[str], listed: Iterable[Report], scope: Scope) -> list[Report]:
        """Everything of this instance in the scope that is not among the wanted."""
        known = frozenset(seen)
        entries = [one for one in listed if one["Id"] not in known and in_scope(scope, one.get("Labels") or {})]
        return [report for report in self._engine.inspect_listed(entries) if report]

    def _local(self, wanted: Sequence[str]) -> dict[str, str]:
        """The id of the image that each wanted reference has here."""
        images = self._engine.gather(partial(self._engine.inspect_image, reference) for reference in wanted)
        self._heed_digests(images)
        return {reference: image["Id"] for reference, image in zip(wanted, images, strict=True) if image}

    def _heed_digests(self, images: Iterable[Report | None]) -> None:
        """An image gets more of them with each registry that it is pushed to."""
        self._digests.update({one["Id"]: tuple(one.get("RepoDigests") or ()) for one in images if one})

    def _observed(self, resource: Resource, report: Report, around: Surroundings, local: str) -> Observed:
        """One container held against what is wanted of it; as before, where nothing of either is another."""
        last = self._compared.get(resource.key)
        basis = Basis(
            around.of(report, resource.spec.get("body") or {}),
            local,
            _disk(resource, report),
            self._digests.get(image_of(report), ()),
            self._unhooked.is_waiting(resource, report),
            self._mended.of(resource, report),
            self._mended.is_taken(resource, report),
            health_of(report, resource.spec),
        )
        is_known = last is not None and hook_of(resource) is None and last.report is report and last.basis == basis
        if last is not None and is_known and last.resource == resource:
            return last.observed
        observed = self._compare(resource, report, basis)
        self._compared[resource.key] = Compared(resource, report, basis, observed)
        return observed

    def _forget_all_but(self, names: Set[str], ids: Set[str]) -> None:
        for key in [key for key in self._compared.copy() if key.name not in names]:
            self._compared.pop(key, None)  # another turn may have been quicker
        self._unwanted.forget_all_but(ids)

    def _compare(self, resource: Resource, report: Report, basis: Basis) -> Observed:
        labels = self._mended.labels(resource, report)
        owner = self.owner(resource, report)
        health, detail = basis.health
        facts = self._facts(resource, report, basis.around, basis.local)
        differences = () if resource.external else self.differences(resource, facts, owner)
        observed = Observed(
            resource.key,
            report["Id"],
            owner,
            stack=labels.get(STACK) or resource.stack,
            origin=labels.get(ORIGIN, ""),
            revision="" if NOT_RUN in differences else labels.get(REVISION, ""),  # it is not done with
            service=resource.service,
            differences=differences,
            uses=_used(resource, report, basis.around.names),
            health=health,
            detail=detail,
            patience=patience_of(report),
            protected=is_protected(labels),
            untaken=owner is Owner.ADOPTABLE and not hook_of(resource) and not basis.taken,
            image=Image(image_of(report), digest_of(reference_of(resource), basis.digests)),
            job=job_of(report, self._engine.logs) if is_scheduled(resource.spec) else None,
            ports=ports_of(report),
            over=is_done(resource.spec, report),
            raw=report,
        )
        hook = hook_of(resource)
        return self._once.observed(resource, hook, observed) if hook else observed

    def _facts(self, resource: Resource, report: Report, around: Surroundings, local: str) -> Facts:
        return Facts(
            resource.key.name,
            resource.spec,
            report,
            self.image(image_of(report)),
            local,
            around.daemon,
            around.networks,
            around.names,
            self._engine.api,
            *_disk(resource, report),
            outdated=frozenset() if is_scheduled(resource.spec) else around.outdated(report),
            heals=resource.handling.heal_unhealthy,
        )

    def _is_ours(self, report: Report, name: str = "") -> bool:
        return is_ours(self._identity, name or name_of(report), labels_of(report), self._inherited(report))

    def _inherited(self, report: Report) -> Mapping[str, str]:
        return look(self.image(image_of(report)), "Labels") or {}


def _used(resource: Resource, report: Report, names: Mapping[str, str]) -> frozenset[Key]:
    """What is done keeps no network from being made anew, and does not run again for it."""
    used = uses_of(report, names)
    return frozenset(key for key in used if key.kind != "network") if is_done(resource.spec, report) else used


def _disk(resource: Resource, report: Mapping[str, Any]) -> Disk:
    """A run goes on with the files that it began with, and the next one begins with those that are there then."""
    lying, files = resource.spec.get("lying") or {}, resource.spec.get("files") or ()
    if is_scheduled(resource.spec):
        files = ()
    return Disk(unmoved(report, lying.values()), rewritten(report, files))
