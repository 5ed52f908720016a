"""Ports of the host that go from one container to another one: who lets go before whom.

Whoever gives a port up is replaced or removed anyway, and whoever takes it comes behind that. That is impossible where
the one that gives it up has to come behind the taker itself: it depends on the taker, or each takes a port of the
other. Then it is stopped beforehand and kept until its own turn comes, and is away for longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from agent.host_ports import HostPort
from agent.model import Action
from agent.planning import words
from agent.planning.cascade import Step, stops_for_others
from agent.planning.claims import GIVING, TAKING, claims, given
from agent.planning.decide import Verdict
from agent.planning.first import Links
from agent.planning.situation import Situation


class Handover(NamedTuple):
    """A port, and the indexes of the steps that take hold of it and that give it up."""

    port: HostPort
    taker: int
    holder: int


def hand_over(
    situation: Situation, steps: Sequence[Step], links: Sequence[Links], prepared: Mapping[str, frozenset[int]]
) -> tuple[list[Step], list[Links]]:
    """The steps with those that stop somebody beforehand, and what each comes behind."""
    handovers = list(_handovers(situation, steps))
    if not handovers:
        return list(steps), list(links)
    # 1. who would have to wait for himself, were each taker simply behind its holder
    stuck = _in_a_round(_behind(links, ((one.taker, one.holder) for one in handovers)))
    early: dict[int, list[Handover]] = {}  # by the holder that is stopped beforehand for it
    for one in handovers:
        if one.taker in stuck and one.holder in stuck:
            early.setdefault(one.holder, []).append(one)
    # 2. the step that stops each of these: one that is there for another reason, or a new one
    down = {step.key: index for index, step in enumerate(steps) if stops_for_others(step)}
    stopped = {holder: down[steps[holder].key] for holder in early if steps[holder].key in down}
    alone = [holder for holder in early if holder not in stopped]
    stops = [_stop(steps, early[holder]) for holder in alone]
    stopped |= {holder: len(steps) + number for number, holder in enumerate(alone)}
    own = [Links(frozenset(), frozenset(), stop.stack if prepared.get(stop.stack) else None) for stop in stops]
    # 3. each taker behind that stop, or else behind the holder's own change, which comes behind its stop
    pairs = [(one.taker, stopped.get(one.holder, one.holder)) for one in handovers]
    return [*steps, *stops], _behind([*links, *own], [*pairs, *stopped.items()])


def _handovers(situation: Situation, steps: Sequence[Step]) -> Iterator[Handover]:
    takes = {step.key: index for index, step in enumerate(steps) if step.action in TAKING and not step.is_part}
    gives = {step.key: index for index, step in enumerate(steps) if step.action in GIVING}
    for holder, its in claims(situation).items():
        for taker, port, _ in its if holder in gives else ():
            if taker in takes and port in given(situation, holder):
                handover = Handover(port, takes[taker], gives[holder])
                if _can_wait(situation, steps[handover.taker], steps[handover.holder]):
                    yield handover


def _can_wait(situation: Situation, taker: Step, holder: Step) -> bool:
    """Whether the taker may come behind the holder: not across stacks of which one waits for another (`after`), for
    nothing else orders those."""
    return taker.stack == holder.stack or not {taker.stack, holder.stack} & situation.ordered


def _stop(steps: Sequence[Step], handovers: Sequence[Handover]) -> Step:
    """The step that stops the holder of these ports."""
    holder = steps[handovers[0].holder]
    reason = words.gives_up([one.port for one in handovers], [steps[one.taker].key for one in handovers])
    return Step(Action.STOP, holder.key, holder.stack, Verdict(Action.STOP, holder.cause, reason))


def _behind(links: Sequence[Links], pairs: Iterable[tuple[int, int]]) -> list[Links]:
    """The links, with the first step of each pair behind the second one."""
    more: dict[int, set[int]] = {}
    for later, earlier in pairs:
        more.setdefault(later, set()).add(earlier)
    return [
        link._replace(after=link.after | more[index], follows=link.follows - more[index]) if index in more else link
        for index, link in enumerate(links)
    ]


def _in_a_round(links: Sequence[Links]) -> Set[int]:
    """The steps that come behind themselves, and those behind them. `Links.prepared` is left out: what is prepared is
    behind nothing that stops, so it closes no round."""
    behind = {index: link.after | link.follows for index, link in enumerate(links)}
    sorter = TopologicalSorter(behind)
    with suppress(CycleError):
        sorter.prepare()
    while ready := sorter.get_ready():
        for index in ready:
            del behind[index]
        sorter.done(*ready)
    return behind.keys()
