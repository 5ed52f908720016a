"""A drift that the engine tells of is met at once: here nothing is polled, and no look is due by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import docker
import pytest

from agent.loop import Loop
from agent.model import Failure, Report
from agent.ports import AskSource, LookAt, Rhythm
from agent.reconcile import Turn
from agent.triggers import watch_events
from tests.drift.by_hand import BY_HAND, Hand
from tests.drift.scene import Scene
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, reading, running

pytestmark = pytest.mark.engine

NEVER = Rhythm(poll=3600, resync=3600)
UNTOLD = ("file", "directory", "config", "secret")  # no engine knows of these
SLOW = "network made anew"  # by hand, it is put right before the hand is through
TOLD = [row for row in BY_HAND if row[2] and not row[0].startswith(SLOW) and not any(w in row[0] for w in UNTOLD)]


@dataclass
class Listener:
    opened: threading.Event = field(default_factory=threading.Event)

    def stream_opened(self) -> None:
        self.opened.set()

    def stream_broke(self, failure: Failure) -> None:
        raise AssertionError(failure)

    def heard(self, kind: str) -> None:
        """Others are at work on the engine as well."""

    def watched(self, failure: Failure | None) -> None:
        raise AssertionError(failure)


class Turns(FakeTurns):
    """The host of a scene; `triggers` are those of the turns, `looks` what the events were taken for."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(host_stacks=frozenset({scene.stack}))
        self.scene = scene
        self.triggers: list[str] = []
        self.looks: list[AskSource | LookAt] = []
        self.listener = Listener()

    def take(self, turn: Turn) -> tuple[Report, ...]:
        self.triggers.append(turn.trigger)
        return self.scene.reconciler.take(turn)

    def look_afresh(self) -> None:
        self.scene.engine.forget()


@pytest.fixture
def turns(scene: Scene) -> Iterator[Turns]:
    """The loop around the scene, after its first turns."""
    made, audience = Turns(scene), FakeAudience()
    listener = made.listener
    desires = FakeDesires(reading(scene.turn().stacks[0]))
    loop = Loop(desires, made, audience, scene.scope, clock=time.monotonic, wall=time.time, rhythm=NEVER)

    def wake(reason: AskSource | LookAt) -> None:
        made.looks.append(reason)
        loop.wake(reason)

    watch = watch_events(scene.engine, scene.identity.instance, wake, listener)
    with running(loop):
        assert audience.reports.get(timeout=20).synced
        watch.start()
        assert listener.opened.wait(10)
        audience.reports.get(timeout=20)  # of the look that each opening is a reason for
        yield made
        watch.stop()


@pytest.mark.parametrize("by_hand", [pytest.param(row[1], id=row[0]) for row in TOLD])
def test_what_the_engine_tells_of_is_mended_without_a_poll(scene: Scene, turns: Turns, by_hand: Hand) -> None:
    turns.triggers.clear()
    by_hand(scene)
    scene.settled(lambda: "event" in turns.triggers and scene.planned() == {})
    assert set(turns.triggers) == {"event"}


def test_of_what_changes_nothing_the_engine_tells_nothing(scene: Scene, turns: Turns) -> None:
    """Whoever runs commands in containers, asks for their processes or copies out of them is not even heard."""
    container = scene.container("web")["Id"]
    turns.triggers.clear()
    turns.looks.clear()
    for _ in range(40):
        scene.engine.execute(container, {"Cmd": ["true"]}, 10)
        scene.sdk.top(container)
        scene.sdk.resize(container, 24, 80)
    scene.sdk.pause(container)
    scene.settled(lambda: "event" in turns.triggers and scene.planned() == {})
    assert turns.looks.count(LookAt("event", stack=scene.stack)) in (1, 2)  # paused, and running again


@contextmanager
def storm(scene: Scene) -> Iterator[None]:
    """Events without end: of commands in `web`, of which nobody hears, and of its image, which is what it was."""
    over = threading.Event()

    def runs_commands() -> None:
        while not over.is_set():
            scene.engine.execute(scene.web, {"Cmd": ["true"]}, 10)

    def moves_tags() -> None:
        name, _, tag = scene.image.partition(":")
        with closing(docker.APIClient(base_url=scene.docker_host)) as sdk:
            while not over.is_set():
                sdk.tag(scene.image, name, tag, force=True)
                sdk.tag(scene.image, f"{name}-{threading.get_ident()}", tag)
                sdk.remove_image(f"{name}-{threading.get_ident()}:{tag}")

    threads = [threading.Thread(target=each) for each in (runs_commands, moves_tags) * 2]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_in_a_storm_of_events_drift_is_mended_and_few_turns_are_made(scene: Scene, turns: Turns) -> None:
    turns.triggers.clear()
    turns.looks.clear()
    began = time.monotonic()
    with storm(scene):
        scene.settled(lambda: len(turns.looks) > 100)
        scene.sdk.disconnect_container_from_network(scene.web, scene.network("front"))
        scene.settled(lambda: scene.network("front") in scene.container("web")["NetworkSettings"]["Networks"])
        scene.settled(lambda: len(turns.looks) > 200)
    assert len(turns.triggers) <= (time.monotonic() - began) / NEVER.settle + 2
    assert len(turns.triggers) * 3 < len(turns.looks)
    made = len(turns.triggers)
    time.sleep(0.7)  # in which what was put off would be made up for
    assert len(turns.triggers) <= made + 2
