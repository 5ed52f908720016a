"""A source, a host and an audience that a test can steer, and a loop that runs around them."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from agent.desired import Reading
from agent.errors import Trouble
from agent.guard import Acknowledgements, Consent
from agent.jobs import JobEnd
from agent.loop import Loop
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Key,
    Outcome,
    Plan,
    Report,
    Resource,
    Result,
    Revision,
    Scope,
    Snapshot,
    Stack,
    Status,
)
from agent.planning import Removal
from agent.ports import Directives, Rhythm
from agent.reconcile import Turn

FAST = Rhythm(poll=3600, resync=3600, settle=0.0)
STANDING = 1000.0  # seconds, of a clock that stands: what waits for a time to pass waits for ever
BROKEN = Failure("ConfigInvalid", "stacks/web/compose.yaml:3:5: no")
WEB = Key("container", "a-web-1")


class NoTree:
    def entries(self) -> dict[str, object]:
        return {}

    def read(self, path: str) -> bytes:
        raise KeyError(path)


def stack(name: str, revision: str = "a" * 40, content: str = "1") -> Stack:
    web = Resource(Key("container", f"{name}-web-1"), name, {"body": {"Image": content}}, service="web")
    return Stack(name, (web,), Revision(revision), ("web",))


def reading(*stacks: Stack, revision: str = "a" * 40, broken: dict[str, Failure] | None = None) -> Reading:
    snapshot = Snapshot(Revision(revision), NoTree())  # type: ignore[arg-type]  # nobody reads it here
    return Reading(snapshot, {each.name: each for each in stacks}, broken or {})


@dataclass
class FakeDesires:
    answer: Reading | Trouble
    known: Reading | None = None
    good: dict[str, Stack] = field(default_factory=dict)
    untold: Trouble | None = None  # why nobody can tell what was good
    accepted: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)  # what is to be forgotten
    asked: int = 0
    rejected: dict[str, tuple[Stack, Failure]] = field(default_factory=dict)

    def newest(self) -> Reading:
        self.asked += 1
        if isinstance(self.answer, Trouble):
            raise self.answer
        return self.answer

    def fallback(self) -> Reading | None:
        return self.known

    def last_good(self, stack: str) -> Stack | None:
        if self.untold:
            raise self.untold
        return self.good.get(stack)

    def accept(self, stack: Stack) -> None:
        self.accepted.append((stack.name, stack.revision.id))

    def reject(self, stack: Stack, failure: Failure) -> None:
        self.rejected[stack.name] = (stack, failure)

    def forget(self, stack: str) -> None:
        self.good.pop(stack, None)
        self.gone.append(stack)

    def forgive(self, stack: str) -> bool:
        return self.rejected.pop(stack, None) is not None


def synced(turn: Turn) -> Report:
    (name,) = turn.scope.stacks
    revision = turn.stacks[0].revision if turn.stacks else None
    return Report("run", name, turn.trigger, revision, Result.NOOP, 0.0, 0.0, synced=True)


def failed(turn: Turn, reason: str = "ImagePullFailed", outcomes: tuple[Outcome, ...] = ()) -> Report:
    (name,) = turn.scope.stacks
    return Report(
        "run", name, turn.trigger, None, Result.ERROR, 0.0, 0.0, failure=Failure(reason, "no"), outcomes=outcomes
    )


@dataclass
class FakeTurns:
    """Answers each turn by `react`; `taken` is what was asked, in order."""

    react: Callable[[Turn], Report] = synced
    host_stacks: frozenset[str] = frozenset()
    taken: queue.Queue[Turn] = field(default_factory=queue.Queue)
    afresh: int = 0
    noted: list[tuple[str, str]] = field(default_factory=list)  # stack and revision of what was good

    def look_afresh(self) -> None:
        self.afresh += 1

    def take(self, turn: Turn) -> tuple[Report, ...]:
        self.taken.put(turn)
        return (self.react(turn),)

    def words(self, stack: Stack, service: str) -> str:
        return f"\n{service} of {stack.name} wailed"

    def on_host(self) -> dict[str, frozenset[str]]:
        return {name: frozenset({"web"}) for name in self.host_stacks}

    def note_good(self, stack: str, report: Report) -> None:
        self.noted.append((stack, report.revision.id if report.revision else ""))

    def may_go(self, removal: Removal, consent: Consent) -> bool:
        return Acknowledgements().cover(removal, consent)

    def next(self) -> Turn:
        return self.taken.get(timeout=5)

    def nothing_more(self, seconds: float = 0.15) -> bool:
        try:
            self.taken.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


@dataclass
class FakeAudience:
    reports: queue.Queue[Report] = field(default_factory=queue.Queue)
    sources: queue.Queue[tuple[Reading | None, Failure | None, float]] = field(default_factory=queue.Queue)
    triggers: list[str] = field(default_factory=list)
    gone: queue.Queue[str] = field(default_factory=queue.Queue)
    bugs: list[BaseException] = field(default_factory=list)
    backs: queue.Queue[tuple[Stack, Failure]] = field(default_factory=queue.Queue)
    rounds: int = 0
    hung: queue.Queue[tuple[str, ...]] = field(default_factory=queue.Queue)
    ends: queue.Queue[JobEnd] = field(default_factory=queue.Queue)
    answers: queue.Queue[float] = field(default_factory=queue.Queue)

    def reported(self, report: Report) -> None:
        self.reports.put(report)

    def reported_so_far(self) -> list[Report]:
        """What nobody has taken yet."""
        return [self.reports.get() for _ in range(self.reports.qsize())]

    def source_read(self, reading: Reading | None, failure: Failure | None, next_in: float) -> None:
        self.sources.put((reading, failure, next_in))

    def triggered(self, trigger: str) -> None:
        self.triggers.append(trigger)

    def forgotten(self, stack: str) -> None:
        self.gone.put(stack)

    def answered(self, asked_at: float) -> None:
        self.answers.put(asked_at)

    def taken_back(self, good: Stack, failure: Failure) -> None:
        self.backs.put((good, failure))

    def job_ended(self, end: JobEnd) -> None:
        self.ends.put(end)

    def crashed(self, bug: BaseException) -> None:
        self.bugs.append(bug)

    def alive(self) -> None:
        self.rounds += 1

    def hanging(self, jobs: tuple[str, ...]) -> None:
        self.hung.put(jobs)


@dataclass
class FakeClock:
    """Goes as time goes, and jumps ahead when told. The loop notices a jump within a second."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def make_loop(
    desires: FakeDesires,
    turns: FakeTurns,
    audience: FakeAudience,
    rhythm: Rhythm = FAST,
    *,
    act: bool = True,
    clock: Callable[[], float] = time.monotonic,
    directives: Directives | None = None,
    wall: Callable[[], float] = time.time,
) -> Loop:
    return Loop(
        desires,
        turns,
        audience,
        Scope("default", "git:1", frozenset(), whole=True),
        clock=clock,
        wall=wall,
        rhythm=rhythm,
        act=act,
        chance=random.Random(1),
        directives=directives,
    )


@contextmanager
def running(loop: Loop) -> Iterator[Loop]:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(timeout=10)
    assert not thread.is_alive()


@contextmanager
def ended_by(loop: Loop, seconds: float) -> Iterator[None]:
    """Stops the loop where it has not ended by itself by then."""
    timer = threading.Timer(seconds, loop.stop)
    timer.start()
    yield
    timer.cancel()


def refused(key: Key, reason: str = "StartFailed") -> Outcome:
    """A replacement that came to nothing."""
    change = Change(0, Action.REPLACE, key, "web", Cause.COMMIT, "another image")
    return Outcome(change, Status.FAILED, "no", reason)


def drift(key: Key) -> Outcome:
    return Outcome(Change(0, Action.CREATE, key, "web", Cause.DRIFT, "was removed"), Status.DONE)


def plan_of(*outcomes: Outcome) -> Plan:
    return Plan(tuple(outcome.change for outcome in outcomes))


OLD, NEW = stack("web", "a" * 40, "1"), stack("web", "b" * 40, "2")


def crash(turn: Turn) -> Report:
    """The new content crashes, the old is fine."""
    (wanted,) = turn.stacks
    if wanted.resources == OLD.resources:
        return synced(turn)
    change = Change(
        0, Action.REPLACE, Key("container", "web-web-1"), "web", Cause.COMMIT, "image", wanted=wanted.resources[0]
    )
    return replace(
        failed(turn, "CrashOnStart", (Outcome(change, Status.FAILED, "exit code 1", "CrashOnStart"),)),
        revision=wanted.revision,
    )
