"""What the loop needs of the rest of the agent, and what may be said to it. The loop knows no concrete class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.desired import Reading
from agent.guard import Consent
from agent.jobs import JobEnd
from agent.model import Failure, Key, Report, Stack
from agent.planning import Removal
from agent.reconcile import Turn
from agent.suspension import NOTHING, Suspended
from agent.wishes import Asked


class Desires(Protocol):
    """What the loop asks of the source side. What reads takes as long as its deadline allows, in a worker."""

    def newest(self) -> Reading:
        """The newest revision, read. Raises `Trouble`."""

    def fallback(self) -> Reading | None:
        """What is known without the network, when `newest` fails at the start."""

    def last_good(self, stack: str) -> Stack | None:
        """The stack as it was when it last proved good, be it before this process began; None where it never did.
        Cheap where it was asked for already. Raises `Trouble` where that cannot be told for now. May be asked from any
        thread, as `accept` and `reject` may."""

    def accept(self, stack: Stack) -> None:
        """Remember that the stack converged at its revision, and proved good there."""

    def reject(self, stack: Stack, failure: Failure) -> None:
        """Remember that the stack's content did not become good: `newest` has it among what is broken from now on."""

    def forget(self, stack: str) -> None:
        """The stack has left the source, and nothing of it is there any more: should it come back, it is a new one. May
        be asked from any thread."""

    def forgive(self, stack: str) -> bool:
        """Let rejected content be tried again. Returns whether there was any. May be asked from any thread."""


class Turns(Protocol):
    """What the loop asks of the host side."""

    def take(self, turn: Turn) -> tuple[Report, ...]: ...

    def note_good(self, stack: str, report: Report) -> None:
        """Remember what the stack runs: it is good, and may have to come back."""

    def words(self, stack: Stack, service: str) -> str:
        """The last lines of what is not good of a service, each on a new line; "" where nothing can be read."""

    def on_host(self) -> Mapping[str, frozenset[str]]:
        """The stacks of this origin that have something on the host, each with its services there. Raises `Trouble`."""

    def may_go(self, removal: Removal, consent: Consent) -> bool:
        """Whether somebody has said that all this may be removed."""

    def look_afresh(self) -> None:
        """Rely on nothing that was seen before: the next look asks for everything."""


class Audience(Protocol):
    """Who is told. Nothing that these do may change what the loop does."""

    def reported(self, report: Report) -> None: ...

    def source_read(self, reading: Reading | None, failure: Failure | None, next_in: float) -> None: ...

    def triggered(self, trigger: str) -> None: ...

    def answered(self, asked_at: float) -> None:
        """All that was asked by hand up to then has been done."""

    def forgotten(self, stack: str) -> None: ...

    def taken_back(self, good: Stack, failure: Failure) -> None:
        """The content of a stack did not become good, and it goes back to what was."""

    def job_ended(self, end: JobEnd) -> None:
        """A run of a job is over, or never was. The same one may be told again by the next process."""

    def crashed(self, bug: BaseException) -> None:
        """A worker met a bug: to be logged with its traceback."""

    def alive(self) -> None:
        """The loop got round once more, and all that is under way gets on: the watchdog is fed from here."""

    def hanging(self, jobs: tuple[str, ...]) -> None:
        """Which jobs hang by now, when that has changed; none when all get on again."""


class Orders(Protocol):
    """What is not to be changed, which removals are approved, and what to look at now, at one moment."""

    @property
    def approved(self) -> frozenset[str]: ...

    @property
    def asked(self) -> Mapping[str, Asked]:
        """What to look at now, by stack; "*" stands for all of them."""

    def of(self, stack: str) -> Suspended: ...


class Directives(Protocol):
    """What people at this host said."""

    def now(self) -> Orders:
        """What holds now: the very same object as before, as long as nothing has changed. Asked at each round."""


class NoDirectives:
    """Nobody said anything."""

    approved: frozenset[str] = frozenset()
    asked: Mapping[str, Asked] = {}

    def now(self) -> NoDirectives:
        return self

    def of(self, stack: str) -> Suspended:  # noqa: ARG002 - it is so for each
        return NOTHING


@dataclass(frozen=True)
class Rhythm:
    """How often, in seconds. `settle` lets a burst of events end before the host is looked at.

    `silence` is for how long a turn may show no progress: five calls of the engine that take all of their deadline.
    The source may be silent for `source_silence`. `ending` is for how long what is under way is waited for at the end:
    with what is written after that, it is less than the two minutes after which systemd kills (`TimeoutStopSec`).
    """

    poll: float = 60.0
    resync: float = 60.0
    settle: float = 0.15
    jitter: float = 0.1
    silence: float = 300.0
    source_silence: float = 360.0
    ending: float = 90.0


@dataclass(frozen=True)
class AskSource:
    """A reason to ask the source for its newest revision now."""

    trigger: str


@dataclass(frozen=True)
class LookAt:
    """A reason to look at one stack, or at the stacks that want an object of one of these keys or have the one of this
    id of the engine's; with nothing of that, at all, and `afresh`. `started_name` is that of a container that has just
    started."""

    trigger: str
    stack: str = ""
    keys: frozenset[Key] = frozenset()
    id: str = ""
    started_name: str = ""
    afresh: bool = False  # relying on nothing that was seen before
