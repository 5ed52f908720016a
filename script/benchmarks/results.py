"""All that a run has measured, held against what was promised, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from script.benchmarks.names import (
    CHANGE,
    CHANGES_ONLY,
    COLD,
    COMPOSE,
    FLOOR,
    FULL_LOOK,
    NOOP,
    PARTS,
    PROCESS,
    READING,
    RECONCILE,
    REMOVAL,
)
from script.benchmarks.promises import promises
from script.benchmarks.report import Figures, Target, figure_lines, shown, table, target_lines

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
    """One run of some `parts`. `machine` says where and with what."""

    rounds: int
    parts: Sequence[str] = PARTS
    machine: dict[str, Any] = field(default_factory=dict)
    planner: Figures = field(default_factory=Figures)
    loading: Figures = field(default_factory=Figures)
    threads: Figures = field(default_factory=Figures)
    races: Figures = field(default_factory=Figures)
    agent: Figures = field(default_factory=Figures)
    memory: Figures = field(default_factory=Figures)
    fleet: Figures = field(default_factory=Figures)
    looks: Figures = field(default_factory=Figures)
    outage: Figures = field(default_factory=Figures)
    lost: Figures = field(default_factory=Figures)
    idle: Figures = field(default_factory=Figures)
    storm: Figures = field(default_factory=Figures)
    left_out: dict[str, str] = field(default_factory=dict)  # why, by scene

    @property
    def _sections(self) -> Mapping[str, Figures]:
        medians = f"medians of {self.rounds}"
        return {
            "Finding the number of threads that the floor is fastest with (one each)": self.threads,
            f"Side by side; {medians}": self.races,
            f"The running agent; {medians}": self.agent,
            f"Memory; {medians}": self.memory,
            f"Many stacks at once, from nothing; {medians}": self.fleet,
            f"Looks at so many services that find nothing to do; {medians}": self.looks,
            f"A service with a published port that is replaced (floor: a bare stop and start); {medians}": self.outage,
            "One rollout after the other behind a reverse proxy, with so many requests": self.lost,
            f"An agent with so many containers that has nothing to do; {medians}": self.idle,
            f"An agent with so many containers that hears of others' only; {medians}": self.storm,
            f"The planner, over made-up resources; {medians}": self.planner,
            f"Loading a Compose file of so many services; {medians}": self.loading,
        }

    def targets(self) -> list[Target]:
        """What was promised of the parts that were chosen."""
        return promises(self)

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
