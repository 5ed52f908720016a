"""Containers: how they are made, mended in place, replaced and removed; how they are seen is in `container_view`.

`spec` is {"body": the body of `POST /containers/create` as of API 1.44, "platform": text, "state": "running",
"completed" or "scheduled"} and, where it has them, "hooks": what runs around its life, "build": the digest of what its
image is built from, "recorded": the id of the image that it ran when its stack was good, of which it is made whatever
its reference stands for, or, with "instead_of": an id, while that stands for this one, and "digest": what the same
image can be pulled by once it is gone; "hashed": see `container_compose`, "lying": the paths of files that are mounted
as copies, by those of the copies, "injectable": the digests of files that Compose may have injected instead, by target
(see `container_injected`), "files": the paths of what it mounts that is kept equal to the commit, and "once": see
`container_once`.

How a container is replaced is in `container_rollout`, how one runs to its end in `container_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.held import NAME_CONFLICT
from agent.jsonfile import JsonFile
from agent.kinds.base import NAME, REVISION, Identity, Report, mended_by, our_labels, seen_of, wanted_of
from agent.kinds.container_astray import is_misplaced
from agent.kinds.container_compare import Comparisons
from agent.kinds.container_compose import compose_labels
from agent.kinds.container_cut import aside_name, name_needed
from agent.kinds.container_facts import Facts, is_scheduled
from agent.kinds.container_fields import TABLE
from agent.kinds.container_hooks import Hooks
from agent.kinds.container_job import cut_short, run
from agent.kinds.container_limits import limits
from agent.kinds.container_mended import Mended
from agent.kinds.container_mounts import anonymous, carry_over, kept_volumes
from agent.kinds.container_namesakes import Namesakes
from agent.kinds.container_networks import concerns, endpoints, is_attached, mended, wanted_endpoints
from agent.kinds.container_noted import Noted
from agent.kinds.container_once import Once, hook_of, runs_once
from agent.kinds.container_report import is_paused, is_up, labels_of, name_of, never_ran, sharers
from agent.kinds.container_rollout import Replacement, put_down
from agent.kinds.container_run import run_once
from agent.kinds.container_state import gate
from agent.kinds.container_survivors import Survivors
from agent.kinds.container_unhooked import POST_START, Unhooked
from agent.kinds.container_view import ContainerView
from agent.kinds.container_words import said_by
from agent.kinds.table import fingerprint, look
from agent.model import Action, Change, Condition, Difference, Key, Observed, Owner, Remedy, Resource, Scope
from agent.probe import Probe
from agent.processes import Processes
from agent.rollout import Pace, roll
from agent.stand_ins import never
from agent.twins import FORMER, NEXT, OLD
from agent.versions import needs

MENDED = frozenset({Remedy.IN_PLACE, Remedy.RESTART})
START_CUT = "StartCut"
STUMBLED = "EngineError"  # the engine went wrong and does not say in what


class ContainerKind:
    name = "container"

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        runs: JsonFile | None = None,
        processes: Processes | None = None,
        *,
        started: JsonFile | None = None,
        environments: JsonFile | None = None,
        mended: JsonFile | None = None,
        ending: Callable[[], bool] = never,
    ) -> None:
        """The files hold what was run for which content (`runs`), what has still to run after a start (`started`), the
        environments of hooks (`environments`), and what containers were changed to in place (`mended`). `processes` are
        those of this host; `ending` says that the agent ends."""
        self.engine = engine
        self._identity = identity
        self.once, self._unhooked = Once(engine, identity, runs), Unhooked(started)
        self.noted, self._mended = Noted(identity.key, environments), Mended(mended, identity.origin)
        survivors = Survivors(engine, identity.instance, processes)
        self.comparisons = Comparisons(engine, identity, self.once, self._unhooked, self._mended)
        self.view = ContainerView(
            engine, identity.instance, self.comparisons, once=self.once, mended=self._mended, survivors=survivors
        )
        self._namesakes = Namesakes(engine, identity.instance, lambda: self.view.shared_names)
        self.hooks = Hooks(
            engine,
            starting=survivors.explaining,
            unhooked=self._unhooked,
            ending=ending,
            noted=self.noted,
            told_apart=self._namesakes.told_apart,
        )
        self.remarks = self.hooks.remarks

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`; also the leftovers of replacements that were cut, and what was renamed by hand."""
        return self.view.observe(wanted, scope)

    def unable(self, wanted: Resource) -> str:
        """See `Demanding.unable`."""
        missing = "" if wanted.external else needs(wanted.spec["body"], self.engine.api)
        return f"the engine is too old for {missing}" if missing else ""

    def create(self, change: Change, revision: str) -> None:
        resource = wanted_of(change)
        report = self.engine.inspect_container(resource.key.name)
        if report is not None:
            self._mend(resource, report, revision)
            return
        old = self._set_aside(resource)
        made = self.make(resource, revision, resource.key.name, old)
        try:
            self.begin(resource, made)
        except (Refused, Overtaken):
            put_down(self, made)
            raise
        if old is not None:
            with suppress(Refused, Overtaken):  # says nothing against the new one; it goes at the next look
                self.discard(old["Id"])

    def update(self, change: Change, revision: str) -> None:
        resource, report, only = wanted_of(change), self.view.still_there(change), mended_by(change)
        self._mend(resource, report, revision, only)
        if change.restarts and is_up(report):  # what was down has just been started
            self.stop(self.view.still_there(change), resource)
            self.start(resource, report) if only is None else self.hooks.start_again(report)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:
        resource = wanted_of(change)
        roll(Replacement(self, resource, revision, self.view.still_there(change)), resource.handling.rollout, pace)

    def run(self, change: Change) -> None:
        """See `Runs.run`."""
        run(self, change)

    def cut_short(self, change: Change) -> None:
        """See `Runs.cut_short`."""
        cut_short(self, change)

    def renewed(self, change: Change) -> None:
        """See `Attentive.renewed`."""
        self.view.resolved.renewed(change)

    def aside(self) -> AbstractContextManager[None]:
        """See `Attentive.aside`."""
        return self.view.resolved.aside()

    def begin(self, resource: Resource, container: str) -> None:
        """Start what was just made, unless it is to wait for its time."""
        if not is_scheduled(resource.spec):
            self.hooks.start(resource, container)

    def remove(self, change: Change) -> None:
        report = self.engine.inspect_container(seen_of(change).id)
        if report is None:
            return
        if change.wanted is not None:
            self._claim(change.wanted, report)
            self._clear_twins(change.wanted.key.name, report)
            if anonymous(report):
                self._lay_aside(change.wanted, report)
                return
        self.stop(report)
        self.discard(report["Id"])

    def runs_once(self, change: Change) -> bool:
        """See `RunsOnce.runs_once`."""
        if change.action is Action.REMOVE:
            return change.seen is not None and runs_once(change.seen.raw)
        return change.action is not Action.STOP and change.wanted is not None and hook_of(change.wanted) is not None

    def run_once(self, change: Change, revision: str, pace: Pace) -> None:
        """See `RunsOnce.run_once`."""
        run_once(self, change, revision, pace)

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:
        """Forget what was noted of containers that are neither wanted nor there."""
        if not stays:
            self.once.forget(stack, keep)
        self._unhooked.forget(stack, keep)
        self.noted.forget(stack, keep)
        self._mended.forget(stack, keep, self.view.there)

    def adopt(self, change: Change) -> None:
        """See `Adopting.adopt`: from now on, whatever differs has drifted."""
        resource = wanted_of(change)
        self._mended.note(resource, seen_of(change).raw, self._made_from(resource), "")

    def _claim(self, resource: Resource, report: Report) -> None:
        """Note, before it is stopped, that a container which `docker compose` made gives way to ours: should the agent
        die and the stack leave the source before the next look, nothing else would tell whose it is."""
        self._mended.claim(resource, report)

    def _made_from(self, resource: Resource) -> dict[str, str]:
        return fingerprint(TABLE, resource.spec, self._identity.key)

    def _lay_aside(self, resource: Resource, report: Report) -> None:
        """Keep it, stopped, until its successor is made: only it tells which anonymous volumes were its own."""
        aside = aside_name(resource.key.name, report)
        if name_of(report) != aside:
            self.make_room(resource, aside)
        self.stop(report)
        if name_of(report) != aside:
            self.engine.rename_container(report["Id"], aside)

    def probe(self, key: Key, condition: Condition) -> Probe:
        return gate(self.engine.inspect_container(key.name), condition, self.engine.logs)

    def words(self, key: Key) -> str:
        """See `Speaking.words`."""
        report = self.engine.inspect_container(key.name)
        return said_by(report, self.engine.logs) if report else ""

    def make(self, resource: Resource, revision: str, name: str, old: Report | None = None) -> str:
        """Make the wanted container under a name, with the anonymous volumes of the `old` one. Returns its id."""
        self._must_have_what_it_shares(resource)
        body = resource.spec["body"]
        ours = our_labels(self._identity, resource, revision, self._made_from(resource))
        labels = {**(body.get("Labels") or {}), **ours}
        reference, image = self.view.resolved.of(resource)
        labels |= self.noted.labels(resource) | self.once.labels(resource)
        labels |= compose_labels(resource, str(image.get("Id") or ""), self._id_of)
        host = body.get("HostConfig") or {}
        if old is not None:
            host = carry_over(host, kept_volumes(body, old, image))
        body = {
            **self._namesakes.told_apart(resource.stack, body),
            "Image": reference,
            "Labels": labels,
            "HostConfig": host,
        }
        return self.engine.create_container(name, body, resource.spec.get("platform") or "")

    def _must_have_what_it_shares(self, resource: Resource) -> None:
        """Raises `Refused` where a container that it is to share something with is not there: the engine's own words
        for that are those for a container that has just been removed."""
        for name in sharers(resource.spec["body"]):
            if self.engine.inspect_container(name) is None:
                what = f"there is no container {name} here, with which {resource.key.name} is to share something"
                raise Refused(f"{what}: start that one, or name another one", reason="ContainerMissing")

    def _id_of(self, name: str) -> str:
        """The id of a container, its name where there is none of that name."""
        return str((self.engine.inspect_container(name) or {}).get("Id") or name)

    def _mend(self, resource: Resource, report: Report, revision: str, only: frozenset[str] | None = None) -> None:
        """Change in place whatever differs in a container that is there, which keeps its labels; see `mended_by`."""
        owner = self.comparisons.owner(resource, report)
        if owner is Owner.FOREIGN:
            raise Refused(f"another container is called {resource.key.name}", reason=NAME_CONFLICT)
        facts = self.view.facts(resource, report)
        differences = self.comparisons.differences(resource, facts, owner)
        differences = tuple(one for one in differences if only is None or one.path in only)
        if stuck := sorted(each.path for each in differences if each.remedy not in MENDED):
            raise Overtaken(f"container {resource.key.name} has changed since it was looked at: {', '.join(stuck)}")
        paths = [each.path for each in differences]
        if "name" in paths:
            self._rename(resource, report)
        if mended := limits(resource, report, paths):
            self.engine.update_container(report["Id"], mended)
        self._reattach(resource, facts, differences)
        if only is not None:
            if {"state", POST_START} & {*paths}:
                self.bring_back(report)
            return
        self._mended.note(resource, report, self._made_from(resource), revision)
        if "state" in paths:
            self.bring_up(resource, report)
        elif POST_START in paths:
            self.hooks.catch_up(resource, report)

    def _rename(self, resource: Resource, report: Report) -> None:
        """Give it its name back. One of ours that has that name and was made for another one makes way for now; its own
        change gives it its own name."""
        name = resource.key.name
        if name_of(report) == aside_name(name, report):
            self.clear(name, name)  # its successor is not wanted any more
        elif (other := self.engine.inspect_container(name)) and is_misplaced(resource, other, self._identity.instance):
            self.engine.rename_container(other["Id"], f"{labels_of(other)[NAME]}.{other['Id'][:12]}")
        self.engine.rename_container(report["Id"], name)

    def _reattach(self, resource: Resource, facts: Facts, differences: Sequence[Difference]) -> None:
        """Make the networks that differ as they are wanted, each with its whole endpoint configuration."""
        container, asked, there = facts.report["Id"], wanted_endpoints(facts.body), endpoints(facts.report)
        for name in sorted({*asked, *there}):
            if not concerns(name, differences):
                continue
            if name in there and is_attached(facts.report, there[name]):
                left = there[name].get("NetworkID") if name in self.view.shared_names else ""  # it may be long gone
                self.engine.disconnect_network(str(left or name), container)
            if name in asked:
                endpoint = mended(name, asked[name], there.get(name), differences)
                network = self._namesakes.meant_by(resource.stack, name, facts.networks.get(name, ()))
                self.engine.connect_network(network, container, endpoint)

    def bring_up(self, resource: Resource, report: Report) -> str:
        """Let one that is there run. Returns the id of the one that runs then, see `start`."""
        if is_paused(report):
            self.go_on(resource, report)
            return str(report["Id"])
        return self.start(resource, report)

    def bring_back(self, report: Report) -> None:
        """Let one that is there run as it was made, whatever is wanted of it now."""
        if is_paused(report):
            self.engine.unpause_container(report["Id"])
        else:
            self.hooks.start_again(report)

    def go_on(self, resource: Resource, report: Report) -> None:
        """Let one that was started before go on, and run what its start has left to run."""
        if is_paused(report):
            self.engine.unpause_container(report["Id"])
        self.hooks.catch_up(resource, report)

    def start(self, resource: Resource, report: Report) -> str:
        """Start one that is there, and return its id. Where the engine died in an earlier start of it, it never starts
        it again: then another one is made in its place, and it is that one's id."""
        try:
            self.hooks.start(resource, report["Id"])
        except Refused as error:
            if error.reason != START_CUT:
                raise
            return self._make_again(resource, report)
        return str(report["Id"])

    def _make_again(self, resource: Resource, report: Report) -> str:
        """Make it anew under the name that it has now, which may be that of a replacement that was cut. Returns the
        id."""
        called, draft = name_of(self.engine.inspect_container(report["Id"]) or report), resource.key.name + NEXT
        revision = labels_of(report).get(REVISION, "")
        if called == draft:
            self.engine.remove_container(report["Id"], force=True)
            made = self.make(resource, revision, draft, report)
        else:
            self.clear(draft, resource.key.name)
            made = self.make(resource, revision, draft, report)
            self.engine.remove_container(report["Id"], force=True)
            self.engine.rename_container(made, called)
        self.hooks.start(resource, made)
        return made

    def stop(self, report: Report, resource: Resource | None = None) -> None:
        """`resource` is what is wanted in its place, if anything is."""
        if resource is not None:
            self._claim(resource, report)
        if is_paused(report):
            self.engine.unpause_container(report["Id"])
        if is_up(report):
            self.hooks.before_stop(resource, report)
            self.engine.stop_container(report["Id"], look(report, "Config.StopTimeout"))

    def discard(self, container: str) -> None:
        """Remove a container; its anonymous volumes go along only if it never ran, for then they hold nothing."""
        report = self.engine.inspect_container(container)
        if report is not None:
            remove = partial(self.engine.remove_container, container, force=True, volumes=never_ran(report))
            try:
                remove()
            except Refused as error:
                if error.reason != STUMBLED:
                    raise
                remove()  # the files of one that crashes over and over change while the engine removes them

    def clear(self, name: str, base: str) -> None:
        """Remove the leftover of a cut replacement of `base` that is in the way; any other container is left alone."""
        report = self.engine.inspect_container(name)
        if report is not None and self.view.is_ours(report, base):
            self.stop(report)
            self.discard(report["Id"])

    def make_room(self, resource: Resource, name: str) -> None:
        """Remove what a cut replacement of the resource has left under the name. Raises `Refused` (`NameConflict`)
        where a container of somebody else's has it."""
        report = self.engine.inspect_container(name)
        if report is None:
            return
        is_composes = name.endswith(FORMER) and self.comparisons.owner(resource, report) is Owner.ADOPTABLE
        if not is_composes and not self.view.is_ours(report, resource.key.name):
            raise Refused(name_needed(name), reason=NAME_CONFLICT)
        self.stop(report)
        self.discard(report["Id"])

    def _clear_twins(self, name: str, report: Report) -> None:
        """Remove what a cut replacement has left beside this one, of which it is the one that was to give way."""
        for twin in sorted({name, name + NEXT} - {name_of(report)}):
            self.clear(twin, name)

    def _set_aside(self, resource: Resource) -> Report | None:
        """The one that was laid aside until its successor is made, which takes its anonymous volumes over."""
        ending, whose = (FORMER, Owner.ADOPTABLE) if self.view.was_composes(resource.key) else (OLD, Owner.OURS)
        report = self.engine.inspect_container(resource.key.name + ending)
        return report if report is not None and self.comparisons.owner(resource, report) is whose else None
