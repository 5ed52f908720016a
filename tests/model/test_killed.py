"""The agent is killed after each call of a transition that changes something; the next one makes it good.

On the model after every call of every transition; on a real engine too, where one of them stands for the others in the
quick suite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.engine import Engine, builds, engine, images
from agent.kinds.image_prune import kept_by_nobody
from agent.model import Stack
from tests.model.fate import Cut, Fate, FatedEngine
from tests.model.images import HostWithImages
from tests.model.rig import FatedRig, ModelRig
from tests.model.transitions import TRANSITIONS, Transition, assert_as_wanted, kept

TURNS = 5  # until all is at rest
IMAGE = "app:1"

SOURCES = (Path(engine.__file__), Path(images.__file__), Path(builds.__file__))
WRITES = re.compile(r'(?:\b_write|\.write|_gone_is_fine|\.lasting)\(\s*"(\w+)"')
CHANGES = {endpoint for source in SOURCES for endpoint in WRITES.findall(source.read_text())}  # every one that there is

MakeAgent = Callable[[], FatedRig]


class Trial:
    """One transition, again and again. `agent` is the one that lives at the moment."""

    def __init__(self, transition: Transition, make: MakeAgent, image: str) -> None:
        self.make, self.image = make, image
        self.agent = make()
        self.transition = transition
        self.former = transition.former(self.agent, image)
        self.later = transition.later(self.agent, image)
        self.kept: dict[str, str] = {}

    def begin(self) -> None:
        """As it was before the transition, and what was done by hand."""
        self.reach(self.former)
        self.kept = kept(self.agent)
        if self.transition.by_hand:
            self.transition.by_hand(self.agent)

    def count(self) -> int:
        """How many calls the transition takes that change something, when nothing goes wrong."""
        self.begin()
        before = self.agent.engine.lot.changes
        self.agent.towards(self.later)
        calls = self.agent.engine.lot.changes - before
        self.make_good()
        return calls

    def strike(self, number: int, fate: Fate) -> None:
        """The transition, struck at the call of that number, and made good by the next agent."""
        self.begin()
        lot = self.agent.engine.lot
        lot.fall(number, fate)
        with suppress(Cut):
            self.agent.towards(self.later)
        assert lot.fallen, f"call {number} was never made"
        if fate is Fate.KILLED:
            self.agent.engine.close()
            self.agent = self.make()
        else:
            lot.mend()
        self.make_good()

    def make_good(self) -> None:
        if self.transition.bad:
            self.agent.towards(self.later)  # which is tried once more, for nobody knows yet that it is bad
            self.reach(self.former)
        else:
            self.reach(self.later)
        if self.kept and self.transition.by_hand is None:
            assert kept(self.agent) == self.kept

    def reach(self, stack: Stack | None) -> None:
        report = self.agent.settle(stack, TURNS)
        assert report.synced, report.failure
        assert_as_wanted(self.agent, stack)


@pytest.fixture
def on_model(tmp_path: Path) -> MakeAgent:
    host = HostWithImages({IMAGE: {"Cmd": ["forever"]}})

    def make() -> FatedRig:
        rig = ModelRig(host, tmp_path)
        rig.kept = kept_by_nobody  # images that were fetched go once nobody needs them
        rig.restart()
        return rig

    return make


@pytest.fixture
def on_engine(docker_host: str, prefix: str, tmp_path: Path) -> Iterator[MakeAgent]:
    made: list[FatedRig] = []

    def make() -> FatedRig:
        made.append(FatedRig(FatedEngine(docker_host), prefix, tmp_path))
        return made[-1]

    yield make
    for one in made:
        Engine.close(one.engine)


SELDOM = [pytest.param(fate, marks=pytest.mark.slow) for fate in (Fate.LOST, Fate.SILENT, Fate.GONE)]


@pytest.mark.parametrize("fate", [Fate.KILLED, *SELDOM])
@pytest.mark.parametrize("name", TRANSITIONS)
def test_on_the_model_after_every_call(name: str, fate: Fate, on_model: MakeAgent) -> None:
    trial = Trial(TRANSITIONS[name], on_model, IMAGE)
    calls = trial.count()
    assert calls >= TRANSITIONS[name].least
    for number in range(1, calls + 1):
        trial.strike(number, fate)
    trial.agent.engine.close()


def test_there_is_no_change_of_the_engine_that_no_transition_takes(on_model: MakeAgent) -> None:
    asked = set[str]()
    for transition in TRANSITIONS.values():
        trial = Trial(transition, on_model, IMAGE)
        trial.begin()
        trial.agent.engine.lot.asked.clear()
        trial.agent.towards(trial.later)
        asked |= trial.agent.engine.lot.asked
        trial.make_good()
        trial.agent.engine.close()
    assert asked == CHANGES


def test_what_an_agent_had_stopped_when_it_died_runs_again_when_its_successor_is_taken_back(
    on_model: MakeAgent,
) -> None:
    trial = Trial(TRANSITIONS["stop-first, taken back"], on_model, IMAGE)
    trial.begin()
    web = trial.agent.container("web")["Id"]
    trial.agent.engine.stop_container(web, 0)
    report = trial.agent.towards(trial.later)
    assert report.failure is not None
    assert report.failure.reason == "CrashOnStart"
    now = trial.agent.container("web")
    assert (now["Id"], now["State"]["Running"]) == (web, True)
    trial.agent.engine.close()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "number"),
    [("start-first", 4), ("stop-first, taken back", 7), ("a network that is made anew", 2)],
)
def test_on_an_engine_in_the_middle(name: str, number: int, on_engine: MakeAgent, busybox: str) -> None:
    Trial(TRANSITIONS[name], on_engine, busybox).strike(number, Fate.KILLED)


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, one in TRANSITIONS.items() if not one.on_model_only])
def test_on_an_engine_after_every_call(name: str, on_engine: MakeAgent, busybox: str) -> None:
    trial = Trial(TRANSITIONS[name], on_engine, busybox)
    calls = trial.count()
    assert calls >= TRANSITIONS[name].least
    for number in range(1, calls + 1):
        trial.strike(number, Fate.KILLED)
