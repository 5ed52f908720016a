"""An agent without a loop on a model of a host, or on a real one, whose calls may be struck."""

from __future__ import annotations

from pathlib import Path

from agent.converge import Options
from agent.guard import Consent
from agent.model import Report, Stack
from agent.reconcile import Turn
from tests.kinds.rig import Rig
from tests.model.engine import ModelEngine
from tests.model.fate import FatedEngine
from tests.model.host import ModelHost

NOBODY = "unix:///nowhere"


class FatedRig(Rig):
    """Each is an agent of its own; those with the same home have the same state directory."""

    engine: FatedEngine | ModelEngine
    monitor = "300ms"  # for which what has no check has to run to be good

    def __init__(self, engine: FatedEngine | ModelEngine, stack: str, home: Path) -> None:
        super().__init__(NOBODY, stack, home)
        self.engine.close()
        self.engine = engine
        self.restart()

    def towards(self, stack: Stack | None) -> Report:
        """One turn, None being a stack that has left. Raises `Cut` where the agent is killed in it."""
        stacks = () if stack is None else (stack,)
        (report,) = self.reconciler.take(Turn(stacks, self.scope, "test", consent=Consent(allowed=99)))
        return report

    def settle(self, stack: Stack | None, turns: int) -> Report:
        """Turns until one changes nothing, so many at most; that one."""
        said = ""
        for _ in range(turns):
            before = self.engine.lot.changes
            report = self.towards(stack)
            if self.engine.lot.changes == before:
                return report
            said = f"{report.failure}\n{report.plan}"
        raise AssertionError(f"not at rest after {turns} turns: {said}")


class ModelRig(FatedRig):
    """One change at a time, and nobody is waited for: on a model all has come of it at once."""

    monitor = "1ns"

    def __init__(self, host: ModelHost, home: Path, stack: str = "web") -> None:
        super().__init__(ModelEngine(host), stack, home)
        self.options = Options(workers=1, gate_timeout=0.0)
        self.restart()
