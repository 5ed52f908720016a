"""How the agent and its stacks fare now: what `windlass status`, the page and `/api/v1/status` show.

An `Overview` is a value, folded from reports: each `with_…` returns a new one. Its JSON form (`document`) is stable:
keys are only ever added, times are seconds since the epoch or null, and `format` changes with anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import msgspec

from agent.account import DID_NOT_TAKE, changed_something
from agent.fight import Fight
from agent.images import Image
from agent.jobs import JobResult, JobSeen, JobState
from agent.model import Action, Cause, Failure, Health, Problem, Report, Result, Revision
from agent.printable import capped
from agent.suspension import Suspended, Suspension
from agent.telemetry.reports import brought_by, pending_of, was_looked_at

OTHER_SOURCE = (
    "made by this instance from another source (repository, path or directory): neither healed nor removed. Bring them"
    " into this source, or remove each: docker compose -p STACK down. If another agent follows one, name it otherwise"
    " (instance)."
)
_MOST_PROBLEMS = 100


class Sync(StrEnum):
    """Whether a stack is as its source says."""

    SYNCED = "synced"
    OUT_OF_SYNC = "out of sync"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RevisionStatus:
    """A revision in brief. Times that a committer claims are left out: they are not to be trusted."""

    id: str
    short: str
    subject: str = ""
    author: str = ""

    @classmethod
    def of(cls, revision: Revision) -> RevisionStatus:
        return cls(revision.id, revision.short, capped(revision.subject), capped(revision.author))


@dataclass(frozen=True)
class ProblemStatus:
    """One mistake in the repository's files; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""
    hint: str = ""

    @classmethod
    def of(cls, problem: Problem) -> ProblemStatus:
        place, said = problem.place, map(capped, (problem.message, problem.path, problem.hint))
        return cls(capped(place.file), place.line, place.column, *said)


@dataclass(frozen=True)
class FailureStatus:
    """Why something is not as it should be: a code and a text, and at most 100 of the mistakes behind it."""

    reason: str
    message: str
    problems: tuple[ProblemStatus, ...] = ()

    @classmethod
    def of(cls, failure: Failure | None) -> FailureStatus | None:
        if failure is None:
            return None
        problems = tuple(map(ProblemStatus.of, failure.problems[:_MOST_PROBLEMS]))
        return cls(failure.reason, capped(failure.message), problems)


@dataclass(frozen=True)
class SourceStatus:
    """Where the wanted state comes from. `url` has passed `labels.without_credentials`.

    `watch` is why changes of a directory are not noticed before the next poll.
    """

    url: str = ""
    ref: str = ""
    path: str = ""
    revision: RevisionStatus | None = None
    fetched_at: float | None = None
    next_at: float | None = None
    failure: FailureStatus | None = None
    watch: FailureStatus | None = None


@dataclass(frozen=True)
class WantedStatus:
    """What the source says of volumes: those that it wants, and the stacks of which nobody can tell for now."""

    volumes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineStatus:
    """The engine as it answered last; with a failure it is down."""

    up: bool = False
    version: str = ""
    api: str = ""
    failure: FailureStatus | None = None


@dataclass(frozen=True)
class HttpStatus:
    """Where metrics, health and this status are served; with a failure, where they are to be."""

    url: str = ""
    failure: FailureStatus | None = None


@dataclass(frozen=True)
class ServiceCount:
    """Containers of a stack's services: how many are ready of how many that are wanted. `names` are the services'."""

    ready: int = 0
    desired: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class SuspensionStatus:
    """What is not changed for now, by whose word, and until when. `service` is "" for the whole stack; where only new
    content waits, for a freeze window to end, it is `frozen`."""

    reason: str
    by: str = ""
    until: float | None = None
    service: str = ""
    frozen: bool = False

    @classmethod
    def of(cls, suspended: Suspended) -> tuple[SuspensionStatus, ...]:
        found = [("", suspended.whole)] if suspended.whole else []
        found += sorted(suspended.services.items())
        told = [cls(capped(why.reason), capped(why.by), why.until, name) for name, why in found]
        if why := suspended.frozen:
            told.append(cls(capped(why.reason), "", why.until, frozen=True))
        return tuple(told)

    def in_words(self) -> str:
        """As in "service api is suspended by anna: migrates the database"."""
        if self.frozen:
            return str(Suspension(self.reason, self.by, self.until)).replace("suspended", "new content waits", 1)
        said = str(Suspension(self.reason, self.by, self.until))
        return f"service {self.service} is {said}" if self.service else said


@dataclass(frozen=True)
class Held:
    """A step that may not be done, and why."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True)
class JobStatus:
    """A job: when it runs, and what its last run came to. `result` is null before the first one and while one is under
    way; `zone` is "" for the host's own."""

    service: str
    cron: str
    zone: str = ""
    result: JobResult | None = None
    began_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    next_at: float | None = None

    @classmethod
    def of(cls, state: JobState) -> JobStatus:
        seen, schedule = state.seen or JobSeen("", 0.0), state.schedule
        code = seen.exit_code if seen.ended else None
        began, ended = seen.began or None, seen.ended or None
        return cls(state.service, schedule.cron, schedule.zone, state.result, began, ended, code, state.next_at)


@dataclass(frozen=True)
class StackStatus:
    """One stack. `revision` is the newest that it was synced to, `target` the one that it was last held against. With
    `on_trial`, new content is in place and is not known to be good yet. `fights` are its objects that something else
    changes back again and again. `commit` is the last one that brought something new since the agent began. Where it
    `waits`, the failure only tells what is held.

    `changed_at` and `changed_in` tell when the last pass that changed something ended, and how long it took.
    """

    name: str
    sync: Sync = Sync.UNKNOWN
    health: Health = Health.UNKNOWN
    revision: RevisionStatus | None = None
    target: RevisionStatus | None = None
    services: ServiceCount = ServiceCount()
    changed_at: float | None = None
    changed_in: float | None = None
    message: str = ""
    failure: FailureStatus | None = None
    held: tuple[Held, ...] = ()
    suspended: tuple[SuspensionStatus, ...] = ()
    on_trial: bool = False
    fights: tuple[Fight, ...] = ()
    jobs: tuple[JobStatus, ...] = ()
    images: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)  # that run, by service
    commit: RevisionStatus | None = None
    waits: bool = False

    def after(self, report: Report) -> StackStatus:
        """The stack's status once the report's pass is over."""
        target = RevisionStatus.of(report.revision) if report.revision else self.target
        changed = any(map(changed_something, report.outcomes))
        status = replace(
            self,
            sync=_sync(report),
            health=report.health,
            revision=target if report.synced else self.revision,
            target=target,
            commit=RevisionStatus.of(brought) if (brought := brought_by(report)) else self.commit,
            services=_count(report) if was_looked_at(report) else self.services,
            images={one.name: one.images for one in report.services} if was_looked_at(report) else self.images,
            changed_at=report.started + report.seconds if changed else self.changed_at,
            changed_in=report.seconds if changed else self.changed_in,
            failure=FailureStatus.of(report.failure),
            held=_held(report),
            suspended=SuspensionStatus.of(report.suspended),
            on_trial=report.on_trial,
            waits=report.waits and report.result is not Result.ERROR,
            fights=report.fights[:_MOST_PROBLEMS],
            jobs=tuple(map(JobStatus.of, report.jobs[:_MOST_PROBLEMS])) if was_looked_at(report) else self.jobs,
        )
        return replace(status, message=_message(status, report))


@dataclass(frozen=True)
class Overview:
    """The agent on one host, its source, its engine and its stacks, sorted by name."""

    host: str = ""
    version: str = ""
    mode: str = "apply"
    started: float = 0.0
    source: SourceStatus = SourceStatus()
    engine: EngineStatus = EngineStatus()
    stacks: tuple[StackStatus, ...] = ()
    http: HttpStatus = HttpStatus()
    wanted: WantedStatus = WantedStatus()
    state: Mapping[str, FailureStatus] = field(default_factory=dict)  # why files of the state cannot be read, by name
    elsewhere: tuple[str, ...] = ()  # stacks that this instance made from another source, and that nobody wants here
    answered: float = 0.0  # up to when all that was asked by hand (`windlass sync`) has been done
    format: str = "1"

    def with_report(self, report: Report) -> Overview:
        """After one more pass."""
        before = self.stack(report.stack) or StackStatus(report.stack)
        return self._with(before.after(report))

    def with_under_way(self, stack: str, said: str) -> Overview:
        """While a turn of the stack makes it as it is wanted; its report says what came of that."""
        before = self.stack(stack) or StackStatus(stack)
        return self._with(replace(before, sync=Sync.OUT_OF_SYNC, message=first_line(capped(said))))

    def _with(self, status: StackStatus) -> Overview:
        others = self.without(status.name).stacks
        return replace(self, stacks=tuple(sorted((*others, status), key=lambda stack: stack.name)))

    def with_source(
        self, revision: Revision | None, failure: Failure | None, *, at: float, next_at: float | None
    ) -> Overview:
        """After the source was asked, at `at`: a failure leaves what was known of it as it was."""
        source = replace(self.source, failure=FailureStatus.of(failure), next_at=next_at)
        if revision is not None:
            source = replace(source, revision=RevisionStatus.of(revision))
        if failure is None:
            source = replace(source, fetched_at=at)
        return replace(self, source=source)

    def with_wanted(self, volumes: Iterable[str], unread: Iterable[str]) -> Overview:
        """After the source was read: the volumes that it wants, and the stacks of which it could not be told."""
        return replace(self, wanted=WantedStatus(tuple(sorted(volumes)), tuple(sorted(unread))))

    def with_engine(self, version: str, api: str, failure: Failure | None = None) -> Overview:
        """After the engine was asked: with a failure it is down."""
        return replace(self, engine=EngineStatus(failure is None, version, api, FailureStatus.of(failure)))

    def with_watch(self, failure: Failure | None) -> Overview:
        return replace(self, source=replace(self.source, watch=FailureStatus.of(failure)))

    def with_http(self, url: str, failure: Failure | None) -> Overview:
        return replace(self, http=HttpStatus(url, FailureStatus.of(failure)))

    def with_state(self, file: str, failure: Failure | None) -> Overview:
        """After a file of the state directory could not be read, or could again."""
        others = {name: why for name, why in self.state.items() if name != file}
        told = FailureStatus.of(failure)
        return replace(self, state=dict(sorted({**others, **({file: told} if told else {})}.items())))

    def with_elsewhere(self, stacks: Iterable[str]) -> Overview:
        """The stacks of this instance that were made from another source."""
        return replace(self, elsewhere=tuple(sorted(stacks)))

    def without(self, stack: str) -> Overview:
        """After a stack was forgotten."""
        return replace(self, stacks=tuple(status for status in self.stacks if status.name != stack))

    def stack(self, name: str) -> StackStatus | None:
        return next((status for status in self.stacks if status.name == name), None)

    def in_a_line(self) -> str:
        """The one thing to know of the agent."""
        synced = sum(stack.sync is Sync.SYNCED for stack in self.stacks)
        stacks = f"{synced} of {len(self.stacks)} stacks synced" if self.stacks else "no stack yet"
        if failure := self.source.failure or self.engine.failure:
            return f"{failure.reason}: keeps what runs, {stacks}"
        if self.state:
            return f"{next(iter(self.state.values())).reason}: cannot read {', '.join(self.state)}, {stacks}"
        if failure := self.http.failure:
            return f"{failure.reason}: serves no metrics, {stacks}"
        return f"{stacks}, at {self.source.revision.short}" if self.source.revision else stacks

    def document(self) -> dict[str, Any]:
        """The JSON form, as plain values."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Overview:
        """Read the JSON form back; keys of a newer release are passed over. `ValueError` when it is no such thing."""
        try:
            return msgspec.convert(document, cls)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error


def first_line(text: str) -> str:
    return re.split(r"[\r\n]", text, maxsplit=1)[0]


def _sync(report: Report) -> Sync:
    if report.synced:
        return Sync.SYNCED
    wrong_in_git = report.failure is not None and report.failure.problems
    return Sync.OUT_OF_SYNC if was_looked_at(report) or report.plan.changes or wrong_in_git else Sync.UNKNOWN


def _count(report: Report) -> ServiceCount:
    return ServiceCount(
        sum(state.ready for state in report.services),
        sum(state.desired for state in report.services),
        tuple(state.name for state in report.services),
    )


def _held(report: Report) -> tuple[Held, ...]:
    held = [
        Held(change.key.kind, change.key.name, change.reason)
        for change in report.plan.changes
        if change.action is Action.HOLD and change.cause is not Cause.SCHEDULE
    ]
    return tuple(held[:_MOST_PROBLEMS])


def _message(status: StackStatus, report: Report) -> str:
    """The one thing to know: what is changed back, what failed, what is suspended, what ails, what waits, or what was
    last done."""
    if report.fights and (report.failure is None or report.failure.reason == DID_NOT_TAKE):
        return capped(str(report.fights[0]))
    if report.failure:
        return first_line(capped(report.failure.message))
    if status.suspended:
        coming = f" ({len(pending_of(report))} to do)" if report.coming else ""
        return f"{first_line(status.suspended[0].in_words())}{coming}"
    if ailing := [state for state in report.services if state.health is not Health.HEALTHY]:
        return f"{ailing[0].name}: {ailing[0].detail or ailing[0].health}"
    if status.held:
        return f"held: {status.held[0].kind} {status.held[0].name}: {status.held[0].reason}"
    if pending := pending_of(report):
        return f"{len(pending)} to do"
    applied = f"applied in {status.changed_in:.1f} s" if status.changed_in is not None else ""
    return f"{applied}, on trial" if report.on_trial else applied
