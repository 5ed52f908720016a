"""What the command line needs of the rest, and in which values it gets it.

The commands know no concrete engine, source or store: `agent/__main__.py` hands them one object that follows `Parts`
and imports what is heavy only when it is asked for it. So `windlass version` starts without docker and git, and the
commands are tested against a made-up object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from agent.model import Outcome, Plan, Problem, Report, Result, Revision, Stack
from agent.target import Target

if TYPE_CHECKING:
    from agent.converge import Event
    from agent.directives import Orders
    from agent.going_back import TakenBack
    from agent.orphans import Orphan
    from agent.store import Run
    from agent.suspension import Suspension


class Checked(NamedTuple):
    """What is wrong in the files of one target, of which so many were read. Places are as the user would type them."""

    files: int
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Rendered(NamedTuple):
    """By stack, what its files come to: plain values, as JSON has them."""

    documents: Mapping[str, Any]
    warnings: tuple[Problem, ...] = ()


class Engine(NamedTuple):
    """The version of an engine, and that of its API; "" where it is not known."""

    version: str
    api: str


@dataclass(frozen=True)
class Planned:
    """A plan with all that is shown around it. What implements `Parts` may hide more in a subclass, for `apply`.

    `artefact` is the document by which a later `apply` knows the plan again.
    """

    plan: Plan
    stacks: tuple[Stack, ...]
    revision: Revision
    url: str  # where the files come from: a repository or a directory
    host: str
    engine: Engine
    ref: str = ""
    warnings: tuple[Problem, ...] = ()
    suspended: Mapping[str, Suspension] = field(default_factory=dict)  # the stacks that it would change and must not
    frozen: Mapping[str, Suspension] = field(default_factory=dict)  # those of which the agent would not take it up now
    artefact: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def hash(self) -> str:
        """64 hex digits: the same for the same plan on the same host, as long as nothing that it rests on moves."""
        return str(self.artefact.get("hash", ""))


@dataclass(frozen=True)
class Applied:
    """What came of a plan: a report for each stack, and whether all of them were healthy in time."""

    reports: tuple[Report, ...]
    healthy: bool
    seconds: float = 0.0
    taken_back: tuple[TakenBack, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Every step of every stack, in the order of the plan."""
        found = (outcome for report in self.reports for outcome in report.outcomes)
        return tuple(sorted(found, key=lambda outcome: outcome.change.number))

    @property
    def synced(self) -> bool:
        """Whether the host is now as every stack says."""
        return all(report.synced for report in self.reports) and not any(one.report for one in self.taken_back)

    @property
    def result(self) -> Result:
        """The worst of the stacks' results; nothing done at all is NOOP."""
        results = {report.result for report in self.reports}
        return next((result for result in (Result.ERROR, Result.SUCCESS) if result in results), Result.NOOP)


class Patience(NamedTuple):
    """How `apply` goes on once its steps are done: it waits for health for so many seconds at most, if not for as long
    as that may take, and takes back what does not become good, or leaves it as it is."""

    seconds: float = math.inf
    takes_back: bool = True


USUALLY = Patience()


class Pulling(NamedTuple):
    """An image on its way to the engine; bytes so far and in all, as far as the registry has told."""

    reference: str
    done: int
    total: int


class Records(Protocol):
    """What an agent wrote down, as `agent.store.Store` gives it. Read without the engine and without git."""

    def overview(self) -> dict[str, Any] | None:
        """The JSON form of the newest `Overview`, or None when the agent has not got so far."""

    def history(self, stack: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs first, of one stack or of all."""

    def show(self, run: int | str) -> list[Run]:
        """The run with this number, or those of all stacks with this run id."""


class Directives(Protocol):
    """What people at this host want of the agent, as `agent.directives.Directives` gives it."""

    def now(self) -> Orders:
        """What holds now."""

    def suspend(self, what: str, reason: str, until: float | None) -> None:
        """Until then (seconds since the epoch), or until it is resumed. Raises `Refused`."""

    def resume(self, what: str) -> tuple[str, ...]:
        """Returns what was ended. Raises `Refused`."""

    def ask(self, stacks: Iterable[str], *, hard: bool = False, answered: float = 0.0) -> float:
        """Have the agent look now at these stacks, or at all with `HOST`. Returns when that was, later than what is
        `answered`. Raises `Refused`."""

    def approve(self, removals: str, until: float) -> None:
        """Let the removals with this hash be done until then. Raises `Refused`."""


class Orphans(Protocol):
    """The volumes that outlived their use, as `agent.orphans.Orphans` gives them."""

    def all(self) -> tuple[Orphan, ...]:
        """All of them, sorted."""

    def remove(self, name: str) -> Orphan:
        """Remove one, with its data. Raises `Refused` where it is no orphan."""


class Parts(Protocol):
    """The concrete agent. Every method raises `Trouble`, and nothing else, for whatever may go wrong in the world."""

    def check(self, target: Target) -> Checked:
        """Read the files and say everything that is wrong. Needs no engine."""

    def render(self, target: Target) -> Rendered:
        """The resolved Compose models. Needs no engine. Raises `BadManifest`."""

    def calls(self, target: Target, api: tuple[int, int] | None) -> Rendered:
        """What an engine would be asked for, by an API of this version, were nothing there yet: a list of calls for
        each stack. Needs no engine; None is the newest API that is known. Raises `BadManifest`."""

    def plan(self, target: Target) -> Planned:
        """Look at the host and decide; change nothing. Raises `BadManifest` before the engine is asked."""

    def plan_again(self, target: Target, artefact: Mapping[str, Any]) -> Planned:
        """The plan that an earlier one's `artefact` tells of, made again for the host of `target`. Raises `Refused`
        (`PlanStale` and its like) where it is no longer the same."""

    def apply(
        self,
        planned: Planned,
        on_event: Callable[[Event | Pulling], None],
        stop: Callable[[], bool],
        patience: Patience = USUALLY,
    ) -> Applied:
        """Carry the plan out and wait for health. `stop` begins to answer True when the user wants an orderly end.

        `on_event` may be called from any thread.
        """

    def run(self, config: Path | None, given: Mapping[str, str | None], *, once: bool) -> int:
        """The agent itself; blocks until a signal ends it, or with `once` until one turn of everything is done.

        `given` are settings as text by dotted key, above those of the file `config`; None where the user said nothing.
        Returns the exit code. Raises `BadSettings`.
        """

    def directives(self, target: Target) -> Directives:
        """What people at this host said. Needs neither an agent nor an engine."""

    def orphans(self, target: Target) -> Orphans:
        """The orphaned volumes of this host. Raises `BadSettings` or `Unreachable`."""

    def records(self, target: Target) -> Records:
        """What the agent of this host wrote down. Raises `NoAgent` (`agent.cli.errors`) where no such file is."""

    def version(self, target: Target) -> Mapping[str, str]:
        """Component → version, in the order to be shown. Imports nothing heavy; what does not answer is left out."""
