"""The nouns: what is wanted, what is there, what will change, and what came of it.

Everything here is a value. Nothing reads a clock, a file or the engine. An object of the host is known by its
`Key`, a kind and a name, and never by an id of the engine: what was made by an attempt that was cut is found again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from agent.fight import Fight
from agent.handling import USUAL, Handling
from agent.host_ports import HostPort
from agent.images import NO_IMAGE, Image
from agent.jobs import JobSeen, JobState
from agent.suspension import NOTHING, Suspended
from agent.tree import Tree


class Key(NamedTuple):
    """Which object of the host is meant: its kind ("container", "network", …) and its name on the engine."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Place(NamedTuple):
    """Where something stands in the repository: the file's path in the tree, line and column counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Revision:
    """One state of the source. `id` is a commit's full SHA, or `dir-` and a digest for a plain directory."""

    id: str
    subject: str = ""
    author: str = ""
    timestamp: float = 0.0  # seconds since the epoch, as the committer claims: shown, never trusted
    allow_prune: int = 0  # how many services may go with it, as its trailer says

    @property
    def is_commit(self) -> bool:
        return not self.id.startswith("dir-")

    @property
    def short(self) -> str:
        return self.id[:7] if self.is_commit else self.id[:16]

    def __str__(self) -> str:
        if not self.is_commit:
            return f"directory {self.short}"
        said = f' "{self.subject}"' if self.subject else ""
        return f"git {self.short}{said}" + (f" ({self.author})" if self.author else "")


@dataclass(frozen=True)
class Snapshot:
    """A source at one revision."""

    revision: Revision
    tree: Tree = field(repr=False, compare=False)


# --- what is wanted ---------------------------------------------------------------------------------------------


class Condition(StrEnum):
    """What must hold of an object before the one that requires it may be made."""

    EXISTS = "exists"
    STARTED = "started"
    HEALTHY = "healthy"
    COMPLETED = "completed"
    GOOD = "good"  # healthy by its check, completed, or up where it has no check


class Requirement(NamedTuple):
    key: Key
    condition: Condition = Condition.EXISTS
    optional: bool = False  # `required: false`: waited for only where it is there
    restart: bool = False  # whoever requires it is restarted with it


@dataclass(frozen=True)
class Resource:
    """One wanted object. `spec` is what its kind makes and compares it by; each kind's module states the shape.

    What `prepares` is fetched or written (images, files) before anything in its stack is stopped. What is `on_demand`
    is made only when something that requires it is made, and what is `renewed` is then made anew although it is there.
    Plans show no `hidden` value.
    """

    key: Key
    stack: str
    spec: Mapping[str, Any] = field(repr=False)
    requires: tuple[Requirement, ...] = ()
    service: str = ""
    external: bool = False  # has to be there already and is never touched
    prepares: bool = False
    on_demand: bool = False
    renewed: bool = False
    place: Place | None = None
    handling: Handling = USUAL  # how it is dealt with: a change of that changes no object
    ports: frozenset[HostPort] = frozenset()  # of the host, which it needs for itself while it runs
    hidden: frozenset[str] = field(default=frozenset(), repr=False, compare=False)


@dataclass(frozen=True)
class Stack:
    """The wanted state of one stack, at the revision that it was read from."""

    name: str
    resources: tuple[Resource, ...]
    revision: Revision
    services: tuple[str, ...] = ()
    place: Place | None = None
    after: tuple[str, ...] = ()  # the stacks that have to be synced and healthy first
    inputs: frozenset[str] = field(default=frozenset(), repr=False, compare=False)  # paths of the tree it was read from


# --- what is there ----------------------------------------------------------------------------------------------


class Owner(StrEnum):
    OURS = "ours"  # carries this instance's label and a name that this instance gives
    ADOPTABLE = "adoptable"  # a wanted stack's own object that `docker compose` made
    FOREIGN = "foreign"


class Remedy(StrEnum):
    IN_PLACE = "in place"
    RESTART = "restart"  # in place, and by starting it anew
    REPLACE = "replace"
    NEVER = "never"  # the object keeps data, or the engine has no way: it is held and said


class Health(StrEnum):
    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """One field in which an object is not as wanted. `declared` tells who changed it: True where the wanted value is
    not the one that the object was made from (a commit), False where the object was changed since (drift)."""

    path: str
    seen: Any = field(repr=False)
    wanted: Any = field(repr=False)
    remedy: Remedy = Remedy.REPLACE
    declared: bool = True
    secret: bool = False
    above: tuple[str, ...] = ()  # the paths that it is a part of, which no dot tells: names may have some


@dataclass(frozen=True)
class Observed:
    """One object as the engine reports it, already compared with what is wanted of it (`differences`).

    `id` is what the engine is told to act on: the very object that was looked at. `uses` is what it is attached to now.
    A `leftover` is a half-made or set-aside twin of a replacement that was cut; what is `protected` is never pruned.
    """

    key: Key
    id: str
    owner: Owner
    stack: str = ""
    origin: str = ""  # the source whose agent made it, see Scope
    revision: str = ""  # the one that it was made at, as Revision.id
    service: str = ""
    differences: tuple[Difference, ...] = ()
    uses: frozenset[Key] = frozenset()
    health: Health = Health.HEALTHY
    detail: str = ""
    patience: float = 0.0  # seconds within which its health check has passed or failed, by its own settings
    keeps_data: bool = False
    leftover: bool = False
    protected: bool = False
    unsure: str = ""  # why nobody can tell for now whether it is protected: then it is not pruned either
    spare: bool = False  # takes room and no more: it keeps nothing from being as it is wanted
    obstacle: Failure | None = None  # why it could not be made anew; of what is external, why nothing new can be on it
    stays: str = ""  # why it is left as it is, although something newer is known
    untaken: bool = False  # made by `docker compose`, and nobody has noted yet that it is taken over
    survivor: str = ""  # what of it, or of the one before it, runs on without the engine's knowing
    image: Image = NO_IMAGE  # the one that a container was made from
    job: JobSeen | None = None  # of what runs at times
    ports: frozenset[HostPort] = frozenset()  # of the host, which it keeps from others now
    due: frozenset[HostPort] = frozenset()  # of the host, which it takes whenever it is started as it is
    apart: bool = False  # it shares nothing but networks: whatever comes in its place can run beside it
    over: bool = False  # a job that has ended well: whatever is done to it interrupts nothing
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Scope:
    """Which objects may be pruned: those of `stacks`, with `whole` also the others of this origin, the source."""

    instance: str
    origin: str
    stacks: frozenset[str]
    whole: bool = False
    everywhere: bool = False  # whatever the instance made is looked at, so that it can be told, and nothing more

    def has(self, stack: str, origin: str) -> bool:
        return stack in self.stacks or (self.whole and origin == self.origin)


# --- what will change -------------------------------------------------------------------------------------------


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"
    HOLD = "hold"
    ADOPT = "adopt"
    RUN = "run"  # a job whose time has come, or what was stopped and is to go on after all
    STOP = "stop"  # a job that runs for too long, or what has to let go before it is replaced


class Cause(StrEnum):
    COMMIT = "commit"
    DRIFT = "drift"
    IMAGE = "image"
    SECRET = "secret"  # noqa: S105 - a cause, not a secret
    FILE = "file"
    PRUNE = "prune"
    SETTINGS = "settings"
    SCHEDULE = "schedule"  # a job's time has come: nothing that is wanted is other than it was


class FieldChange(NamedTuple):
    """A field that will change, as text and with secrets masked: it is shown as it stands."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One step of a plan. `after` are the numbers of the steps that must have been done before it (if one fails, this
    one is skipped), `follows` those that must only have ended. An update that `restarts` also restarts what runs."""

    number: int
    action: Action
    key: Key
    stack: str
    cause: Cause
    reason: str
    fields: tuple[FieldChange, ...] = ()
    after: frozenset[int] = frozenset()
    follows: frozenset[int] = frozenset()
    code: str = ""  # of what is held: why, as a word for metrics and alerts (`NameConflict`)
    approval: str = ""  # of what is held until somebody lets it be done: the hash by which they do
    restarts: bool = False
    delay: float = 0.0  # seconds to let pass before it begins
    interruption: str = ""  # when what runs will be away
    commit: Revision | None = None  # that brought it, where the cause is a commit and it is known which
    wanted: Resource | None = field(default=None, repr=False, compare=False)
    seen: Observed | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """The line that tests, logs and bug reports show."""
        behind = f" after {','.join(map(str, sorted(self.after | self.follows)))}" if self.after | self.follows else ""
        return f"{self.number} {self.action} {self.key} ({self.cause}: {self.reason}){behind}"


@dataclass(frozen=True)
class Plan:
    """Every step towards the wanted state, each behind the steps that it needs."""

    changes: tuple[Change, ...] = ()
    unchanged: int = 0

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes))

    @property
    def pending(self) -> tuple[Change, ...]:
        """The steps that do something: all but what is held."""
        return tuple(change for change in self.changes if change.action is not Action.HOLD)


class Status(StrEnum):
    DONE = "done"
    FAILED = "failed"
    OVERTAKEN = "overtaken"  # the world moved since it was looked at: look again
    SKIPPED = "skipped"
    HELD = "held"


@dataclass(frozen=True)
class Outcome:
    change: Change
    status: Status
    detail: str = ""
    reason: str = ""  # the code of the trouble, as in Trouble.reason
    seconds: float = 0.0
    awaited: Key | None = None  # what it waited for in vain
    attempted: bool = True  # as in Trouble.attempted


@dataclass(frozen=True)
class ServiceState:
    """How one service of a stack fares: its containers wanted and ready, and the worst health among them."""

    name: str
    desired: int
    ready: int
    health: Health
    detail: str = ""
    images: tuple[Image, ...] = ()  # that its containers were made from
    patience: float = 0.0  # seconds within which what is on its way is good, or not going to be


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the repository: where, at which path of the document, what, and what to do about it."""

    place: Place
    message: str
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        hint = f", {self.hint}" if self.hint else ""
        return f"{self.place}: {subject}{self.message}{hint}"


class Result(StrEnum):
    SUCCESS = "success"  # something was changed, and all of it took, but for what is held
    NOOP = "noop"  # nothing was to be changed, or all of it is held
    ERROR = "error"


@dataclass(frozen=True)
class Failure:
    """Why a pass did not converge: a code for machines, a text for people, and whatever is wrong in the files."""

    reason: str
    message: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Report:
    """One pass over one stack: all that metrics, logs, history and status are made from."""

    run_id: str
    stack: str
    trigger: str
    revision: Revision | None
    result: Result
    started: float  # seconds since the epoch
    seconds: float
    plan: Plan = Plan()
    outcomes: tuple[Outcome, ...] = ()
    synced: bool = False
    health: Health = Health.UNKNOWN
    services: tuple[ServiceState, ...] = ()
    failure: Failure | None = None
    suspended: Suspended = NOTHING
    on_trial: bool = False  # its content is new, and not proved good yet
    fights: tuple[Fight, ...] = ()
    ids: frozenset[str] = frozenset()  # the engine's, of what the stack has on the host
    stays: Failure | None = None  # why it is not synced although nothing is left to do
    images: Mapping[str, Image] = field(default_factory=dict)  # by container: the one that it was made from
    jobs: tuple[JobState, ...] = ()
    left: Plan = Plan()  # what the last look found still to do or held
    as_wanted: frozenset[Key] = frozenset()  # wanted objects that are there and need nothing
    waits: bool = False  # the failure only tells what is held, nothing went wrong
    done: bool = False  # nothing is left but what is held for good
    commit: Revision | None = None  # that brought what was to be done, or what cannot be
    coming: Plan | None = None  # what new content would change that waits for the end of a freeze window
    skipped: tuple[Revision, ...] = ()  # commits before that one that were never tried, newest first

    @property
    def can_be_judged(self) -> bool:
        """Whether what runs can be told good or bad: nothing is left to do for it."""
        return self.synced or self.done
