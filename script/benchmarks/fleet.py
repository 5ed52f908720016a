"""Many small stacks from nothing: a turn a stack, side by side, beside the same calls made bare and beside
`docker compose` for one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from script.benchmarks.bare import BenchError, EngineFaultError, side_by_side
from script.benchmarks.contestants import composed
from script.benchmarks.course import Course
from script.benchmarks.floor import Replay, Script, script_of
from script.benchmarks.ground import COMPOSE_FILE, compose_file
from script.benchmarks.names import COMPOSE, FLEET, FLOOR, RECONCILE
from script.benchmarks.recorder import recording
from script.benchmarks.room import fits
from script.benchmarks.warm import Warm

SERVICES = 4  # of each stack
PAUSE = 2.0  # seconds for the events of a removal to be heard
THREADS = 8  # of the floor; more made it no faster


@dataclass(frozen=True)
class Stacks:
    """The files of one contestant, and what they make on the engine."""

    course: Course
    who: str
    subnets: int  # the second number of their addresses

    @property
    def prefix(self) -> str:
        return f"{self.course.ground.prefix}-{self.who}"

    @property
    def root(self) -> Path:
        return self.course.ground.home / f"{self.prefix}-files"

    @property
    def names(self) -> list[str]:
        return [f"{self.prefix}-{number:02}" for number in range(self.course.extent.stacks)]

    def file(self, name: str) -> Path:
        return self.root / name / COMPOSE_FILE

    def write(self) -> None:
        """Each has a subnet of its own: the engine has no more than thirty to give by itself."""
        for number, name in enumerate(self.names):
            self.file(name).parent.mkdir(parents=True)
            own = f"networks: {{default: {{ipam: {{config: [{{subnet: 10.{self.subnets}.{number}.0/24}}]}}}}}}\n"
            self.file(name).write_text(compose_file(self.course.ground.image, SERVICES) + own)

    def round(self, converge: Callable[[], object]) -> float:
        """Seconds from nothing to all of it. Raises `BenchError` where something is missing then."""
        began = time.perf_counter()
        try:
            converge()
            took = time.perf_counter() - began
            self.course.ground.expect(self.prefix, len(self.names) * SERVICES)
        finally:
            self.course.sweep(self.prefix)
        return took


def measure(course: Course) -> None:
    """Raises `BenchError`."""
    if not fits(course, FLEET, course.extent.stacks * SERVICES):
        return
    floor = Stacks(course, "fleet-floor", 212)
    ours, theirs = Stacks(course, "fleet-windlass", 213), Stacks(course, "fleet-compose", 214)
    for stacks in (floor, ours, theirs):
        stacks.write()
    replay, script = Replay(course.ground.engine, THREADS), _recorded(floor)
    warm = _warm(ours, course.ground.engine.url)
    ways: dict[str, Callable[[], float]] = {
        FLOOR: lambda: floor.round(lambda: replay.run(script)),
        RECONCILE: lambda: ours.round(lambda: _turns(warm, ours.names)),
    }
    if course.compose:
        ways[COMPOSE] = lambda: theirs.round(lambda: _one_by_one(theirs))
    try:
        for number in course.rounds:
            _round(course, ways, course.said(number))
    finally:
        warm.close()


def _warm(stacks: Stacks, url: str, *, follow: bool = True) -> Warm:
    return Warm(stacks.root, stacks.course.ground.home / f"{stacks.who}-state", stacks.prefix, url, follow=follow)


def _recorded(stacks: Stacks) -> Script:
    """The calls with which Windlass changes something for these stacks. Where its turns look again lies between the
    changes of other stacks, so that is left out."""
    ground = stacks.course.ground
    stacks.course.tell(f"{len(stacks.names)} stacks: recording what Windlass calls")
    with recording(ground.home / "record-fleet.sock", ground.engine.path) as recorder:
        warm = _warm(stacks, recorder.url, follow=False)
        try:
            stacks.round(lambda: _turns(warm, stacks.names))
        finally:
            warm.close()
        return replace(script_of(recorder.taken(), {}), before=(), after=())


def _round(course: Course, ways: Mapping[str, Callable[[], float]], said: str) -> None:
    for who, way in ways.items():
        time.sleep(PAUSE)
        try:
            took = way()
        except EngineFaultError as fault:
            course.tell(f"not counted: {fault}")
            continue
        course.results.fleet.add(FLEET, course.extent.stacks, who, took)
        course.tell(f"{course.extent.stacks} stacks of {SERVICES} services, {said}: {who} {took:.2f} s")


def _turns(warm: Warm, names: list[str]) -> None:
    """As the agent takes them: each stack in a thread of its own. Their files are read before, which counts."""
    warm.forget()
    reading = warm.read()
    if missing := sorted(set(names) - set(reading.stacks)):
        raise BenchError(f"{missing[0]} was not read")
    side_by_side(len(names), lambda name: warm.take(reading, name), names)


def _one_by_one(stacks: Stacks) -> None:
    for name in stacks.names:
        composed(stacks.course.ground, stacks.course.compose, stacks.file(name), "up", "--detach")
