"""The replacement of one container, step by step, in the order that `agent.rollout` gives.

The new one is made as `NAME.next`. When the old one gives way it is set aside, as `NAME.old` where it is ours, and the
new one takes the name. Until `finish` the old one is there, so that it can go on within the time of a start. What an
attempt that was cut has done already is not done again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from agent.errors import Overtaken, Refused, Trouble
from agent.kinds.base import Report
from agent.kinds.container_cut import aside_name
from agent.kinds.container_facts import is_job, is_scheduled
from agent.kinds.container_proof import proof_of
from agent.kinds.container_report import is_paused, is_up, listed_name, name_of, status_of
from agent.kinds.container_words import said_by
from agent.kinds.table import look
from agent.model import Resource
from agent.probe import Gate
from agent.rollout import Proof
from agent.twins import NEXT

if TYPE_CHECKING:
    from agent.kinds.container import ContainerKind


def put_down(kind: ContainerKind, container: str) -> None:
    """Remove one that is no good, and may be writing to what another one goes on with: so it is asked to stop, and has
    its time for that. It goes whatever becomes of that; its hooks, which may take longer, are not run."""
    with suppress(Trouble):
        report = kind.engine.inspect_container(container)
        if report is not None and is_paused(report):
            kind.engine.unpause_container(container)
        if report is not None and is_up(report):
            kind.engine.stop_container(container, look(report, "Config.StopTimeout"))
    kind.discard(container)


class _New(NamedTuple):
    """The new container: its id, and how it is called by now. Where an attempt that was cut had made it, `left` is its
    report then, and `begins` tells whether it is still to be started."""

    id: str
    called: str
    left: Report | None = None
    begins: bool = True


class Replacement:
    """Implements `agent.rollout.Steps`. `old` is the report of the one that gives way."""

    def __init__(self, kind: ContainerKind, resource: Resource, revision: str, old: Report) -> None:
        self._kind, self._resource, self._revision, self._old = kind, resource, revision, old
        self._name = resource.key.name
        self._aside = aside_name(self._name, old)  # how the old one is called once it has given way
        self._new = _New("", self._name + NEXT)

    @property
    def is_missed(self) -> bool:
        return is_up(self._old)

    def prepare(self) -> None:
        if is_scheduled(self._resource.spec) and is_up(self._old):
            raise Overtaken(f"container {self._name} has begun a run since it was looked at")
        self._take_up()
        if not self._new.id:
            made = self._kind.make(self._resource, self._revision, self._new.called, self._old)
            self._new = self._new._replace(id=made)

    def start(self) -> None:
        new = self._new
        if new.left is None:
            self._kind.begin(self._resource, new.id)
        elif new.begins:
            self._new = new._replace(id=self._kind.bring_up(self._resource, new.left))
        else:
            self._kind.hooks.catch_up(self._resource, new.left)

    def retire(self) -> None:
        with self._unless_it_is_gone():
            self._kind.stop(self._old, self._resource)

    def hand_over(self) -> None:
        if name_of(self._old) != self._aside:
            with self._unless_it_is_gone():
                self._kind.engine.rename_container(self._old["Id"], self._aside)
        if self._new.called != self._name:
            self._kind.engine.rename_container(self._new.id, self._name)

    def prove(self) -> Proof:
        if is_scheduled(self._resource.spec):
            return Proof(Gate.PASSED, checked=True)  # it is there, and nothing of it runs before its time
        return proof_of(self._kind.engine.inspect_container(self._new.id), self._resource.spec, self._kind.engine.logs)

    def words(self) -> str:
        report = self._kind.engine.inspect_container(self._new.id)
        return said_by(report, self._kind.engine.logs) if report else ""

    def finish(self) -> None:
        self._kind.engine.remove_container(self._old["Id"], force=True)

    def take_back(self) -> None:
        self._kind.engine.ping()  # one that ends has stopped the new one too, and nothing is good in it
        try:
            if self._new.id:
                put_down(self._kind, self._new.id)
            now = self._kind.engine.inspect_container(self._old["Id"])
            if now is not None and name_of(now) != self._name:
                self._kind.engine.rename_container(self._old["Id"], self._name)
        except (Refused, Overtaken):
            with suppress(Refused, Overtaken):  # that it is not as it was is what counts
                self.stand_in()
            raise
        if now is not None:
            self._let_go_on(now)

    def stand_in(self) -> bool:
        if any(map(self._is_in_its_place, self._kind.engine.list_containers())):  # a list waits for no start
            return False
        now = self._kind.engine.inspect_container(self._old["Id"])
        if now is None:
            return False
        self._let_go_on(now)
        return True

    def _is_in_its_place(self, entry: Report) -> bool:
        """Whether an entry of a list is of another one that runs where the old one did."""
        has_its_name = listed_name(entry) in (self._name, self._name + NEXT) and entry["Id"] != self._old["Id"]
        return has_its_name and entry.get("State") == "running"

    @contextmanager
    def _unless_it_is_gone(self) -> Iterator[None]:
        """Around a change of the old one. Where somebody has removed that, the new one takes its place all the same."""
        try:
            yield
        except Overtaken:
            report = self._kind.engine.inspect_container(self._old["Id"])
            if report is not None and status_of(report) != "removing":
                raise
            self._kind.engine.remove_container(self._old["Id"])  # until it has its name no more

    def _let_go_on(self, now: Report) -> None:
        """`now` is the report of the old one by now."""
        ends = is_job(self._resource.spec) or is_scheduled(self._resource.spec)
        if not is_up(now) and (is_up(self._old) or not ends):  # an attempt that was cut may have stopped it
            self._kind.hooks.start_again(now)

    def _take_up(self) -> None:
        """Go on with what an attempt that was cut had made, if it is as wanted; all else that it left is in the way."""
        is_aside = name_of(self._old) == self._aside
        for name in (self._name, self._name + NEXT) if is_aside else (self._name + NEXT, self._aside):
            report = self._kind.engine.inspect_container(name)
            if report is not None and not self._goes_on(name, report):
                self._kind.make_room(self._resource, name)

    def _goes_on(self, name: str, report: Report) -> bool:
        """Whether the replacement goes on with this one: the first that may be."""
        if self._new.id or name == self._aside:
            return False
        lacking = self._kind.view.lacking(self._resource, report)
        if lacking is None:
            return False
        self._new = _New(str(report["Id"]), name, report, begins="state" in lacking)
        return True
