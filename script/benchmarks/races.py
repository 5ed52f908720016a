"""The four scenes, side by side: in each round every contestant has its turn, so noise falls on all alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from script.benchmarks.bare import BenchError, EngineFaultError
from script.benchmarks.contestants import SCENES, Compose, Contestant, Files, Floor, Process, Reconcile, Seconds
from script.benchmarks.floor import Replay, Script, script_of
from script.benchmarks.ground import Ground
from script.benchmarks.names import CHANGE, COLD, FLOOR, NOOP, REMOVAL
from script.benchmarks.recorder import recording
from script.benchmarks.results import Results

# Sixteen at once let an engine lose an endpoint of a network, which then stays until the engine is started anew.
THREADS = (2, 4, 8)
NOOPS = 3  # a no-op pass is short, so each round has a few

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Race:
    """All contestants at one number of services."""

    ground: Ground
    services: int
    rounds: int
    compose: tuple[str, ...]
    results: Results
    tell: Tell

    def run(self) -> Floor:
        """Returns the floor, as it ran."""
        floor = self.best_floor()
        reconcile = Reconcile(self._files("reconcile"), self.ground.engine.url)
        contestants: list[Contestant] = [floor, reconcile, Process(self._files("apply"))]
        if self.compose:
            contestants.append(Compose(self._files("compose"), self.compose))
        try:
            for number in range(self.rounds):
                turn = number % len(contestants)
                for contestant in contestants[turn:] + contestants[:turn]:
                    self._cycle(contestant, f"round {number + 1} of {self.rounds}")
        finally:
            reconcile.close()
        return floor

    def best_floor(self) -> Floor:
        """Record what Windlass calls, then make it again with several numbers of threads and keep the best."""
        scripts = self._record()
        project = self._project("floor")
        tried: dict[int, float] = {}
        for threads in THREADS:
            floor = Floor(project, scripts, Replay(self.ground.engine, threads))
            seconds = {scene: self._scene(floor, scene)[FLOOR] for scene in SCENES}
            tried[threads] = seconds[COLD]
            self.results.threads.add(COLD, self.services, f"{threads} threads", seconds[COLD])
        best = min(tried, key=lambda threads: tried[threads])
        self.tell(f"{self.services} services: the floor is fastest with {best} threads")
        return Floor(project, scripts, Replay(self.ground.engine, best))

    def _record(self) -> dict[str, Script]:
        names: dict[str, str] = {}
        scripts: dict[str, Script] = {}
        self.tell(f"{self.services} services: recording what Windlass calls")
        with recording(self.ground.home / f"record-{self.services}.sock", self.ground.engine.path) as recorder:
            reconcile = Reconcile(self._files("floor"), recorder.url, follow=False)
            try:
                for scene in SCENES:
                    self._scene(reconcile, scene)
                    scripts[scene] = script_of(recorder.taken(), names)
            finally:
                reconcile.close()
        return scripts

    def _cycle(self, contestant: Contestant, said: str) -> None:
        told = [f"{self.services} services, {said}: {contestant.project.rpartition('-')[2]}"]
        for scene in SCENES:
            for _ in range(NOOPS if scene == NOOP else 1):
                try:
                    seconds = self._scene(contestant, scene)
                except EngineFaultError as fault:
                    self.tell(f"not counted: {fault}")
                    continue
                for who, value in seconds.items():
                    self.results.races.add(scene, self.services, who, value)
                told.append(f"{scene} {next(iter(seconds.values())):.2f} s")
        self.tell(", ".join(told))

    def _scene(self, contestant: Contestant, scene: str) -> Seconds:
        """Do a scene and look on the engine that it happened."""
        project = contestant.project
        before = self._ids(project)
        seconds = contestant.act(scene)
        after = self._ids(project)
        self.ground.expect(project, 0 if scene == REMOVAL else self.services)
        if scene == REMOVAL:
            self.ground.network_is_gone(project)
        fresh = {COLD: self.services, NOOP: 0, CHANGE: 1, REMOVAL: 0}[scene]
        if len(after - before) != fresh:
            raise BenchError(f"{project}: {scene}: {len(after - before)} new containers instead of {fresh}")
        return seconds

    def _ids(self, project: str) -> set[str]:
        return {entry["Id"] for entry in self.ground.containers(project).values()}

    def _files(self, who: str) -> Files:
        return Files(self.ground, self._project(who), self.services)

    def _project(self, who: str) -> str:
        return f"{self.ground.prefix}-{who}{self.services}"
