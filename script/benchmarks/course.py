"""What the parts of one run have in common: where, with what, how often, and how large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from script.benchmarks.bare import BenchError
from script.benchmarks.ground import Ground
from script.benchmarks.results import Results


@dataclass(frozen=True)
class Extent:
    """How large each part is. Times in seconds."""

    rounds: int = 5
    services: tuple[int, ...] = (20, 100)  # converged beside the floor and Compose
    stacks: int = 50  # of a fleet, with four services each
    looks: tuple[int, ...] = (100, 250, 500)  # services that a look finds unchanged
    requests: int = 10_000  # while one rollout follows the other
    idle: int = 200  # containers of an idle agent
    idle_window: float = 60.0
    passes: tuple[int, int] = (200, 2_000)  # after so many, the memory is read
    storm: int = 20  # containers of an agent that hears of strangers' containers only
    storm_window: float = 10.0
    settle: float = 10.0  # after the last change, before the agent counts as idle


QUICK = Extent(1, (3, 6), 3, (3, 6, 9), 600, 3, 5.0, (10, 30), 3, 3.0, 2.0)


@dataclass(frozen=True)
class Course:
    """One run. `compose` is how `docker compose` is called, () where there is none; `tell` says how far it is."""

    ground: Ground
    extent: Extent
    compose: tuple[str, ...]
    results: Results
    tell: Callable[[str], None]

    @property
    def rounds(self) -> range:
        return range(1, self.extent.rounds + 1)

    def sweep(self, project: str) -> None:
        """Remove what is there of a project. An old engine may keep a network for good, which is told."""
        try:
            self.ground.sweep(project)
        except BenchError as error:
            self.tell(str(error))

    def said(self, number: int) -> str:
        return f"round {number} of {self.extent.rounds}"
