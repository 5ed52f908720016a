"""One look at the host, put together from what each kind sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from agent.errors import Overtaken, Refused, Unreachable
from agent.host import Host
from agent.kinds.base import Kind
from agent.kinds.remarks import Remarks
from agent.model import (
    Action,
    Cause,
    Change,
    Condition,
    Key,
    Observed,
    Owner,
    Requirement,
    Resource,
    Revision,
    Scope,
    Stack,
)
from agent.probe import Gate, Probe
from agent.rollout import Pace

SCOPE = Scope("i", "o", frozenset({"s"}))
FRONT = frozenset({Key("network", "front")})
ATTACHED = Observed(Key("container", "by-hand"), "1", Owner.FOREIGN, uses=FRONT)


@dataclass
class Seeing:
    name: str
    sees: Sequence[Observed]

    def observe(self, _wanted: Sequence[Resource], _scope: Scope) -> Sequence[Observed]:
        return self.sees


def look(*sees: Observed, wanted: Sequence[Resource] = ()) -> set[Key]:
    kinds: list[Any] = [Seeing("network", [ATTACHED]), Seeing("container", sees)]
    return set(Host(cast("list[Kind]", kinds)).observe(wanted, SCOPE))


@pytest.mark.parametrize("owner", [Owner.OURS, Owner.ADOPTABLE])
def test_what_was_renamed_by_hand_is_no_stranger_on_its_network(owner: Owner) -> None:
    known = Observed(Key("container", "web"), "1", owner)
    assert look(known) == {known.key}


def test_a_stranger_is_seen() -> None:
    assert look() == {ATTACHED.key}
    assert look(Observed(Key("container", "web"), "2", Owner.OURS)) == {ATTACHED.key, Key("container", "web")}
    assert look(Observed(Key("volume", "data"), "1", Owner.OURS)) == {ATTACHED.key, Key("volume", "data")}


def test_what_is_wanted_is_seen_whosever_it_is() -> None:
    wanted = Resource(ATTACHED.key, "s", {})
    assert ATTACHED.key in look(Observed(Key("container", "web"), "1", Owner.OURS), wanted=[wanted])


class Stopping:
    """A kind that has something to say of each change, and of whose objects one is ill."""

    name = "container"

    def __init__(self) -> None:
        self.remarks = Remarks()

    def remove(self, change: Change) -> None:
        self.remarks.add(f"{change.key.name} was stopped all the same")
        if change.key.name == "bad":
            raise Unreachable("gone")

    def probe(self, key: Key, _condition: Condition) -> Probe:
        return Probe(Gate.FAILED, "unhealthy") if key.name == "web-2" else Probe(Gate.PASSED)

    def words(self, key: Key) -> str:
        return f"\n{key.name} wailed"


def test_what_is_to_be_said_of_a_change_is_said_of_that_one_alone() -> None:
    host = Host([cast("Kind", Stopping())])

    def remove(name: str) -> str:
        change = Change(0, Action.REMOVE, Key("container", name), "s", Cause.PRUNE, "")
        return host.perform(change, "", Pace(lambda: 0.0, lambda *_: None, lambda: False))

    assert remove("web") == "web was stopped all the same"
    with pytest.raises(Unreachable):
        remove("bad")
    assert remove("db") == "db was stopped all the same"


def test_what_waited_for_its_turn_is_not_begun_once_it_is_told_to_stop() -> None:
    host, rested = Host([cast("Kind", Stopping())]), list[float]()
    change = Change(0, Action.REMOVE, Key("container", "web"), "s", Cause.COMMIT, "", delay=30.0)
    pace = Pace(lambda: sum(rested), lambda seconds, _: rested.append(seconds), lambda: sum(rested) >= 10)
    with pytest.raises(Overtaken, match="not begun") as caught:
        host.perform(change, "", pace)
    assert caught.value.reason == "Stopped"
    rested.clear()
    assert host.perform(change, "", replace(pace, stop=lambda: False)) == "web was stopped all the same"


class Refusing(Stopping):
    """A kind that changes nothing."""

    def remove(self, change: Change) -> None:
        raise Refused("it did not stay up", reason="CrashOnStart")


def test_what_is_refused_by_an_engine_that_ends_is_no_refusal() -> None:
    def gone() -> None:
        raise Unreachable("reach the engine: the engine refuses connections", reason="EngineUnavailable")

    change = Change(0, Action.REMOVE, Key("container", "web"), "s", Cause.PRUNE, "")
    pace = Pace(lambda: 0.0, lambda *_: None, lambda: False)
    ill = Key("container", "web-2")
    kinds = [cast("Kind", Refusing())]
    there, away = Host(kinds), Host(kinds, gone)
    with pytest.raises(Refused):
        there.perform(change, "", pace)
    with pytest.raises(Unreachable, match="it did not stay up; and the engine ends: reach the engine") as caught:
        away.perform(change, "", pace)
    assert caught.value.reason == "EngineUnavailable"
    for condition in (Condition.HEALTHY, Condition.GOOD):
        assert there.probe(Requirement(ill, condition)).gate is Gate.FAILED
        with pytest.raises(Unreachable, match="unhealthy; and the engine ends"):
            away.probe(Requirement(ill, condition))
    assert away.probe(Requirement(Key("container", "web-1"), Condition.HEALTHY)).gate is Gate.PASSED


def test_of_a_service_the_words_of_the_container_are_given_that_is_ill() -> None:
    wanted = [Resource(Key("container", name), "s", {}, service=name[:3]) for name in ("web-1", "web-2", "db-1")]
    stack = Stack("s", tuple(wanted), Revision("a"), ("web",))
    host = Host([cast("Kind", Stopping())])
    assert (host.words(stack, "web"), host.words(stack, "db-")) == ("\nweb-2 wailed", "")
