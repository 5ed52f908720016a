"""Random desired states and hosts for the properties of the planner.

Whoever makes a case asks a `Dice`: Hypothesis, which makes a failing case small, or `random`, which is fast.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from hypothesis import strategies as st

from agent.host_ports import HostPort
from agent.model import (
    Condition,
    Key,
    Owner,
    Plan,
    Requirement,
    Resource,
    Revision,
    Scope,
    Stack,
)
from agent.planning import Policy, make_plan
from tests.world import Thing, World

Face = TypeVar("Face")

NETWORKS = [Key("network", f"n{number}") for number in range(3)]
VOLUMES = [Key("volume", f"v{number}") for number in range(2)]
IMAGES = [Key("image", f"i{number}") for number in range(2)]
FILES = [Key("file", "/f0")]
CONTAINERS = [Key("container", f"c{number}") for number in range(4)]
TWINS = [Key("container", f"c{number}.{ending}") for number in range(2) for ending in ("next", "old")]
STRANGER = Key("container", "stranger")
GHOST = Key("network", "ghost")  # may be required, is never wanted
PORTS = (80, 81)  # each of which is wanted by one container at most, and held by one

ORIGINS = {"a": "here", "b": "here", "gone": "here", "elsewhere": "there"}


class Dice(Protocol):
    def pick(self, faces: Sequence[Face]) -> Face: ...

    def some(self, faces: Sequence[Face], most: int) -> list[Face]:
        """A few different ones, in any order."""


class RandomDice:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, faces: Sequence[Face]) -> Face:
        return self._random.choice(faces)

    def some(self, faces: Sequence[Face], most: int) -> list[Face]:
        return self._random.sample(faces, self._random.randint(0, min(most, len(faces))))


class DrawnDice:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, faces: Sequence[Face]) -> Face:
        return self._draw(st.sampled_from(faces))

    def some(self, faces: Sequence[Face], most: int) -> list[Face]:
        return self._draw(st.lists(st.sampled_from(faces), unique=True, max_size=most)) if faces else []


@dataclass(frozen=True)
class Case:
    """What is wanted of a host, and the host, as values: `world()` gives a fresh one each time."""

    stacks: tuple[Stack, ...]
    things: tuple[tuple[Key, Thing], ...]
    scope: Scope
    policy: Policy
    known: frozenset[Key]

    @property
    def resources(self) -> list[Resource]:
        return [resource for stack in self.stacks for resource in stack.resources]

    def world(self) -> World:
        return World(dict(self.things))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    return make_case(DrawnDice(draw))


def make_case(dice: Dice) -> Case:
    return Case(
        _stacks(dice),
        tuple(_things(dice).items()),
        Scope("host-1", "here", frozenset({"a", "b"}), whole=dice.pick([False, True])),
        Policy(prune=dice.pick([True, True, True, False]), acknowledged=dice.pick([False, True])),
        frozenset(dice.some([*CONTAINERS, *NETWORKS, *FILES], 4)),
    )


def _stacks(dice: Dice) -> tuple[Stack, ...]:
    wanted: list[Resource] = []
    ports = _ports(dice, CONTAINERS)
    for key in NETWORKS + VOLUMES + IMAGES + FILES + CONTAINERS:
        for stack in dice.pick([(), ("a",), ("a",), ("b",), ("a", "b")]):
            resource = _wanted(dice, key, stack, [resource.key for resource in wanted])
            wanted.append(replace(resource, ports=ports.get(key, frozenset())))
    return tuple(
        Stack(name, tuple(resource for resource in wanted if resource.stack == name), Revision("0" * 40))
        for name in ("a", "b")
    )


def _ports(dice: Dice, keys: Sequence[Key]) -> dict[Key, frozenset[HostPort]]:
    """Who has which of the ports."""
    found: dict[Key, frozenset[HostPort]] = {}
    for number in PORTS:
        if owner := dice.pick([None, *keys]):
            port = HostPort(number, address=dice.pick(["", "", "10.0.0.1"]))
            found[owner] = found.get(owner, frozenset()) | {port}
    return found


def _wanted(dice: Dice, key: Key, stack: str, others: list[Key]) -> Resource:
    spec = {"fixed": dice.pick("AB"), "live": dice.pick("xy")}
    return Resource(
        key,
        stack,
        {"content": {}, **spec} if key.kind == "file" else spec,
        requires=_requires(dice, key, others) if key.kind == "container" else (),
        external=key.kind in {"network", "volume"} and dice.pick([False] * 5 + [True]),
        prepares=key.kind in {"image", "file"},
        on_demand=key.kind == "image",
        service=key.name if key.kind == "container" else "",
    )


def _requires(dice: Dice, key: Key, others: list[Key]) -> tuple[Requirement, ...]:
    """Attachments to anything wanted, and dependencies on containers with a lower name: there are no cycles."""
    lower = [other for other in others if other.kind == "container" and other < key]
    attachable = [other for other in others if other.kind != "container"] + lower
    if dice.pick([False] * 15 + [True]):
        attachable.append(GHOST)
    attached = [Requirement(other) for other in dice.some(sorted(set(attachable)), 4)]
    conditions = [Condition.STARTED, Condition.HEALTHY, Condition.COMPLETED]
    depends = [
        Requirement(other, dice.pick(conditions), dice.pick([False, True]), dice.pick([False, True]))
        for other in dice.some(sorted(set(lower)), 2)
    ]
    return tuple(attached + depends)


def _things(dice: Dice) -> dict[Key, Thing]:
    things: dict[Key, Thing] = {}
    ports = _ports(dice, [*CONTAINERS, *TWINS, STRANGER])
    for serial, key in enumerate([*NETWORKS, *VOLUMES, *IMAGES, *FILES, *CONTAINERS, *TWINS, STRANGER]):
        if dice.pick([False, True, True, True]):
            things[key] = replace(_thing(dice, key, serial, things), ports=ports.get(key, frozenset()))
    return things


def _thing(dice: Dice, key: Key, serial: int, others: dict[Key, Thing]) -> Thing:
    stack = dice.pick(["a", "b"] if key in TWINS else ["a", "a", "a", "b", "gone", "elsewhere"])
    attachable = [other for other in others if other.kind in {"network", "volume", "container"}]
    attached = dice.some(attachable, 3) if key.kind == "container" else []
    return Thing(
        serial,
        _owner(dice, key),
        stack,
        ORIGINS[stack],
        fixed=dice.pick("AB"),
        live=dice.pick("xy"),
        made_from=(dice.pick("AB"), dice.pick("xy")),
        attached={other: dice.pick([others[other].serial] * 7 + [-1]) for other in attached},
        runs=key.kind != "container" or dice.pick([True] * 5 + [False]),
    )


def _owner(dice: Dice, key: Key) -> Owner:
    if key == STRANGER:
        return Owner.FOREIGN
    if key in TWINS or key.kind in {"image", "file"}:
        return Owner.OURS
    return dice.pick([Owner.OURS] * 6 + [Owner.ADOPTABLE] * 2 + [Owner.FOREIGN])


def plan_of(case: Case, world: World) -> Plan:
    return make_plan(case.stacks, world.observe(case.resources, case.scope), case.scope, case.policy, case.known)
