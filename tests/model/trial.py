"""A transition that is gone through again and again, and struck somewhere each time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from agent.model import Stack
from tests.model.fate import Cut, Fate
from tests.model.rig import FatedRig
from tests.model.transitions import Transition, assert_as_wanted, kept, make_by_compose

TURNS = 5  # until all is at rest
IMAGE = "app:1"

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
        if self.transition.by_compose:
            make_by_compose(self.agent, self.former)
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
        self.cut(number, fate)
        self.make_good()

    def cut(self, number: int, fate: Fate = Fate.KILLED, of: str = "") -> None:
        """A turn that is struck at the call of that number, of one endpoint where one is named, and the next agent."""
        lot = self.agent.engine.lot
        lot.fall(number, fate, of=of)
        with suppress(Cut):
            self.agent.towards(self.later)
        assert lot.fallen, f"call {number} was never made"
        if fate is Fate.KILLED:
            self.agent.engine.close()
            self.agent = self.make()
        else:
            lot.mend()

    def may_be_cut(self, number: int) -> None:
        """A turn that is struck at the call of that number, if it takes so many, and the next agent."""
        self.agent.engine.lot.fall(number, Fate.KILLED)
        with suppress(Cut):
            self.agent.towards(self.later)
        self.agent.engine.close()
        self.agent = self.make()

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
