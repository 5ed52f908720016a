"""What every kind has in common: the protocol, who owns an object, and the fingerprint that it carries.

The fingerprint is one keyed digest per field that was set when the object was made. It never decides whether an object
is as wanted (the engine's report does); it tells who moved, a commit or somebody's hand. Digests are keyed, because a
label is readable by everyone who may ask the engine and a plain digest of a short secret can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from agent.errors import Overtaken
from agent.kinds.remarks import Remarks
from agent.model import Change, Condition, Difference, Key, Observed, Owner, Resource, Scope
from agent.printable import printable
from agent.probe import Probe
from agent.rollout import Pace
from agent.twins import base_name

Report = Mapping[str, Any]  # what the engine tells of one object

PREFIX = "windlass."
INSTANCE = f"{PREFIX}instance"
ORIGIN = f"{PREFIX}origin"
STACK = f"{PREFIX}stack"
SERVICE = f"{PREFIX}service"
REVISION = f"{PREFIX}revision"
NAME = f"{PREFIX}name"
FIELDS = f"{PREFIX}fields"
PROTECT = f"{PREFIX}protect"  # on what is never pruned: "true"
BUILD = f"{PREFIX}build"  # on an image that was built here: the digest of what it was built from

COMPOSE = "com.docker.compose."
PROJECT = f"{COMPOSE}project"
IMAGE = f"{COMPOSE}image"

UNCHECKED = "it has no health check"  # what a probe says of who asks for a health that nobody can tell


@dataclass(frozen=True)
class Identity:
    """Who made an object: this agent's instance, the source it follows, and the key of its fingerprints."""

    instance: str
    origin: str
    key: bytes = field(repr=False)


class Kind(Protocol):
    """One kind of object, whole.

    Every method may raise `Refused`, `Overtaken` or `Unreachable`. The changing ones act on `change.seen.id`, the very
    object that was looked at, and make what `change.wanted` says.
    """

    name: str

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """What is there: every wanted object by its name, and everything of ours in the scope by its labels."""

    def create(self, change: Change, revision: str) -> None:
        """Make it. One that a cut attempt already made from the same wanted state is finished instead."""

    def update(self, change: Change, revision: str) -> None:
        """Change in place whatever differs."""

    def replace(self, change: Change, revision: str, pace: Pace) -> None:
        """Make it anew in the place of the one that was seen; `pace` is what waiting for it is done with."""

    def remove(self, change: Change) -> None:
        """Remove the one that was seen; one that is gone already is a success."""

    def probe(self, key: Key, condition: Condition) -> Probe:
        """Whether the condition holds by now, and in words why not."""


@runtime_checkable
class Tidy(Protocol):
    """A kind that makes more than is wanted at any one time, and clears away what is out of use."""

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:
        """Remove what was made for the stack, but for `keep`: all that is wanted in it, is there, or is used by that.
        `stays`: something of the stack is there although it is not wanted, and may be wanted again.

        Raises nothing: what cannot be removed only takes room.
        """


@runtime_checkable
class Adopting(Protocol):
    """A kind with objects that are taken over as somebody else made them."""

    def adopt(self, change: Change) -> None:
        """Note that what was seen is ours from now on, and as wanted. The object itself is not changed."""


@runtime_checkable
class Runs(Protocol):
    """A kind with objects that run, or run at times."""

    def run(self, change: Change) -> None:
        """Begin a run. Raises `Overtaken` where one is under way that is not to be replaced. With nothing wanted, let
        what was seen go on as it is."""

    def cut_short(self, change: Change) -> None:
        """Stop what was seen, and keep it; one that has ended is a success."""


@runtime_checkable
class Limited(Protocol):
    """A kind of which only so many changes go on at once, over all stacks."""

    def place(self, change: Change, pace: Pace) -> AbstractContextManager[None]:
        """A place for the change while the block runs, waited for with `pace`."""


@runtime_checkable
class RunsOnce(Protocol):
    """A kind of which some objects run to their end, within the change that makes them."""

    def runs_once(self, change: Change) -> bool:
        """Whether the change is of such an object, and makes it or removes it."""

    def run_once(self, change: Change, revision: str, pace: Pace) -> None:
        """Make it as wanted and wait for its end with `pace`, or remove it behind its end. Raises `Refused` where what
        is made comes to no good end."""


@runtime_checkable
class Forgiving(Protocol):
    """A kind that, for a while, does not try again what was refused."""

    def forgive(self, names: Collection[str] | None = None) -> None:
        """Try these objects, or (None) all of them, again when they are next asked for: it may go well by now."""


@runtime_checkable
class Demanding(Protocol):
    """A kind with objects that not every engine can make."""

    def unable(self, wanted: Resource) -> str:
        """Why this engine cannot make the object, "" where nothing is known to be in the way."""


@runtime_checkable
class Attentive(Protocol):
    """A kind whose objects are made from objects of other kinds, as those were when it last looked."""

    def renewed(self, change: Change) -> None:
        """A change of another kind was carried out: what it made may differ from what was seen."""

    def aside(self) -> AbstractContextManager[None]:
        """While the block runs, this thread looks in the middle of a turn, for something else than its steps: these go
        on by the look before."""


@runtime_checkable
class Speaking(Protocol):
    """A kind with objects that write something of how they fare."""

    def words(self, key: Key) -> str:
        """The last lines that it wrote, each on a new line, without secrets; "" where there are none."""


@runtime_checkable
class Remarking(Protocol):
    """A kind that may have a remark on a change that was done."""

    remarks: Remarks


def wanted_of(change: Change) -> Resource:
    """What the change is to make."""
    if change.wanted is None:
        raise Overtaken(f"{change.key}: nothing is wanted of it any more")
    return change.wanted


def seen_of(change: Change) -> Observed:
    """What the change is to act on."""
    if change.seen is None:
        raise Overtaken(f"{change.key}: it has not been seen")
    return change.seen


def mended_by(change: Change) -> frozenset[str] | None:
    """The fields that an update puts right, by their paths; None for all in which the object differs. Where it is only
    some, the change of the others is held, and the object goes on as it was made."""
    named = frozenset(one.path for one in change.fields)
    return named if any(printable(one.path) not in named for one in seen_of(change).differences) else None


def heeded(resource: Resource, differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences without those that the stack ignores: of a field, or of anything below it."""
    ignored = frozenset(resource.handling.ignore)
    return tuple(one for one in differences if ignored.isdisjoint((one.path, *one.above)))


# --- the fingerprint --------------------------------------------------------------------------------------------


def digest(key: bytes, value: Any) -> str:
    """12 hex digits of a keyed digest over a JSON-like value; the order of mapping keys does not matter. Every object
    that was ever made carries such digests, so how they are made must never change."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def make_fingerprint(declared: Mapping[str, Any], key: bytes) -> dict[str, str]:
    """One digest per field that is set (None leaves no trace); the entry "" tells which key was used."""
    digests = {path: digest(key, [path, value]) for path, value in sorted(declared.items()) if value is not None}
    return {"": digest(key, ""), **digests}


def read_fingerprint(labels: Mapping[str, str], key: bytes) -> dict[str, str] | None:
    """The fingerprint on an object, or None where there is none that this key can read."""
    try:
        found = json.loads(labels.get(FIELDS, ""))
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("") != digest(key, ""):
        return None
    return {str(path): str(value) for path, value in found.items()}


# --- labels and owners ------------------------------------------------------------------------------------------


def label_text(value: Any) -> str:
    """A JSON-like value as a label holds it: the same value is the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def our_labels(identity: Identity, resource: Resource, revision: str, fingerprint: Mapping[str, str]) -> dict[str, str]:
    """The labels that mark an object as made by us. All of them are ignored when objects are compared."""
    return {
        INSTANCE: identity.instance,
        ORIGIN: identity.origin,
        STACK: resource.stack,
        SERVICE: resource.service,
        REVISION: revision,
        NAME: resource.key.name,
        FIELDS: label_text(fingerprint),
        **({PROTECT: "true"} if resource.handling.protect else {}),
    }


def observed(key: Key, id: str, owner: Owner, labels: Mapping[str, str], report: Mapping[str, Any]) -> Observed:
    """What its labels and the engine's report tell of one object, before it is held against what is wanted."""
    return Observed(
        key,
        id,
        owner,
        stack=labels.get(STACK, ""),
        origin=labels.get(ORIGIN, ""),
        revision=labels.get(REVISION, ""),
        service=labels.get(SERVICE, ""),
        protected=labels.get(PROTECT) == "true",
        raw=report,
    )


def is_ours(identity: Identity, name: str, labels: Mapping[str, str], inherited: Mapping[str, str]) -> bool:
    """Whether this instance made the object.

    `inherited` are the labels of a container's image: a container that somebody runs from an image which carries our
    labels has nothing of its own under our prefix, while one of ours has its fingerprint.
    """
    own = {key: value for key, value in labels.items() if key.startswith(PREFIX) and inherited.get(key) != value}
    named = labels.get(NAME) in (name, base_name(name))
    return labels.get(INSTANCE) == identity.instance and named and bool(own)


def in_scope(scope: Scope, labels: Mapping[str, str]) -> bool:
    """Whether an object of this instance is looked at when nobody wants it."""
    return scope.everywhere or scope.has(labels.get(STACK, ""), labels.get(ORIGIN, ""))


def is_composes(resource: Resource, labels: Mapping[str, str], noun: str, value: str) -> bool:
    """Whether `docker compose` made the object for the same stack, with `value` as its label
    `com.docker.compose.NOUN`."""
    return (
        INSTANCE not in labels
        and labels.get(PROJECT) == resource.stack
        and bool(value)
        and labels.get(COMPOSE + noun) == value
    )


def owner_of(ours: bool, adoptable: bool) -> Owner:
    if ours:
        return Owner.OURS
    return Owner.ADOPTABLE if adoptable else Owner.FOREIGN


# What Compose notes for itself: where the file lay, which release wrote it, what it replaced.
UNSTABLE = frozenset(
    COMPOSE + name
    for name in (
        *("version", "config-hash", "image", "replace", "depends_on", "image-volume-digest"),
        *("project.config_files", "project.working_dir", "project.environment_file"),
    )
)


def comparable_labels(labels: Any, wanted: Mapping[str, Any]) -> dict[str, str]:
    """Labels without ours, and of Compose's only those that are wanted and mean the same everywhere."""
    return {
        key: str(value or "")
        for key, value in (labels or {}).items()
        if not key.startswith(PREFIX) and key not in UNSTABLE and (key in wanted or not key.startswith(COMPOSE))
    }
