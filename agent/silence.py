"""For how long a step may say nothing, beyond what any step may: it waits for what has a time of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.converge import Event, Resting, Started
from agent.engine.builds import IDLE
from agent.engine.deadline import seconds_to_stop
from agent.kinds.container_hooks import patience_of
from agent.model import Action, Change

_STOPS = frozenset({Action.REPLACE, Action.REMOVE, Action.RUN, Action.STOP})


def silence_after(event: Event) -> float:
    """Seconds, of a turn that has just told this. After a rest, what is left of a step may take all of its time."""
    return silence_of(event.change) if isinstance(event, Started | Resting) else 0.0


def silence_of(change: Change) -> float:
    """Seconds, as many as all of it may take one after the other: the end of a container that is stopped, what runs
    around its life, a line of a build."""
    report = change.seen.raw if change.seen else {}
    building = IDLE if change.wanted is not None and "build" in change.wanted.spec else 0.0
    stopping = (seconds_to_stop(one.get("StopTimeout")) for one in _stopped(change))
    return building + patience_of(change.wanted, report) + max(stopping, default=0.0)


def _stopped(change: Change) -> Iterator[Mapping[str, Any]]:
    """The configurations of the containers that may be stopped: a hook of a stack is, once its time is over."""
    if change.seen is not None and (change.action in _STOPS or change.restarts):
        yield change.seen.raw.get("Config") or {}
    if change.wanted is not None and change.wanted.handling.hook is not None:
        yield change.wanted.spec.get("body") or {}
