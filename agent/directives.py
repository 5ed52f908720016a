"""What people at this host told the agent: what is suspended, which removals are approved, and what to look at now.

A file in the state directory is the whole way from a command to the agent. Nobody has to be there to receive it: it
holds for an agent that is started later, and for `windlass apply`. Times are seconds since the epoch.

Where the file cannot be read, what was read of it before goes on to hold. Where nothing was, the whole host counts as
suspended: somebody may have said so.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.errors import Refused
from agent.jsonfile import JsonFile, Told, give_to_owner, part_of, to_nobody
from agent.model import Failure
from agent.printable import printable
from agent.suspension import NOTHING, Suspended, Suspension
from agent.wishes import EVERYTHING, Asked

FORGOTTEN = 3600.0  # seconds after which nobody waits any more for what was asked
YEAR_10000 = 253_402_300_800  # seconds since the epoch, beyond which no calendar goes
HOST = EVERYTHING  # stands for all of the host where a stack's name could stand


@dataclass(frozen=True)
class Orders:
    """What holds at one moment. `suspended` is by STACK, STACK/SERVICE or `HOST`; `approved` are hashes of removals;
    `asked` is what to look at now, by STACK or `HOST`."""

    suspended: Mapping[str, Suspension] = field(default_factory=dict)
    approved: frozenset[str] = frozenset()
    asked: Mapping[str, Asked] = field(default_factory=dict)

    def by_stack(self, stacks: Iterable[str]) -> dict[str, Suspended]:
        """For these stacks, and for all others that something was said of."""
        named = {what.partition("/")[0] for what in self.suspended if what != HOST}
        return {name: self.of(name) for name in sorted({*stacks, *named})}

    def of(self, stack: str) -> Suspended:
        """What of the stack is not to be changed."""
        if not self.suspended:
            return NOTHING
        whole = self.suspended.get(HOST) or self.suspended.get(stack)
        leases = {what.partition("/")[2]: why for what, why in self.suspended.items() if what.startswith(f"{stack}/")}
        return Suspended(whole, leases)


class _Kept(NamedTuple):
    """The file as it was read last, and what holds from `since` until `changes_at`."""

    document: Mapping[str, Any] | None
    orders: Orders
    changes_at: float
    since: float = 0.0


class Directives:
    """The file at `path`. Any thread may ask; every method that writes raises `Refused` (`StateWriteFailed`, or
    `StateReadFailed` where others' words would be lost).

    `by` is the name of whoever writes; `told` hears whether the file can be read.
    """

    def __init__(self, path: Path, wall: Callable[[], float] = time.time, by: str = "", told: Told = to_nobody) -> None:
        self._path, self._wall, self._by = path, wall, by
        self._file = JsonFile(path, told, _wrong_in)
        self._kept = _Kept(None, Orders(), float("inf"))

    def now(self) -> Orders:
        """What holds now: the very same object as before, as long as nothing has changed. Costs a look at the file's
        times."""
        kept, now, found = self._kept, self._wall(), self._file.look()
        is_same = found.failure is None and found.kept is kept.document
        if is_same and kept.since <= now < kept.changes_at:  # before that, the clock was set back
            return kept.orders
        document = found.kept
        orders = _orders(document, now) if document is not None else _nothing_may_change(found.failure)
        if orders == kept.orders:
            orders = kept.orders
        self._kept = _Kept(document, orders, _next_end(document or {}, now), now)
        return orders

    def suspend(self, what: str, reason: str, until: float | None) -> None:
        """Suspend a STACK, a STACK/SERVICE or `HOST`."""
        entry = {"reason": reason, "by": self._by, "until": until}
        self._change(lambda kept: {**kept, "suspended": {**part_of(kept, "suspended"), what: entry}})

    def resume(self, what: str) -> tuple[str, ...]:
        """End what was suspended: with a stack that of its services too, with `HOST` all. Returns what that was."""
        ended = tuple(sorted(one for one in self.now().suspended if _is_within(one, what)))

        def without(kept: dict[str, Any]) -> dict[str, Any]:
            left = {one: why for one, why in part_of(kept, "suspended").items() if not _is_within(one, what)}
            return {**kept, "suspended": left}

        self._change(without)
        return ended

    def approve(self, removals: str, until: float) -> None:
        """Approve the removals with this hash."""
        self._change(lambda kept: {**kept, "approved": {**part_of(kept, "approved"), removals: until}})

    def ask(self, stacks: Iterable[str], *, hard: bool = False, answered: float = 0.0) -> float:
        """Ask for a turn of these stacks now, or of all with `HOST`. Returns when that was: later than all that was
        asked before and than what is `answered`, although the clock may have been set back since."""
        before = (answered, *(one.at for one in self.now().asked.values()))
        at = max(self._wall(), math.nextafter(max(before), math.inf))
        asked = {what: {"at": at, "hard": hard} for what in stacks}
        self._change(lambda kept: {**kept, "asked": {**part_of(kept, "asked"), **asked}})
        return at

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Without what is over, and one process at a time."""
        with _alone(self._path):
            self._file.change(lambda kept: change(_without_what_is_over(kept, self._wall())), anew=False)


def _nothing_may_change(failure: Failure | None) -> Orders:
    """While nobody knows what was said."""
    why = f"{failure.message}; until then nothing is changed on this host" if failure else ""
    return Orders({HOST: Suspension(why)})


def _wrong_in(document: Mapping[str, Any]) -> str:
    """Why the file cannot be understood: it lies where hands can reach it. What is no approval approves nothing."""
    for name in ("suspended", "approved"):
        if not isinstance(document.get(name, {}), dict):
            return f'"{name}" is no object'
    wrong = [what for what, entry in part_of(document, "suspended").items() if not _is_entry(entry)]
    return f'"{printable(wrong[0])}" is not suspended as windlass suspend does it' if wrong else ""


def _is_entry(entry: Any) -> bool:
    until = entry.get("until") if isinstance(entry, dict) else ""
    if isinstance(until, int | float) and not isinstance(until, bool):
        return 0 <= until < YEAR_10000
    return until is None


def _orders(document: Mapping[str, Any], now: float) -> Orders:
    suspended = {what: _suspension(entry) for what, entry in part_of(document, "suspended").items()}
    approved = part_of(document, "approved")
    return Orders(
        {what: why for what, why in suspended.items() if not _is_over(why.until, now)},
        frozenset(one for one, until in approved.items() if isinstance(until, int | float) and now < until),
        {what: one for what, entry in part_of(document, "asked").items() if (one := _asked(entry))},
    )


def _asked(entry: Any) -> Asked | None:
    """None where that is nothing that `windlass sync` has written: then nobody waits for it either."""
    at = entry.get("at") if isinstance(entry, dict) else None
    return Asked(float(at), entry.get("hard") is True) if isinstance(at, int | float) else None


def _next_end(document: Mapping[str, Any], now: float) -> float:
    ends: list[Any] = [_suspension(entry).until for entry in part_of(document, "suspended").values()]
    ends += part_of(document, "approved").values()
    return min((end for end in ends if isinstance(end, int | float) and end > now), default=float("inf"))


def _without_what_is_over(kept: Mapping[str, Any], now: float) -> dict[str, Any]:
    holds = _orders(kept, now)
    return {
        **{name: said for name, said in kept.items() if name != "asked"},
        "suspended": {what: why for what, why in part_of(kept, "suspended").items() if what in holds.suspended},
        "approved": {one: until for one, until in part_of(kept, "approved").items() if one in holds.approved},
        **_still_asked(holds.asked, now),
    }


def _still_asked(asked: Mapping[str, Asked], now: float) -> dict[str, Any]:
    kept = {what: one._asdict() for what, one in asked.items() if abs(now - one.at) < FORGOTTEN}
    return {"asked": kept} if kept else {}


def _suspension(entry: Mapping[str, Any]) -> Suspension:
    until = entry.get("until")
    return Suspension(
        str(entry.get("reason") or ""), str(entry.get("by") or ""), None if until is None else float(until)
    )


def _is_over(until: float | None, now: float) -> bool:
    return until is not None and until <= now


def _is_within(one: str, what: str) -> bool:
    return what in {HOST, one} or one.startswith(f"{what}/")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While the block runs, no other process changes the file. The owner of the directory can do so too."""
    with ExitStack() as ending:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            ending.callback(os.close, lock)
            give_to_owner(lock, path.parent)
        except OSError as error:
            raise _cannot_be_written(path, error) from error
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cannot_be_written(path: Path, error: OSError) -> Refused:
    advice = ": run this with sudo, or as the agent's user" if isinstance(error, PermissionError) else ""
    return Refused(f"{path} cannot be written: {error.strerror}{advice}", reason="StateWriteFailed")
