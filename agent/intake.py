"""Asks the source what is wanted now, in a worker of the loop, and guards against an empty answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.desired import Reading
from agent.errors import Trouble
from agent.guard import Consent
from agent.held import EMPTY_DESIRED_STATE
from agent.model import Failure, Stack
from agent.planning import Removal
from agent.planning.words import approve
from agent.ports import Desires, Turns
from agent.printable import listed

_MOST_NAMED = 10  # stacks


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


def take_in(
    desires: Desires, turns: Turns, *, first: bool, wall: Callable[[], float], approved: frozenset[str] = frozenset()
) -> Intake:
    """The newest reading; `first` says that nothing was read yet in this process. What is `approved`: see `Consent`.
    `wall` gives seconds since the epoch: a window may open while the source is read."""
    taken = _newest(desires, first=first)
    if taken.reading is None and not first:
        return taken  # nothing is to be pruned for it: an engine that hangs need not delay the news
    on_host = _on_host(turns)
    if taken.reading is not None and not taken.reading.names:
        taken = _nothing_wanted(taken.reading, on_host, turns, approved)
    recovered = _recover(desires, taken.reading, frozenset(on_host), wall()) if first else ()
    return replace(taken, on_host=frozenset(on_host), recovered=recovered)


def _newest(desires: Desires, *, first: bool) -> Intake:
    try:
        return Intake(reading=desires.newest())
    except Trouble as error:
        return Intake(reading=desires.fallback() if first else None, failure=error.failure())


def _on_host(turns: Turns) -> Mapping[str, frozenset[str]]:
    """An engine that cannot be asked has nothing to prune for now; the stacks' own turns say what is wrong with it."""
    try:
        return turns.on_host()
    except Trouble:
        return {}


def _recover(desires: Desires, reading: Reading | None, on_host: frozenset[str], now: float) -> tuple[Stack, ...]:
    """The last good state of what runs here or is wanted, and cannot be read now, or may not be found, or may have to
    wait: for a freeze to end, or for another stack."""
    lost = frozenset(reading.broken) if reading else on_host
    if reading is not None:
        lost |= {name for name in reading.names | on_host if reading.freeze.of(name, now)}
        lost |= {name for name, stack in reading.stacks.items() if stack.after}
        hidden = reading.broken or reading.unread  # one of these may be it under another name, or lie there
        lost |= on_host - reading.names if hidden else frozenset()
    return tuple(stack for name in sorted(lost) if (stack := _last_good(desires, name)))


def _last_good(desires: Desires, name: str) -> Stack | None:
    """None also where that cannot be read: nothing is known to converge to then, and nothing is touched."""
    try:
        return desires.last_good(name)
    except Trouble:
        return None


def _nothing_wanted(
    reading: Reading, on_host: Mapping[str, frozenset[str]], turns: Turns, approved: frozenset[str]
) -> Intake:
    """An empty desired state is a mistake far more often than a wish: nothing is removed for it until somebody says
    that it is meant."""
    revision = reading.snapshot.revision
    if reading.unread:
        text = f"{revision} holds no stack that can be read: {listed(reading.unread, _MOST_NAMED)}"
        return Intake(failure=Failure("DirectoryUnreadable", text))
    if not on_host:
        text = f"{revision} holds no stack: expected a compose.yaml at the root or in a directory of its own"
        return Intake(failure=Failure(EMPTY_DESIRED_STATE, text))
    services = frozenset(f"{stack}/{service}" for stack, services in on_host.items() for service in services)
    removal = Removal(services, len(services))
    if turns.may_go(removal, Consent(approved, revision.allow_prune, revision.id)):
        return Intake(reading)
    kept = listed(sorted(on_host), _MOST_NAMED)
    text = (
        f"{revision} holds no stack at all; nothing is removed and {kept} is kept as it was. Remove stacks one by one,"
        " or put a compose.yaml at the root or in a directory of its own; if all of it is to go,"
        f" {approve(removal.hash, len(services))}"
    )
    return Intake(failure=Failure(EMPTY_DESIRED_STATE, text))
