"""What was promised of each part, held against what was measured. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from script.benchmarks.names import (
    BEYOND,
    CHANGES_ONLY,
    COLD,
    COMPOSE,
    CONFIG,
    CONVERGING,
    CPU,
    CREEP,
    FLEET,
    FLEETS,
    FLOOR,
    FULL_LOOK,
    HEAL,
    IDLE,
    IDLING,
    LOAD,
    LOADING,
    LOADING_FILES,
    LOOKING,
    LOOKS,
    LOST,
    MAKE_PLAN,
    MEASURED,
    MEMORY,
    NOOP,
    OUTAGE,
    OUTAGES,
    PLANNER,
    PLANNING,
    PROBING,
    PROCESS,
    RECONCILE,
    RENDER,
    RESIDENT,
    STORM,
    STORMING,
)
from script.benchmarks.report import Figures, Target

# What the agent does is held to this; a whole process, which starts a Python first, and the calls that change
# something, which no tool can do without, are held to what was promised before.
COLD_LIMITS = (
    (RECONCILE, FLOOR, 1.05),
    (RECONCILE, COMPOSE, 1.0),
    (RECONCILE, CHANGES_ONLY, 1.10),
    (PROCESS, FLOOR, 1.10),
    (PROCESS, CHANGES_ONLY, 1.10),
)
NOOP_LIMITS = ((RECONCILE, 0.25), (PROCESS, 0.5))  # times `docker compose up`
HEAL_LIMIT = 0.3  # seconds beyond the engine's own create and start
MEMORY_LIMIT = 80.0  # MiB
FLEET_LIMIT = 0.7  # times `docker compose up` for one stack after the other
OUTAGE_LIMIT = 0.7  # times that of `docker compose up`
CPU_LIMIT = 0.5  # percent of a core
CREEP_LIMIT = 2.0  # MiB
STORM_LIMIT = 100.0  # percent of a core
PLANNER_LIMIT = 1.5  # seconds for PLANNER_SIZE resources
PLANNER_SIZE = 10_000
LOADING_LIMIT = 0.6  # times `docker compose config`
LOADING_SIZE = 1_000  # services
START_LIMIT = 0.25  # seconds for the whole process
START_SIZE = 5
# The exponent: 1 is linear, 2 quadratic; large heaps cost the caches and the collector a bit more than 1.
GROWTH_LIMIT = 1.25


class Measured(Protocol):
    """What promises look at of `Results`."""

    @property
    def parts(self) -> Sequence[str]: ...
    @property
    def left_out(self) -> Mapping[str, str]: ...
    @property
    def races(self) -> Figures: ...
    @property
    def agent(self) -> Figures: ...
    @property
    def memory(self) -> Figures: ...
    @property
    def fleet(self) -> Figures: ...
    @property
    def looks(self) -> Figures: ...
    @property
    def outage(self) -> Figures: ...
    @property
    def lost(self) -> Figures: ...
    @property
    def idle(self) -> Figures: ...
    @property
    def storm(self) -> Figures: ...
    @property
    def planner(self) -> Figures: ...
    @property
    def loading(self) -> Figures: ...


def promises(found: Measured) -> list[Target]:
    """Those of the parts that were chosen."""
    return [target for part, promised in _PROMISES.items() if part in found.parts for target in promised(found)]


def _converging(found: Measured) -> list[Target]:
    races, largest = found.races, max(found.races.sizes, default=0)
    promised = [
        Target(f"{COLD}, {size} services: {who} to {other}", races.ratio(COLD, size, who, other), limit, "×")
        for size in races.sizes
        for who, other, limit in COLD_LIMITS
    ]
    promised += [
        Target(f"{NOOP}, {largest} services: {who} to {COMPOSE}", races.ratio(NOOP, largest, who, COMPOSE), limit, "×")
        for who, limit in NOOP_LIMITS
    ]
    promised += [
        Target(f"{HEAL}, {size} containers: {BEYOND}", found.agent.median(HEAL, size, BEYOND), HEAL_LIMIT, "s")
        for size in found.agent.sizes
    ]
    promised += [
        Target(f"{MEMORY}, {size} containers", found.memory.median(MEMORY, size, RESIDENT), MEMORY_LIMIT, "MiB")
        for size in found.memory.sizes
    ]
    return promised


def _fleet(found: Measured) -> list[Target]:
    stacks = max(found.fleet.sizes, default=0)
    ratio = found.fleet.ratio(FLEET, stacks, RECONCILE, COMPOSE)
    return [
        Target(f"{FLEET}, {stacks}: {RECONCILE} to {COMPOSE}", ratio, FLEET_LIMIT, "×", found.left_out.get(FLEET, ""))
    ]


def _looks(found: Measured) -> list[Target]:
    """Where a size was left out, how it grows up to there says nothing of what was promised."""
    why = found.left_out.get(LOOKS, "")
    return [
        Target(f"{LOOKS}, {who}, growth (1 is linear)", None if why else grown, GROWTH_LIMIT, "", why)
        for who, grown in ((who, found.looks.growth(LOOKS, who)) for who in (FULL_LOOK, RECONCILE))
    ]


def _outage(found: Measured) -> list[Target]:
    return [
        Target(
            f"{OUTAGE}: {RECONCILE} to {COMPOSE}", found.outage.ratio(OUTAGE, 1, RECONCILE, COMPOSE), OUTAGE_LIMIT, "×"
        )
    ]


def _lost(found: Measured) -> list[Target]:
    asked = max(found.lost.sizes, default=0)
    return [Target(f"{LOST}, of {asked}: {RECONCILE}", found.lost.median(LOST, asked, RECONCILE), 0, "")]


def _idle(found: Measured) -> list[Target]:
    figures, why = found.idle, found.left_out.get(IDLE, "")

    def promised(scene: str, limit: float, unit: str) -> Target:
        size = max((each.size for each in figures.all() if each.scene == scene), default=0)
        return Target(f"{scene}, {size}", figures.median(scene, size, MEASURED), limit, unit, why)

    return [
        promised(f"{IDLE}, {CPU}", CPU_LIMIT, "%"),
        promised(f"{IDLE}, {RESIDENT}", MEMORY_LIMIT, "MiB"),
        promised(CREEP, CREEP_LIMIT, "MiB"),
    ]


def _storm(found: Measured) -> list[Target]:
    containers = max(found.storm.sizes, default=0)
    return [Target(STORM, found.storm.median(STORM, containers, MEASURED), STORM_LIMIT, "%")]


def _planner(found: Measured) -> list[Target]:
    planned = found.planner.median(PLANNER, PLANNER_SIZE, MAKE_PLAN)
    return [
        Target(f"{PLANNER}, {PLANNER_SIZE} resources", planned, PLANNER_LIMIT, "s"),
        Target(f"{PLANNER}, growth (1 is linear)", found.planner.growth(PLANNER, MAKE_PLAN), GROWTH_LIMIT, ""),
    ]


def _loading(found: Measured) -> list[Target]:
    """The growth is that from 1,000 services on; below, what is done once a file outweighs them."""
    ratio = found.loading.ratio(LOADING, LOADING_SIZE, LOAD, CONFIG)
    start = found.loading.median(LOADING, START_SIZE, RENDER)
    grown = found.loading.growth(LOADING, LOAD, LOADING_SIZE)
    return [
        Target(f"{LOADING}, {LOADING_SIZE} services: {LOAD} to {CONFIG}", ratio, LOADING_LIMIT, "×"),
        Target(f"{LOADING}, {START_SIZE} services: {RENDER}, the whole process", start, START_LIMIT, "s"),
        Target(f"{LOADING}, growth (1 is linear)", grown, GROWTH_LIMIT, ""),
    ]


_PROMISES: Mapping[str, Callable[[Measured], list[Target]]] = {
    CONVERGING: _converging,
    FLEETS: _fleet,
    LOOKING: _looks,
    OUTAGES: _outage,
    PROBING: _lost,
    IDLING: _idle,
    STORMING: _storm,
    PLANNING: _planner,
    LOADING_FILES: _loading,
}
