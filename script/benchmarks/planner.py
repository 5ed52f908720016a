"""How long the planner takes for made-up hosts, and how that grows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from agent.model import Condition, Difference, Key, Observed, Owner, Requirement, Resource, Revision, Scope, Stack
from agent.planning import Policy, make_plan

STACK_SIZE = 50  # resources of one stack: an image, a network, a volume, and containers that depend on each other
ORIGIN = "dir:benchmark"


def wanted_stacks(count: int) -> tuple[Stack, ...]:
    """So many resources, in stacks of 50."""
    return tuple(
        Stack(
            f"stack{number:04}", tuple(_resources(f"stack{number:04}", min(STACK_SIZE, count - at))), Revision("0" * 40)
        )
        for number, at in enumerate(range(0, count, STACK_SIZE))
    )


def _resources(stack: str, count: int) -> Iterator[Resource]:
    shared = [Key("image", f"{stack}:1"), Key("network", f"{stack}_default"), Key("volume", f"{stack}_data")]
    for key in shared[:count]:
        image = key.kind == "image"
        yield Resource(key, stack, {}, prepares=image, on_demand=image)
    uses = tuple(map(Requirement, shared))
    for number in range(count - len(shared)):
        before = (Requirement(_container(stack, number - 1), Condition.STARTED),) if number % 10 else ()
        yield Resource(_container(stack, number), stack, {}, requires=uses + before, service=f"s{number}")


def _container(stack: str, number: int) -> Key:
    return Key("container", f"{stack}-s{number}-1")


def seen_host(stacks: tuple[Stack, ...]) -> dict[Key, Observed]:
    """A host where of ten objects seven are as wanted, one is missing, one differs, and one more is not wanted."""
    seen: dict[Key, Observed] = {}
    for number, resource in enumerate(resource for stack in stacks for resource in stack.resources):
        key = resource.key
        changed = (Difference("image", "old", "new"),) if number % 10 == 4 and key.kind == "container" else ()
        uses = frozenset(required.key for required in resource.requires if required.key.kind != "container")
        if number % 10 != 5:
            seen[key] = _seen(key, resource.stack, changed, uses)
        if number % 10 == 6:
            gone = Key("container", f"{resource.stack}-gone{number}-1")
            seen[gone] = _seen(gone, resource.stack, (), uses)
    return seen


def _seen(key: Key, stack: str, differences: tuple[Difference, ...], uses: frozenset[Key]) -> Observed:
    return Observed(key, f"id-{key.name}", Owner.OURS, stack, ORIGIN, differences=differences, uses=uses)


def seconds(count: int) -> float:
    """One run of the planner over so many resources; what it plans on is made before the clock starts."""
    stacks = wanted_stacks(count)
    seen = seen_host(stacks)
    scope = Scope("benchmark", ORIGIN, frozenset(stack.name for stack in stacks), whole=True)
    began = time.perf_counter()
    plan = make_plan(stacks, seen, scope, Policy())
    took = time.perf_counter() - began
    if not plan.changes:
        raise AssertionError("the made-up host is meant to need changes")
    return took
