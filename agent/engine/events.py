"""What happens on the engine, as it happens.

The stream is lossy by contract: the engine keeps its last 256 events and drops what a slow reader does not fetch, and
a daemon that goes away looks like a normal end. So an event is a hint to look, the reader has to be quick, and after
every end of the stream the host has to be looked at whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from agent.engine.answers import no_sense
from agent.engine.calls import Calls
from agent.engine.errors import plain_errors, timed_out
from agent.errors import Unreachable
from agent.stand_ins import ignore

WATCHED = {
    "type": ["container", "network", "volume", "image", "daemon"],
    "event": [
        *("create", "start", "die", "stop", "kill", "oom", "pause", "unpause", "rename", "update", "destroy"),
        *("connect", "disconnect", "remove", "health_status"),
        *("tag", "untag", "delete", "pull", "load", "import"),
        "reload",
    ],
}
HUB = ("docker.io", "index.docker.io")  # what a reference without a registry means
VAGUE = frozenset({"load", "import"})  # of images: the event names the image by its id only
REMEMBERED = 512  # events by which duplicates are known after a resumption; the engine itself keeps 256


@dataclass(frozen=True)
class Event:
    """Something that happened to one object. `nano` is the engine's clock in nanoseconds since the epoch.

    `name` is the object's name as a `Key` has it; for a network that a container joined or left, the network's.
    """

    kind: str
    action: str
    id: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    nano: int = 0

    @property
    def is_vague(self) -> bool:
        """Whether the engine does not say which names now mean something else."""
        return self.kind == "image" and self.action in VAGUE

    @property
    def names(self) -> frozenset[str]:
        """Every name that a file may call it by."""
        return spellings(self.name) if self.kind == "image" else frozenset({self.name})


def follow(
    calls: Calls,
    on_event: Callable[[Event], None],
    on_open: Callable[[], None],
    stop: Callable[[], bool],
    *,
    since: int,
    idle: float,
) -> None:
    """See `Engine.events`."""
    known: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED)
    last = since or _now(calls)
    while not stop():
        for event in _stretch(calls, last, idle, on_open):
            last = max(last, event.nano)
            identity = (event.nano, event.id, event.action)
            if identity not in known:
                known.append(identity)
                on_event(event)
            if stop():
                return
        on_open = ignore  # who waits for the opening has been told


def _stretch(calls: Calls, since: int, idle: float, on_open: Callable[[], None]) -> Iterator[Event]:
    """The events until the stream has been silent for `idle` seconds. Raises `Unreachable` when it ends."""
    with plain_errors("follow the engine's events"), calls.lasting("events") as client:
        lines = client.lines("GET", "/events", idle=idle, since=_seconds(since), filters=WATCHED)
        on_open()
        try:
            for line in lines:
                yield parse(line)
        except requests.exceptions.ConnectionError as error:
            if not timed_out(error):
                raise
            client.deadline.start(idle)
            client.fetch("/_ping")
            return
    raise Unreachable("follow the engine's events: the engine ended the stream", reason="EngineUnavailable")


def parse(line: Mapping[str, Any]) -> Event:
    """An event from a line of the stream; fields that an engine leaves out are empty."""
    actor = line.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    kind, identity = str(line.get("Type") or ""), str(actor.get("ID") or "")
    name = identity if kind == "volume" else str(attributes.get("name") or identity)
    action = str(line.get("Action") or "")
    return Event(kind, action, identity, name, dict(attributes), int(line.get("timeNano") or 0))


def spellings(image: str) -> frozenset[str]:
    """The references that mean the same image as the one that the engine tells, which is the shortest but for the tag:
    `nginx:latest` is also `nginx`, `docker.io/library/nginx` and so on."""
    names = {image, image.removesuffix(":latest")}
    registry, slash, _ = image.partition("/")
    if not slash:
        names |= {f"library/{name}" for name in names}
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        names |= {f"{hub}/{name}" for hub in HUB for name in names}
    return frozenset(names)


def _now(calls: Calls) -> int:
    """The engine's clock, in nanoseconds since the epoch."""
    subject = "ask the engine for its time"
    said = calls.read("info", subject, lambda client: client.ask("/info"))
    try:
        return int(datetime.fromisoformat(said["SystemTime"]).timestamp() * 10**6) * 1000
    except (TypeError, LookupError, ValueError) as error:
        raise no_sense(subject) from error


def _seconds(nano: int) -> str:
    return f"{nano // 10**9}.{nano % 10**9:09d}"
