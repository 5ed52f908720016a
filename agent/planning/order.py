"""What comes before what, and the numbers of the steps.

A step is behind what it needs: users let go before an object is taken away, an object is taken away before it is made
again, and what it requires is made before it is. Nothing that runs is stopped in a stack before everything for that
stack is fetched and written; what drifted is mended beside that, where nothing stops for it. A port of the host is let
go of before another container takes hold of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import NamedTuple

from agent.model import Action, Cause, Change, Key
from agent.planning.cascade import Step, stops_for_others
from agent.planning.causes import HEALED
from agent.planning.first import Links, put_first, runs_first
from agent.planning.handover import hand_over
from agent.planning.rollouts import alone, in_its_turn, interruption, take_turns
from agent.planning.situation import Situation

_MAKING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


def arrange(situation: Situation, steps: Sequence[Step], early: frozenset[Key]) -> tuple[Change, ...]:
    """The steps as changes, numbered from 0 so that each has a higher number than what it is behind."""
    board = _Board(situation, steps, early)
    steps, links = hand_over(situation, steps, [board.links(step) for step in steps], board.prepared)
    links = put_first(situation, steps, links, board.prepared)
    depths = _depths(links, board.prepared)
    order = sorted(range(len(steps)), key=lambda index: _rank(steps[index], depths[index]))
    numbers = _Numbers(order, board.prepared)
    slots = (
        _Slot(
            number,
            *numbers.of(steps[index], links[index]),
            delay=board.delay(index),
            before=board.before(index),
            comes_back=board.makes(steps[index].key),
            attached=board.attached(steps[index]),
        )
        for number, index in enumerate(order)
    )
    return tuple(_change(situation, steps[index], slot) for index, slot in zip(order, slots, strict=True))


class _Board:
    """The steps as they are given, each known by its index, and looked up by what they do to which object.

    `early` are the objects that go so that something else can come back.
    """

    def __init__(self, situation: Situation, steps: Sequence[Step], early: frozenset[Key]) -> None:
        self._situation = situation
        self._steps = steps
        self._early = early
        self._base_of = {twin: base for base, twin in situation.aside.items()}
        self._makes = {step.key: index for index, step in enumerate(steps) if step.action in _MAKING}
        self._takes = {step.key: index for index, step in enumerate(steps) if step.action is Action.REMOVE}
        self._ends = {step.key: index for index, step in enumerate(steps) if stops_for_others(step)}
        self._cleared = self._removals_that_wait_for_nobody()
        self._turns = take_turns(situation, steps)
        self.prepared = {
            stack: frozenset(self._makes[key] for key in keys if key in self._makes)
            for stack, keys in situation.prepared.items()
        }

    def links(self, step: Step) -> Links:
        """What the step comes behind."""
        after = frozenset(self._after(step))
        follows = frozenset(self._follows(step)) - after
        return Links(after, follows, step.stack if self._waits_for_prepared(step, after) else None)

    def _waits_for_prepared(self, step: Step, after: frozenset[int]) -> bool:
        """Whether it comes behind all that is prepared for its stack, and none of those that it is after does so."""
        updates = step.action is Action.UPDATE and not self._is_prepared(step.key)
        waits = self._stops(step) or (updates and (step.restarts or step.verdict.cause not in HEALED))
        waits = waits or (step.action in _MAKING and self._runs_first(step.key))
        implied = any(self._stops(self._steps[index]) and self._steps[index].stack == step.stack for index in after)
        return waits and not implied and bool(self.prepared.get(step.stack))

    def _after(self, step: Step) -> Iterator[int]:
        """What must have been done before it."""
        if step.action is Action.REMOVE:
            yield from self._users_let_go(step.key)
            yield from self._replaced_by(step.key)
            yield from (self._makes[key] for key in step.behind)
            yield from self._made_beside(step) if self._goes_last(step) else ()
        elif stops_for_others(step):
            yield from self._users_are_down(step.key)
        elif step.action is Action.RUN:
            yield from self._made_for_it(step.key, anew=False)
        elif step.action in _MAKING:
            if not step.is_part:
                yield from self._required(step.key, optional=False)
            yield from self._in_its_place(step.key)
            yield from self._in_turn(step, regardless=False)
            if step.action is Action.REPLACE and not self._is_prepared(step.key):
                yield from self._users_are_down(step.key)

    def delay(self, index: int) -> float:
        """Seconds to let pass before the step, after another container of the same service was replaced."""
        return self._turns[index].delay if index in self._turns else 0.0

    def before(self, index: int) -> Step | None:
        """The step of the same service that has its turn before this one."""
        return self._steps[self._turns[index].behind] if index in self._turns else None

    def makes(self, key: Key) -> bool:
        """Whether some step makes the object, or makes it anew."""
        return key in self._makes

    def _made_for_it(self, key: Key, *, anew: bool) -> Iterator[int]:
        """What makes the container that is to run. Where making it anew fails, the one that is there runs."""
        made = self._makes.get(key)
        if made is not None and (self._steps[made].action is not Action.CREATE) is anew:
            yield made

    def _in_turn(self, step: Step, *, regardless: bool) -> Iterator[int]:
        turn = self._turns.get(self._makes.get(step.key, -1))
        if turn is not None and turn.regardless is regardless:
            yield turn.behind

    def _follows(self, step: Step) -> Iterator[int]:
        """What must only have ended, however."""
        yield from self._in_turn(step, regardless=True)
        if step.action is Action.RUN or step.is_part:  # what was made already goes on without what it requires now
            yield from self._required(step.key, optional=False)
        if step.action is Action.RUN:
            yield from self._made_for_it(step.key, anew=True)
        if step.action in _MAKING or step.action is Action.RUN:
            yield from self._required(step.key, optional=True)
        made = step.action in {Action.CREATE, Action.REPLACE} and not self._is_prepared(step.key)
        if made and not self._runs_first(step.key):
            yield from self._cleared.get((step.stack, step.key.kind), ())

    def _stops(self, step: Step) -> bool:
        """Whether something that runs is away during the step."""
        if step.action is Action.REMOVE or stops_for_others(step):
            return True
        return step.action is Action.REPLACE and not self._is_prepared(step.key)

    def _users_let_go(self, key: Key) -> Iterator[int]:
        for user in self._situation.users.get(key, ()):
            step = self._takes.get(user, self._makes.get(user))
            if step is not None:
                yield step

    def _users_are_down(self, key: Key) -> Iterator[int]:
        """Users that go on behind the step are stopped before it, all others are removed."""
        for user in self._situation.users.get(key, ()):
            step = self._ends.get(user, self._takes.get(user))
            if step is not None:
                yield step

    def attached(self, step: Step) -> Sequence[Key]:
        """Who is attached to what is there while it is replaced and kept."""
        users = self._situation.users.get(step.key, ()) if step.action is Action.REPLACE else ()
        return [user for user in users if user in self._ends]

    def _required(self, key: Key, *, optional: bool) -> Iterator[int]:
        for requirement in self._situation.wanted[key].requires:
            made = self._makes.get(requirement.key)
            if requirement.optional is optional and made is not None and self._may_wait(key, requirement.key):
                yield made

    def _may_wait(self, key: Key, required: Key) -> bool:
        """What is prepared comes before every stop, so it waits for nothing that may have to be stopped for first."""
        return self._is_prepared(required) or not self._is_prepared(key)

    def _in_its_place(self, key: Key) -> Iterator[int]:
        """What has to be gone before it is made: its former self, and twins that are in the way."""
        twins = {self._situation.coming.get(key), self._situation.aside.get(key)} & self._early
        for gone in {key, *twins}:
            if gone in self._takes:
                yield self._takes[gone]

    def _replaced_by(self, key: Key) -> Iterator[int]:
        """An object that was set aside is kept until its successor is there, unless it is in the way of something."""
        base = self._base_of.get(key)
        if base in self._makes and key not in self._early:
            yield self._makes[base]

    def _removals_that_wait_for_nobody(self) -> dict[tuple[str, str], list[int]]:
        """Of what is pruned, by stack and kind: it may hold what a new object needs, such as a port."""
        cleared: dict[tuple[str, str], list[int]] = {}
        for index, step in enumerate(self._steps):
            if self._is_pruned(step) and not self._goes_last(step):
                cleared.setdefault((step.stack, step.key.kind), []).append(index)
        return cleared

    def _is_pruned(self, step: Step) -> bool:
        pruned = step.action is Action.REMOVE and step.cause is Cause.PRUNE
        return pruned and not step.behind and not self._situation.users.get(step.key)

    def _goes_last(self, step: Step) -> bool:
        """Whether it is pruned once all that is new is good: nothing that is made needs it to be gone. Else what it
        held would be lost for content that is no good."""
        used = (self._makes.get(key) for key in self._situation.uses.get(step.key, ()))
        is_free = all(made is None or self._is_prepared(self._steps[made].key) for made in used)
        return self._is_pruned(step) and self._situation.actual[step.key].apart and is_free

    def _made_beside(self, step: Step) -> Iterator[int]:
        """What is made anew of its stack and kind, or for the first time."""
        for key, index in self._makes.items():
            made = self._steps[index]
            if made.stack == step.stack and key.kind == step.key.kind and made.action is not Action.UPDATE:
                yield index

    def _runs_first(self, key: Key) -> bool:
        return runs_first(self._situation, key)

    def _is_prepared(self, key: Key) -> bool:
        resource = self._situation.wanted.get(key)
        return resource is not None and resource.prepares


class _Numbers:
    """From the indexes of steps to their numbers in the plan. Equal sets are made once and shared."""

    def __init__(self, order: Sequence[int], prepared: Mapping[str, frozenset[int]]) -> None:
        self._number = {index: number for number, index in enumerate(order)}
        self._prepared = {stack: self._of(indexes) for stack, indexes in prepared.items()}
        self._shared: dict[tuple[str, frozenset[int]], frozenset[int]] = {}

    def of(self, step: Step, links: Links) -> tuple[frozenset[int], frozenset[int]]:
        """The numbers that it is after, and those that it follows."""
        after, follows = self._of(links.after), self._of(links.follows)
        if links.prepared is None:
            return after, follows
        if step.action is Action.UPDATE:  # it is done even when another service's image cannot be had
            return after, self._with_prepared(links.prepared, follows) - after
        return self._with_prepared(links.prepared, after), follows

    def _with_prepared(self, stack: str, numbers: frozenset[int]) -> frozenset[int]:
        prepared = self._prepared[stack]
        others = numbers - prepared
        if (stack, others) not in self._shared:
            self._shared[stack, others] = prepared | others
        return self._shared[stack, others]

    def _of(self, indexes: frozenset[int]) -> frozenset[int]:
        return frozenset(self._number[index] for index in indexes)


def _depths(links: Sequence[Links], prepared: Mapping[str, frozenset[int]]) -> Mapping[int | str, int]:
    """By index, how many steps are in front of each on the longest way to it. All that is prepared for a stack meets in
    one point, which is named like the stack."""
    before: dict[int | str, frozenset[int | str]] = {stack: frozenset(indexes) for stack, indexes in prepared.items()}
    for index, link in enumerate(links):
        before[index] = frozenset(
            (*link.after, *link.follows, *((link.prepared,) if link.prepared is not None else ()))
        )
    depths: dict[int | str, int] = {}
    for point in TopologicalSorter(before).static_order():
        deepest = max((depths[earlier] for earlier in before[point]), default=-1)
        depths[point] = deepest if isinstance(point, str) else deepest + 1
    return depths


def _rank(step: Step, depth: int) -> tuple[bool, int, Key, bool, str]:
    """Held ones last: nothing is behind them."""
    return step.action is Action.HOLD, depth, step.key, step.action is not Action.REMOVE, step.stack


class _Slot(NamedTuple):
    """Where a step stands in the plan, see `Change`, and what stands around it: the step `before` it of the same
    service, whether what it takes away `comes_back`, and who is `attached` to what it replaces."""

    number: int
    after: frozenset[int]
    follows: frozenset[int]
    delay: float
    before: Step | None
    comes_back: bool
    attached: Sequence[Key]


def _change(situation: Situation, step: Step, slot: _Slot) -> Change:
    removes, creates = step.action is Action.REMOVE, step.action is Action.CREATE
    resource = situation.wanted.get(step.key)
    resource = alone(resource, slot.attached) if resource and slot.attached else resource
    mine = resource if resource and resource.stack == step.stack else None
    mine = replace(mine, requires=()) if mine and step.is_part else mine
    return Change(
        number=slot.number,
        action=step.action,
        key=step.key,
        stack=step.stack,
        cause=step.cause,
        reason=step.verdict.reason,
        fields=() if removes else step.verdict.fields,
        after=slot.after,
        follows=slot.follows,
        code=step.verdict.code,
        approval=step.verdict.approval,
        restarts=step.restarts,
        delay=slot.delay,
        interruption=interruption(step, resource, situation.actual.get(step.key), comes_back=slot.comes_back),
        commit=situation.provenance(step.stack).commit if step.cause is Cause.COMMIT else None,
        wanted=in_its_turn(mine, slot.before) if mine and slot.before else mine,
        seen=None if creates else situation.actual.get(step.key),
    )
