"""Ports of the host: what a container gives up, and who claims a port that another one holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from agent.host_ports import HostPort
from agent.model import Action, Key
from agent.planning.situation import Situation

GIVING = frozenset({Action.REMOVE, Action.REPLACE})
TAKING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})

Demands = Mapping[Key, frozenset[HostPort]]  # what containers of other stacks are to have, as far as that is known

_NONE: frozenset[HostPort] = frozenset()


class Claim(NamedTuple):
    """Who is to have a port that another one holds, and that port as its holder has it; `certain` where both surely
    have it, see `HostPort`."""

    taker: Key
    port: HostPort
    certain: bool = True


def given(situation: Situation, key: Key) -> Set[HostPort]:
    """What it holds and is not to hold any more."""
    seen, wanted = situation.actual.get(key), situation.wanted.get(key)
    return seen.ports - (wanted.ports if wanted else _NONE) if seen else _NONE


def is_lost(situation: Situation, key: Key) -> bool:
    """Whether one that is there could not just be started again: another has, or is to have, a port that it takes."""
    seen = situation.actual[key]
    others = [one.ports for other, one in situation.actual.items() if other != key]
    others += [one.ports for other, one in situation.wanted.items() if other != key]
    return any(port.clashes(one) for port in seen.due - seen.ports for its in others for one in its)


def claims(situation: Situation) -> Mapping[Key, Sequence[Claim]]:
    """By the holder, the claims to the ports that it has. A scheduled job claims none, for it needs them only when it
    runs."""
    held: dict[tuple[int, str], list[tuple[HostPort, Key]]] = {}
    for key, seen in situation.actual.items():
        for port in seen.ports:
            held.setdefault(port.anywhere, []).append((port, key))
    found: dict[Key, list[Claim]] = {}
    for key, resource in situation.wanted.items():
        for port in () if resource.handling.schedule else sorted(resource.ports):
            for other, holder in sorted(held.get(port.anywhere, ())):
                if holder != key and port.clashes(other):
                    found.setdefault(holder, []).append(Claim(key, other, port.certain and other.certain))
    return found


def swapped(situation: Situation, demands: Demands, stack: str, claim: Claim, holder: Key) -> HostPort | None:
    """A port that the stack holds and that the holder of its port is to have in exchange: then each would wait for the
    other. None where it is not so."""
    its = demands.get(holder, _NONE)
    if any(claim.port.clashes(one) for one in its):
        return None
    ours = (port for seen in situation.actual.values() if seen.stack == stack for port in sorted(seen.ports))
    return next((port for port in ours if any(port.clashes(one) for one in its)), None)
