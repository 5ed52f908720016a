"""What the running agent costs and how fast it is: idle memory, a push, a container removed by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from script.benchmarks.agent_process import Agent, Repository, started_at
from script.benchmarks.contestants import Floor
from script.benchmarks.floor import until_started
from script.benchmarks.ground import Ground
from script.benchmarks.names import ALONE, BEYOND, CHANGE, COLD, HEAL, MEASURED, MEMORY, RESIDENT
from script.benchmarks.results import Results

PUSH = "git push to running"
PUSH_HUP = "git push, SIGHUP, to running"
INTERVAL = "1s"  # polling is part of PUSH: half of it on average
SETTLE = 10.0  # seconds after the last change before the agent counts as idle

Tell = Callable[[str], None]


@dataclass
class AgentFigures:
    """One agent with one stack of so many services. `floor` is the race's at any size."""

    ground: Ground
    services: int
    rounds: int
    floor: Floor
    results: Results
    tell: Tell

    def run(self, *, weigh: bool) -> None:
        """Measure the latencies, and with `weigh` first the memory, with the interval as it is by default."""
        repository = Repository(self.ground, f"{self.ground.prefix}-agent{self.services}", self.services)
        agent = Agent(repository)
        repository.make()
        head = repository.commit()
        repository.push()
        try:
            if weigh:
                with agent.running("60s"):
                    agent.wait_synced(head)
                    self._weigh(agent)
            with agent.running(INTERVAL):
                agent.wait_synced(head)
                for number in range(self.rounds):
                    self._round(agent)
                    self.tell(f"agent with {self.services} containers, round {number + 1} of {self.rounds}")
        finally:
            self.ground.sweep(repository.project)

    def _weigh(self, agent: Agent) -> None:
        time.sleep(SETTLE)
        for _ in range(max(self.rounds, 5)):
            time.sleep(1.0)
            for name, mebibytes in agent.memory().items():
                self.results.memory.add(MEMORY, self.services, name, mebibytes, "MiB")
        self.tell(f"agent with {self.services} containers, idle: {agent.memory()[RESIDENT]:.1f} MiB")

    def _round(self, agent: Agent) -> None:
        made, replaced = self._engine_alone()
        self._note(HEAL, self._heal(agent), made)
        self._note(PUSH, self._push(agent, hurry=False), replaced)
        self._note(PUSH_HUP, self._push(agent, hurry=True), replaced)

    def _note(self, scene: str, measured: float, alone: float) -> None:
        for who, value in ((MEASURED, measured), (ALONE, alone), (BEYOND, measured - alone)):
            self.results.agent.add(scene, self.services, who, value)

    def _heal(self, agent: Agent) -> float:
        name = agent.repository.container
        self.ground.remove_container(name)
        removed = time.time()
        return started_at(self.ground.engine, name, removed) - removed

    def _push(self, agent: Agent, *, hurry: bool) -> float:
        head = agent.repository.commit()
        agent.repository.push()
        pushed = time.time()
        if hurry:
            agent.look_now()
        took = started_at(self.ground.engine, agent.repository.container, pushed) - pushed
        agent.wait_synced(head)
        return took

    def _engine_alone(self) -> tuple[float, float]:
        """Seconds of the bare calls that make and start a container, and of those that replace one, to its start."""
        cold, change = self.floor.scripts[COLD].changes, self.floor.scripts[CHANGE].changes
        (replace,) = change[-1]
        make = cold[-1][len(cold[-1]) // 2]  # the same service as the one that the scene changes
        try:
            for chain in (chain for stage in cold[:-1] for chain in stage):
                self.floor.replay.follow(chain)
            made = self._seconds(lambda: self.floor.replay.follow(until_started(make)))
            replaced = self._seconds(lambda: self.floor.replay.follow(until_started(replace)))
        finally:
            self.ground.sweep(self.floor.project)
        return made, replaced

    def _seconds(self, work: Callable[[], None]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
