"""Whatever is pushed, done by hand, cut or lost, and in whichever order: a few undisturbed turns make all as wanted.

All is the agent's own code but the engine, which is a model of one, and the clock.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent.held import COMPOSE_ORPHAN
from agent.kinds.base import COMPOSE, INSTANCE
from agent.model import Action, Report, Stack
from tests.model.contents import BAD, IMAGES, NOTHING, Content, contents
from tests.model.fate import Cut, Fate
from tests.model.host import Container, ModelHost
from tests.model.rig import ModelRig

NOWHERE = Path("/nonexistent")  # nothing in these stacks is a file
TURNS = 6  # that may pass until all is at rest: one for the work, and one each for what kept others from theirs
STRANGER = {"Image": IMAGES[0], "Labels": {"who": "somebody else"}}
PICK = st.integers(0, 9)  # which of the things that there are
ACTS = st.sampled_from(["stop", "kill", "remove", "pause", "update"])
_stacks: dict[str, Stack] = {}  # by text


def stack_of(rig: ModelRig, content: Content) -> Stack | None:
    """What the content wants; to read it takes longer than to converge it."""
    if not content.text:
        return None
    if content.text not in _stacks:
        _stacks[content.text] = rig.stack_of(content.text)
    return _stacks[content.text]


def _place(one: Container) -> tuple[str, str]:
    """Which replica of which service it is, be it the one, the next or the former."""
    labels = one.body["Labels"]
    return labels[f"{COMPOSE}service"], labels[f"{COMPOSE}container-number"]


class Converging(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.host = ModelHost({image: {"Cmd": ["forever"], "Env": ["PATH=/bin"]} for image in IMAGES})
        self.wanted = NOTHING
        self.history = [NOTHING]
        self.strangers: dict[str, Any] = {}  # by id, as they were made
        self.networks_of_strangers: dict[str, Any] = {}
        self.named_volumes: set[str] = set()
        self.scratch: dict[str, str] = {}  # by container, the anonymous volume that holds something
        self.rig = ModelRig(self.host, NOWHERE)

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.strangers_leave()
            if not self.wanted.good:
                self.want(next(one for one in reversed(self.history) if one.good))
            self.settle()
            self.rig.engine.close()

    # --- what is wanted ---

    @rule(content=contents())
    def push(self, content: Content) -> None:
        self.want(content)

    @rule(content=contents(kinds=BAD))
    def push_what_may_be_bad(self, content: Content) -> None:
        self.want(content)

    @rule(back=PICK)
    def revert(self, back: int) -> None:
        self.want(self.history[-1 - back % len(self.history)])

    def want(self, content: Content) -> None:
        self.wanted = content
        self.history.append(content)
        having = content.with_scratch()
        self.scratch = {name: volume for name, volume in self.scratch.items() if name in having}

    # --- what the agent does ---

    def towards(self) -> Report:
        return self.rig.towards(stack_of(self.rig, self.wanted))

    @rule()
    def turn(self) -> None:
        self.towards()

    @rule(number=st.integers(1, 12), fate=st.sampled_from([one for one in Fate if one is not Fate.MEDDLED]))
    def turn_that_is_cut(self, number: int, fate: Fate) -> None:
        self.rig.engine.lot.fall(number, fate)
        try:
            self.towards()
        except Cut:
            assert fate is Fate.KILLED
            self.rig.engine.close()
            self.rig = ModelRig(self.host, NOWHERE)
        self.rig.engine.lot.mend()

    @rule(number=st.integers(1, 8), act=ACTS, pick=PICK)
    def turn_into_which_somebody_meddles(self, number: int, act: str, pick: int) -> None:
        self.rig.engine.lot.fall(number, Fate.MEDDLED, lambda: self._do(act, pick))
        self.towards()
        self.rig.engine.lot.mend()

    @rule()
    def settle(self) -> None:
        """Undisturbed turns until one changes nothing; then all is as wanted, unless somebody holds a wanted name."""
        try:
            report = self.rig.settle(stack_of(self.rig, self.wanted), TURNS)
        except AssertionError:
            if self.wanted.good:
                raise
            return
        if self._orphans_are_removed(report) and self.wanted.good:
            report = self.rig.settle(stack_of(self.rig, self.wanted), TURNS)  # they may have held on to a network
        held = {change.key for change in report.plan.changes if change.action is Action.HOLD}
        pending = [change for change in report.plan.pending if change.action is not Action.ADOPT]
        assert not pending or not self.wanted.good, report.plan
        if not self.strangers and not self.networks_of_strangers and self.wanted.good:
            assert report.synced, report.failure
            assert {key.kind for key in held} <= {"volume"}
            self._assert_as_wanted()

    def _orphans_are_removed(self, report: Report) -> bool:
        """As the plan tells people to: what Compose made and left the files before any turn saw it is nobody's. Of a
        stack that has left nothing is told, and an agent of this machine that was killed has lost its notes."""
        names = {change.key.name for change in report.plan.changes if change.code == COMPOSE_ORPHAN}
        orphans = [
            one for one in self._ours() if one.name in names or not (self.wanted.text or INSTANCE in one.body["Labels"])
        ]
        for one in orphans:
            self.host.remove(one.id, force=True)
            self._let_go(one)
        return bool(orphans)

    def _assert_as_wanted(self) -> None:
        containers, networks = self.wanted.containers(), {name for one in self._ours() for name in one.endpoints}
        assert {one.name for one in self._ours()} == containers.keys(), [(one.name, one.state) for one in self._ours()]
        for one in self._ours():
            service = self.wanted.services[containers[one.name]]
            done = service.get("command") == ["true"]
            assert (one.state, one.code) == (("exited", 0) if done else ("running", 0)), one.name
            assert f"VERSION={service['environment']['VERSION']}" in one.body["Env"]
        there = [one["Name"] for one in self.host.networks.values() if INSTANCE in (one["Labels"] or {})]
        assert sorted(networks) == sorted(there)
        self.scratch |= {name: self._scratch_of(name) for name in self.wanted.with_scratch()}

    def _scratch_of(self, name: str) -> str:
        mounts = self.host.container(name).mounts
        return next(str(mount["Name"]) for mount in mounts if mount["Destination"] == "/scratch")

    # --- what is done by hand ---

    def _ours(self) -> list[Container]:
        """What the agent or Compose has made of the stack."""
        return [one for one in self.host.containers.values() if f"{COMPOSE}project" in (one.body.get("Labels") or {})]

    def _one(self, pick: int) -> Container | None:
        ours = sorted(self._ours(), key=lambda one: one.id)
        return ours[pick % len(ours)] if ours else None

    @rule(act=ACTS, pick=PICK)
    def somebody(self, act: str, pick: int) -> None:
        self._do(act, pick)

    def _do(self, act: str, pick: int) -> None:
        one = self._one(pick)
        if one is None:
            return
        match act:
            case "stop":
                self.host.stop(one.id)
            case "kill":
                self.host.stop(one.id, code=137)
            case "pause":
                self.host.pause(one.id)
            case "update":
                one.host.update(Memory=7 << 20, MemorySwap=14 << 20, RestartPolicy={"Name": "on-failure"})
            case _:
                self.host.remove(one.id, force=True)
                self._let_go(one)

    def _let_go(self, one: Container) -> None:
        self.scratch = {name: volume for name, volume in self.scratch.items() if volume not in one.volumes}

    @rule(pick=PICK)
    def somebody_has_compose_make_it_anew(self, pick: int) -> None:
        """`docker compose up --force-recreate` of one, with what is wanted by now."""
        stack, one = stack_of(self.rig, self.wanted), self._one(pick)
        resources = stack.resources if stack else ()
        specs = {each.key.name: each.spec["body"] for each in resources if each.key.kind == "container"}
        if one is None or one.name not in specs:
            return
        self.host.remove(one.id, force=True)
        self._let_go(one)
        with suppress(APIError):  # what it needs is not there
            self.host.post("/containers/create", (), specs[one.name], {"name": one.name})
            self.host.start(one.name)

    @rule(pick=PICK)
    def somebody_renames(self, pick: int) -> None:
        """And names it back where a turn does not: beside another one of that name it would be taken for a copy."""
        one, names = self._one(pick), self.wanted.containers()
        if one and one.name in names and not self.host.called("renamed"):
            name = one.name
            self.host.rename(one.id, "renamed")
            self.towards()
            if one.name == "renamed" and one.id in self.host.containers and not self.host.called(name):
                self.host.rename(one.id, name)
            elif one.name == "renamed":
                self.host.containers.pop(one.id, None)
                self._let_go(one)

    @rule(pick=PICK, content=contents())
    def somebody_renames_what_then_leaves(self, pick: int, content: Content) -> None:
        one = self._one(pick)
        if one is None or one.name not in self.wanted.containers() or one.name in content.containers():
            return
        if not any(map(self.host.called, (f"{one.name}.next", f"{one.name}.old", "renamed"))):
            self.host.rename(one.id, "renamed")
            self.want(content)

    @rule(pick=PICK, which=PICK)
    def somebody_disconnects(self, pick: int, which: int) -> None:
        one = self._one(pick)
        if one and one.endpoints:
            name = sorted(one.endpoints)[which % len(one.endpoints)]
            if one.endpoints[name]["NetworkID"] in self.host.networks:
                self.host.disconnect(one.endpoints[name]["NetworkID"], one.id)

    @rule(pick=PICK)
    def somebody_connects(self, pick: int) -> None:
        one = self._one(pick)
        if one and one.endpoints and "bridge" not in one.endpoints:
            self.host.connect("bridge", one.id, {})

    @rule()
    def somebody_prunes_what_is_stopped(self) -> None:
        for one in list(self.host.containers.values()):
            if not one.runs:
                self.host.remove(one.id, force=False)
                self._let_go(one)
        self._note_strangers()

    @rule(name=st.sampled_from(["web_front", "web_back"]))
    def somebody_removes_a_network(self, name: str) -> None:
        for one in list(self.host.networks.values()):
            if one["Name"] == name and one["Id"] not in self.networks_of_strangers:
                for user in self.host.attached(one["Id"]):
                    if user.id not in self.strangers:
                        self.host.disconnect(one["Id"], user.id)
                if not self.host.attached(one["Id"]):
                    self.host.remove_network(one["Id"])

    @rule()
    def the_engine_is_killed_and_comes_back(self) -> None:
        self.host.restart_engine()
        self._note_strangers()

    # --- strangers ---

    @rule(pick=PICK)
    def a_stranger_takes_a_name(self, pick: int) -> None:
        names = sorted({*self.wanted.containers(), "web-a-1.next", "web-a-1.old", "web-b-1.old"})
        name = names[pick % len(names)]
        if not self.host.called(name):
            self._add_stranger(name, STRANGER)

    @precondition(lambda self: any(one["Name"] == "web_front" for one in self.host.networks.values()))
    @rule()
    def a_stranger_joins_a_network(self) -> None:
        one = next(one for one in self.host.networks.values() if one["Name"] == "web_front")
        if not self.host.called("guest"):
            self._add_stranger("guest", {**STRANGER, "HostConfig": {"NetworkMode": one["Id"]}}, one["Id"])

    def _add_stranger(self, name: str, body: dict[str, Any], network: str = "") -> None:
        self.host.post("/containers/create", (), body, {"name": name})
        one = self.host.container(name)
        if network:
            one.endpoints.clear()
            self.host.connect(network, name, {})
        self.host.start(name)
        self.strangers[one.id] = None
        self._note_strangers()

    @rule()
    def a_stranger_makes_a_network(self) -> None:
        if not any(one["Name"] == "web_back" for one in self.host.networks.values()):
            made = self.host.post("/networks/create", (), {"Name": "web_back"}, {})
            self.networks_of_strangers[made["Id"]] = deepcopy(self.host.networks[made["Id"]])

    @rule()
    def strangers_leave(self) -> None:
        for id in self.strangers:
            if id in self.host.containers:
                self.host.remove(id, force=True)
        self.strangers.clear()
        for id in self.networks_of_strangers:
            for user in self.host.attached(id):
                self.host.disconnect(id, user.id)
            self.host.remove_network(id)
        self.networks_of_strangers.clear()

    def _note_strangers(self) -> None:
        self.strangers = {id: deepcopy(self.host.containers[id]) for id in self.strangers if id in self.host.containers}

    # --- what holds at any time ---

    @invariant()
    def what_is_a_strangers_is_as_it_was(self) -> None:
        if hasattr(self, "host"):
            assert {id: self.host.containers.get(id) for id in self.strangers} == self.strangers
            networks = {id: self.host.networks.get(id) for id in self.networks_of_strangers}
            assert networks == self.networks_of_strangers

    @invariant()
    def no_volume_is_lost(self) -> None:
        if hasattr(self, "host"):
            named = {name for name in self.host.volumes if len(name) < 64}
            assert named >= self.named_volumes
            self.named_volumes = named
            assert set(self.scratch.values()) <= self.host.volumes.keys()

    @invariant()
    def what_an_anonymous_volume_holds_is_at_hand(self) -> None:
        """Some container of that name, or a twin of it, has the volume."""
        if hasattr(self, "host"):
            held = {volume for one in self._ours() for volume in one.volumes}
            assert set(self.scratch.values()) <= held

    @invariant()
    def no_service_runs_more_often_than_it_may(self) -> None:
        """Not more than two of each container: the one and, while it is replaced, the next."""
        if hasattr(self, "host"):
            running = Counter(_place(one) for one in self._ours() if one.runs)
            assert not [place for place, times in running.items() if times > 2], running


SETTINGS = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def test_whatever_happens_all_becomes_as_wanted() -> None:
    """The same each time, and not made smaller where it fails: that is for who looks into it."""
    quick = settings(SETTINGS, derandomize=True, database=None, phases=[Phase.generate])
    run_state_machine_as_test(Converging, settings=quick)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_happens_many_times_over() -> None:
    run_state_machine_as_test(Converging, settings=settings(SETTINGS, max_examples=500, stateful_step_count=40))
