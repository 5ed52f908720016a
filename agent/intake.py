"""Asks the source what is wanted now, in a worker of the loop, and guards against an empty answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.desired import Reading
from agent.errors import Trouble
from agent.model import Failure, Snapshot, Stack
from agent.ports import Desires, Turns


@dataclass(frozen=True)
class Intake:
    """What the source said. `reading` is None when nothing new is to be followed, and `failure` says why.

    `on_host` are the stacks of this source that have something on the host: those that the reading does not name are
    to be pruned. `recovered` are stacks whose last good state is known from before this process began, for those
    that cannot be read now.
    """

    reading: Reading | None = None
    failure: Failure | None = None
    on_host: frozenset[str] = frozenset()
    recovered: tuple[Stack, ...] = ()


def take_in(desires: Desires, turns: Turns, *, first: bool) -> Intake:
    """The newest reading; `first` says that nothing was read yet in this process."""
    taken = _newest(desires, first=first)
    if taken.reading is None and not first:
        return taken  # nothing is to be pruned for it: an engine that hangs need not delay the news
    on_host = _on_host(turns)
    if taken.reading is not None and not taken.reading.names:
        taken = Intake(failure=_empty(taken.reading.snapshot, on_host))
    recovered = _recover(desires, taken.reading, on_host) if first else ()
    return replace(taken, on_host=on_host, recovered=recovered)


def _newest(desires: Desires, *, first: bool) -> Intake:
    try:
        return Intake(reading=desires.newest())
    except Trouble as error:
        return Intake(reading=desires.fallback() if first else None, failure=error.failure())


def _on_host(turns: Turns) -> frozenset[str]:
    """An engine that cannot be asked has nothing to prune for now; the stacks' own turns say what is wrong with it."""
    try:
        return turns.stacks_on_host()
    except Trouble:
        return frozenset()


def _recover(desires: Desires, reading: Reading | None, on_host: frozenset[str]) -> tuple[Stack, ...]:
    """The last good state of what runs here or is wanted, and cannot be read now."""
    lost = frozenset(reading.broken) if reading else on_host
    return tuple(stack for name in sorted(lost) if (stack := desires.last_good(name)))


def _empty(snapshot: Snapshot, on_host: frozenset[str]) -> Failure:
    """An empty desired state is a mistake far more often than a wish: nothing is removed for it."""
    if on_host:
        kept = ", ".join(sorted(on_host))
        return Failure(
            "EmptyDesiredState",
            f"{snapshot.revision} holds no stack at all; nothing is removed and {kept} is kept as it was."
            " Remove stacks one by one, or put a compose.yaml at the root or in a directory of its own",
        )
    return Failure(
        "EmptyDesiredState",
        f"{snapshot.revision} holds no stack: expected a compose.yaml at the root or in a directory of its own",
    )
