"""One look at the host, put together from what each kind sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from agent.host import Host
from agent.kinds.base import Kind
from agent.model import Key, Observed, Owner, Resource, Scope

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
