"""An agent that may die at any call of the engine, and who comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.desired import Reader
from agent.engine import Engine
from agent.model import Report, Scope
from agent.parts import make_host
from agent.reconcile import Reconciler, Turn
from agent.settings import Settings
from agent.source.directory import DirectorySource
from agent.statedir import StateDir
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene


@dataclass
class Life:
    """An agent without a loop, from its beginning to its death."""

    scene: Scene
    engine: Engine
    state: StateDir
    files: Path

    def turn(self, message: str) -> Report:
        """One turn towards the stack with the message."""
        compose = self.files / self.scene.stack / "compose.yaml"
        compose.parent.mkdir(parents=True, exist_ok=True)
        compose.write_text(self.scene.compose(message))
        source = DirectorySource(self.files)
        stack = Reader(PurePosixPath(self.state.path)).read(source.sync()).stacks[self.scene.stack]
        host = make_host(self.engine, self.state, Settings(instance="faults"), source.origin, lambda _: None)
        scope = Scope("faults", source.origin, frozenset({stack.name}))
        (report,) = Reconciler(host).take(Turn((stack,), scope, "manual"))
        return report


@contextmanager
def alive(scene: Scene, proxy: Proxy, home: Path, timeout: float = 30.0) -> Iterator[Life]:
    """An agent that waits `timeout` seconds for a call of the engine."""
    engine = Engine(proxy.url, timeout=timeout)
    try:
        yield Life(scene, engine, StateDir(home / "state"), home / "files")
    finally:
        engine.close()


def make_good(scene: Scene, proxy: Proxy, life: Life, message: str) -> None:
    """Turns until all is as wanted, three at most; the one after that finds nothing to do."""
    proxy.mend()
    assert any(life.turn(message).synced for _ in range(3))
    scene.assert_as_wanted()
    assert scene.message() == message
    before = len(proxy.changes)
    assert life.turn(message).synced
    assert len(proxy.changes) == before
