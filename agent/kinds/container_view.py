"""Which containers there are: those that are wanted, found by name or by label, and those that nobody wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import NamedTuple

from agent.engine import Engine
from agent.errors import Overtaken
from agent.kinds.base import INSTANCE, NAME, Report, in_scope, seen_of
from agent.kinds.container_around import Surroundings, look_around
from agent.kinds.container_astray import NUMBER, Places
from agent.kinds.container_compare import Comparisons
from agent.kinds.container_cut import Labels, Standing, as_cut, goes_on, hindered, set_aside, standings, twins_of
from agent.kinds.container_facts import Facts
from agent.kinds.container_images import Resolved, image_for, references, told
from agent.kinds.container_mended import Mended
from agent.kinds.container_once import Once
from agent.kinds.container_ports import holders, lacking
from agent.kinds.container_report import image_of, labels_of, listed_labels, listed_name, status_of
from agent.kinds.container_strays import Strays, beside, composes, taken_over
from agent.kinds.container_survivors import Survivors
from agent.model import Change, Difference, Key, Observed, Owner, Resource, Scope
from agent.twins import FORMER, OLD


class _Look(NamedTuple):
    """What one look is about, and what the engine listed for it: all containers, and those with our label."""

    wanted: Sequence[Resource]
    scope: Scope
    listed: Sequence[Report]
    ours: Sequence[Report]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.key.name for one in self.wanted)


class ContainerView:
    """Looks at containers and changes none."""

    def __init__(
        self,
        engine: Engine,
        instance: str,
        comparisons: Comparisons,
        *,
        once: Once,
        mended: Mended,
        survivors: Survivors,
    ) -> None:
        self._engine, self._instance, self._comparisons = engine, instance, comparisons
        self._once, self._mended, self._survivors = once, mended, survivors
        self._images = comparisons.images
        self.resolved = Resolved(engine)
        self._places = Places(engine, instance, comparisons.owner)
        self._look_around = partial(look_around, engine, instance)
        self._unwanted = Strays()
        self.there: frozenset[str] = frozenset()  # the ids of all containers, as last listed
        self.shared_names: frozenset[str] = frozenset()  # those that more than one network had, as last listed
        self._composes: set[Key] = set()  # what `docker compose` had made when it was last there

    # --- all that there is ---

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`; also leftovers of cut replacements, what was renamed by hand, who holds a needed port."""
        losses, listed = self._engine.losses, self._engine.list_containers()
        look = _Look(wanted, scope, listed, [one for one in listed if self._has_our_label(one)])
        self._survivors.look(look.ours, losses)
        self.there = frozenset(str(one["Id"]) for one in listed)
        self._comparisons.forget_all_but({listed_name(one) for one in listed})
        self._unwanted.forget_all_but(self.there)
        found, known = self._found(look)
        return [*found, *self._in_the_way(look, found, known)]

    def _found(self, look: _Look) -> tuple[list[Observed], Set[str]]:
        """What is wanted, and what nobody wants and is ours or of a wanted stack; the ids of all of these."""
        reports = self._places.reports(look.wanted, look.listed, look.ours)
        named = {report["Id"]: report for report in reports if report}
        others, theirs = self._others(look, named.keys()), self._theirs(look, named.keys())
        around, local = self._look_at([*named.values(), *others, *(report for report, _ in theirs)], look)
        strays = [*((one, labels_of(one)) for one in self._ours(others, look)), *theirs]
        twins = twins_of(look.wanted, [report for report, _ in strays])
        there = standings(look.wanted, reports, twins, partial(self._differing, around, local), self._comparisons.owner)
        by_name = {listed_name(one): one for one in look.listed}
        known = {report["Id"] for one in there for report in (one.report, *one.others)}
        found = [hindered(self._present(one, around, local), one, by_name, self._instance) for one in there]
        cleared = (self._once.without_container(one) for one, it in zip(look.wanted, reports, strict=True) if not it)
        found += filter(None, cleared)
        found += (
            self._survivors.told(self._unwanted.seen(report, around.of(report, {}), labels))
            for report, labels in strays
            if report["Id"] not in known
        )
        known |= {one.id for one in found}
        found += self._beside(look, known, around)
        return found, known | {one.id for one in found}

    def _in_the_way(self, look: _Look, found: Sequence[Observed], known: Set[str]) -> Iterator[Observed]:
        """What still runs of containers that are gone, and whoever else holds a port that is needed."""
        keys = {one.key for one in look.wanted} | {one.key for one in found}
        yield from self._survivors.of_nobody(keys, look.scope)
        yield from self._survivors.holding(lacking(look.wanted, found, look.listed))
        yield from self._holders(look, known)

    def _look_at(self, reports: Sequence[Report], look: _Look) -> tuple[Surroundings, dict[str, str]]:
        """Ask for what these containers are compared against: what is around them, and the ids of the wanted images by
        their references."""
        around, local = self._look_around(reports, look.listed), self._images.ids(references(look.wanted))
        self.resolved.looked(look.wanted, local)
        self.shared_names = around.shared
        self._images.ask_for(map(image_of, reports))
        return around, local

    # --- what is wanted ---

    def _present(self, there: Standing, around: Surroundings, local: Mapping[str, str]) -> Observed:
        one = there.resource
        seen = told(one, self._comparisons.seen(one, there.report, around, image_for(one, local)), local)
        seen = self._survivors.told(seen)
        (self._composes.add if seen.owner is Owner.ADOPTABLE else self._composes.discard)(one.key)
        return as_cut(seen, there, around.names) if there.cut else seen

    def _differing(
        self, around: Surroundings, local: Mapping[str, str], resource: Resource, report: Report
    ) -> tuple[Difference, ...]:
        facts = self._comparisons.facts(resource, report, around, image_for(resource, local))
        return self._comparisons.differences(resource, facts, self._comparisons.owner(resource, report))

    # --- what nobody wants; `known` are the ids of what is seen already ---

    def _others(self, look: _Look, known: Set[str]) -> list[Report]:
        """Everything with our label in the scope."""
        entries = [one for one in look.ours if one["Id"] not in known and in_scope(look.scope, listed_labels(one))]
        return [report for report in self._engine.inspect_listed(entries) if report]

    def _ours(self, others: Sequence[Report], look: _Look) -> Iterator[Report]:
        """Of what has our label, what is ours. One that somebody renamed is, as long as the name that it was made for
        is not wanted and none of ours has it: else it may as well be a copy of that one."""
        taken = look.names.union(map(listed_name, look.ours)) if others else frozenset()
        for one in others:
            made_for = labels_of(one).get(NAME, "")
            if self._comparisons.is_ours(one) or (made_for not in taken and self._comparisons.is_ours(one, made_for)):
                yield one

    def _theirs(self, look: _Look, known: Set[str]) -> list[tuple[Report, Labels]]:
        """What `docker compose` made and was set aside or taken over, with what tells whose it is."""
        noted = self._mended.whose()
        theirs = [*set_aside(look.listed, look.ours, noted), *taken_over(look.listed, noted, look.names)]
        found = [(one, labels) for one, labels in theirs if one["Id"] not in known and in_scope(look.scope, labels)]
        reports = self._engine.inspect_listed([entry for entry, _ in found])
        return [(report, labels) for report, (_, labels) in zip(reports, found, strict=True) if report]

    def _beside(self, look: _Look, known: Set[str], around: Surroundings) -> list[Observed]:
        """What `docker compose` made for the wanted stacks beside what they want."""
        entries = beside(look.listed, {one.stack for one in look.wanted}, known)
        reports = [report for report in self._engine.inspect_listed(entries) if report]
        return [
            self._survivors.told(composes(one, around.names))
            for one in reports
            if labels_of(one).get(NUMBER) != self._comparisons.inherited(one).get(NUMBER)
        ]

    def _holders(self, look: _Look, known: Set[str]) -> Iterator[Observed]:
        """Who else holds a port that is needed."""
        others = [one for one in look.listed if one["Id"] not in known] if any(one.ports for one in look.wanted) else []
        aside = [one for one in others if listed_name(one).endswith(OLD if self._has_our_label(one) else FORMER)]
        return holders(look.wanted, others, filter(None, self._engine.inspect_listed(aside)))

    def _has_our_label(self, entry: Report) -> bool:
        return listed_labels(entry).get(INSTANCE) == self._instance

    # --- one container, asked for now ---

    def still_there(self, change: Change) -> Report:
        """The report of the one that is to be changed. Raises `Overtaken` where it is gone, or is just being removed,
        which is waited for: an engine that renames one meanwhile (20.10) keeps its name from everybody for good."""
        report = self._engine.inspect_container(seen_of(change).id)
        if report and status_of(report) == "removing":
            self._engine.remove_container(report["Id"])
            report = None
        if report is None:
            raise Overtaken(f"container {change.key.name} is gone since it was looked at")
        return report

    def facts(self, resource: Resource, report: Report) -> Facts:
        """All that is needed to compare it."""
        around = self._look_around([report], self._engine.list_containers())
        local = self._images.ids(references([resource]))
        return self._comparisons.facts(resource, report, around, image_for(resource, local))

    def lacking(self, resource: Resource, report: Report) -> frozenset[str] | None:
        """In which fields one that a replacement had made before it was cut is still to be finished; None where it is
        none to go on with."""
        if not self.is_ours(report, resource.key.name):
            return None
        differences = self._comparisons.differences(resource, self.facts(resource, report), Owner.OURS)
        return frozenset(one.path for one in differences) if goes_on(differences) else None

    def is_ours(self, report: Report, base: str) -> bool:
        """Whether this instance made it, for the name `base`, which it has or is called a twin of."""
        return labels_of(report).get(NAME) == base and self._comparisons.is_ours(report)

    def was_composes(self, key: Key) -> bool:
        """Whether `docker compose` had made the container when it was last looked at."""
        return key in self._composes
