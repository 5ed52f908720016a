"""One turn, on a made-up host: which stacks it tells of."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.model import Change, Gate, Health, Key, Requirement, Resource, Revision, Scope, Stack
from agent.reconcile import Reconciler, Turn
from tests.world import Thing, World


@dataclass
class Host(World):
    """The world as a turn asks it."""

    performed: list[str] = field(default_factory=list)

    def perform(self, change: Change, revision: str = "") -> None:
        self.performed.append(f"{change.action} {change.key}")
        super().perform(change)

    def probe(self, requirement: Requirement) -> tuple[Gate, str]:
        return Gate.PASSED, ""


WEB = Stack("web", (Resource(Key("container", "web-1"), "web", {"fixed": "A", "live": "x"}),), Revision("dir-1"))
GONE = {
    Key("container", "old-1"): Thing(1, stack="old"),
    Key("volume", "old_data"): Thing(2, stack="old"),
    Key("container", "elses-1"): Thing(3, stack="elses", origin="elsewhere"),
}


def take(host: Host, *, whole: bool) -> dict[str, tuple[bool, Health]]:
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"}), whole), "manual")
    reports = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    return {report.stack: (report.synced, report.health) for report in reports}


def test_a_whole_turn_tells_of_the_stacks_that_left_the_source() -> None:
    host = Host(dict(GONE))
    assert take(host, whole=True) == {"web": (True, Health.HEALTHY), "old": (True, Health.HEALTHY)}
    assert sorted(host.performed) == ["create container/web-1", "remove container/old-1"]


def test_a_turn_that_is_not_whole_leaves_them_alone() -> None:
    host = Host(dict(GONE))
    assert take(host, whole=False) == {"web": (True, Health.HEALTHY)}
    assert host.performed == ["create container/web-1"]
