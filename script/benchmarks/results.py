"""All that a run has measured, held against what was promised, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from script.benchmarks.report import Figures, Target, figure_lines, growth, shown, table, target_lines

# The columns and rows that promises are about; whoever measures adds figures under these names.
COLD, NOOP, CHANGE, REMOVAL = "cold", "no-op", "one changed", "removal"
FLOOR, CHANGES_ONLY = "floor", "its changes only"
RECONCILE, PROCESS, COMPOSE = "reconcile", "windlass apply", "docker compose"
READING = "reading the file"
FULL_LOOK = "full look"
MEMORY, RESIDENT = "idle agent", "VmRSS"
PLANNER, MAKE_PLAN = "plan", "make_plan"
LOADING, LOAD, RENDER, CONFIG = "read a file", "the load", "windlass render", "docker compose config"

COLD_LIMIT = 1.10  # times the floor
NOOP_LIMIT = 0.5  # times `docker compose up`
MEMORY_LIMIT = 80.0  # MiB
PLANNER_LIMIT = 1.5  # seconds for PLANNER_SIZE resources
PLANNER_SIZE = 10_000
LOADING_LIMIT = 0.6  # times `docker compose config`
LOADING_SIZE = 1_000  # services
START_LIMIT = 0.25  # seconds for the whole process
START_SIZE = 5
# The exponent: 1 is linear, 2 quadratic; large heaps cost the caches and the collector a bit more than 1.
GROWTH_LIMIT = 1.25

NOTES = f"""\
{FLOOR}: Windlass's own Engine calls, made bare over kept-alive connections with the best number of threads.
{CHANGES_ONLY}: the part of them that changes something, which no tool can do without.
{RECONCILE}: one turn in a warm process that follows the engine's events, as the agent takes it.
{FULL_LOOK}: the same when nothing is remembered, as the agent does each minute. {READING}: text to resources, before.
{PROCESS}: a whole process; for the removal it is `windlass run --once`.
{COMPOSE}: `up --detach` with the same file, and `down`.
beyond the engine: from the end of the push (or of the removal by hand) to the start that the engine reports, less the
same calls made bare. The agent polls every 1 s, so a push without SIGHUP waits half a second on average to be seen."""


@dataclass(frozen=True)
class Results:
    """One run. `machine` says where and with what."""

    rounds: int
    machine: dict[str, Any] = field(default_factory=dict)
    planner: Figures = field(default_factory=Figures)
    loading: Figures = field(default_factory=Figures)
    threads: Figures = field(default_factory=Figures)
    races: Figures = field(default_factory=Figures)
    agent: Figures = field(default_factory=Figures)
    memory: Figures = field(default_factory=Figures)

    @property
    def _sections(self) -> Mapping[str, Figures]:
        medians = f"medians of {self.rounds}"
        return {
            "Finding the number of threads that the floor is fastest with (one each)": self.threads,
            f"Side by side; {medians}": self.races,
            f"The running agent; {medians}": self.agent,
            f"Memory; {medians}": self.memory,
            f"The planner, over made-up resources; {medians}": self.planner,
            f"Loading a Compose file of so many services; {medians}": self.loading,
        }

    def growth(self) -> float | None:
        """How the planner's time grows with the number of resources: 1 is linear; None with fewer than two sizes."""
        seconds = {figure.size: figure.median for figure in self.planner.all()}
        return growth(seconds) if len(seconds) > 1 else None

    def loading_growth(self) -> float | None:
        """How the load grows from 1,000 services on; below, what is done once a file outweighs them."""
        loads = (each for each in self.loading.all() if each.who == LOAD and each.size >= LOADING_SIZE)
        seconds = {figure.size: figure.median for figure in loads}
        return growth(seconds) if len(seconds) > 1 else None

    def targets(self) -> list[Target]:
        promised = [
            Target(
                f"{COLD}, {size} services: {who} to {floor}", self.races.ratio(COLD, size, who, floor), COLD_LIMIT, "×"
            )
            for size in self.races.sizes
            for who in (RECONCILE, PROCESS)
            for floor in (FLOOR, CHANGES_ONLY)
        ]
        largest = max(self.races.sizes, default=0)
        promised += [
            Target(f"{NOOP}, {largest} services: {who} to {COMPOSE}", ratio, NOOP_LIMIT, "×")
            for who in (RECONCILE, PROCESS)
            for ratio in [self.races.ratio(NOOP, largest, who, COMPOSE)]
        ]
        promised += [
            Target(f"{MEMORY}, {size} containers", self.memory.median(MEMORY, size, RESIDENT), MEMORY_LIMIT, "MiB")
            for size in self.memory.sizes
        ]
        planned = self.planner.median(PLANNER, PLANNER_SIZE, MAKE_PLAN)
        promised.append(Target(f"{PLANNER}, {PLANNER_SIZE} resources", planned, PLANNER_LIMIT, "s"))
        promised.append(Target(f"{PLANNER}, growth (1 is linear)", self.growth(), GROWTH_LIMIT, ""))
        return promised + self._promises_of_loading()

    def _promises_of_loading(self) -> list[Target]:
        ratio = self.loading.ratio(LOADING, LOADING_SIZE, LOAD, CONFIG)
        start = self.loading.median(LOADING, START_SIZE, RENDER)
        return [
            Target(f"{LOADING}, {LOADING_SIZE} services: {LOAD} to {CONFIG}", ratio, LOADING_LIMIT, "×"),
            Target(f"{LOADING}, {START_SIZE} services: {RENDER}, the whole process", start, START_LIMIT, "s"),
            Target(f"{LOADING}, growth (1 is linear)", self.loading_growth(), GROWTH_LIMIT, ""),
        ]

    def document(self) -> dict[str, Any]:
        """The JSON form: keys are only ever added."""
        return {
            "format": "1",
            "rounds": self.rounds,
            "machine": self.machine,
            "figures": [each.document() for figures in self._sections.values() for each in figures.all()],
            "targets": [target.document() for target in self.targets()],
        }

    def text(self) -> str:
        """Tables for people: medians, ratios, and the promises with their verdicts."""
        lines = [", ".join(f"{name} {value}" for name, value in self.machine.items())]
        for title, figures in self._sections.items():
            if figures.all():
                lines += ["", title, "", *figure_lines(figures.all())]
        if self.races.all():
            lines += ["", "How many times the other's time", "", *self._ratios(), "", NOTES]
        return "\n".join([*lines, "", *target_lines(self.targets()), ""])

    def _ratios(self) -> list[str]:
        pairs = [(who, other) for who in (RECONCILE, PROCESS) for other in (FLOOR, CHANGES_ONLY, COMPOSE)]
        short = {RECONCILE: "reconcile", PROCESS: "apply", FLOOR: "floor", CHANGES_ONLY: "changes", COMPOSE: "compose"}
        rows = [["", *(f"{short[who]}/{short[other]}" for who, other in pairs)]]
        for size in self.races.sizes:
            for scene in (COLD, NOOP, CHANGE, REMOVAL):
                ratios = [self.races.ratio(scene, size, who, other) for who, other in pairs]
                rows.append([f"{scene}, {size}", *map(shown, ratios)])
        return table(rows)
