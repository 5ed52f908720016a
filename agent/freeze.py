"""Windows of time in which new content waits. Pure but for the clock's zone; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.cron import last_until
from agent.suspension import Suspension

FROZEN = "frozen"  # stands where the name of whoever suspends something stands


@dataclass(frozen=True)
class Freeze:
    """One window: it begins whenever `cron` says so, in the zone (that of this host where none is named), and lasts
    `seconds`. It is for `stacks`, or for all where none is named."""

    cron: str
    seconds: float
    reason: str = ""
    stacks: frozenset[str] = frozenset()
    zone: str = ""

    def ends(self, now: float) -> float | None:
        """When the window ends that is open at this moment; None where none is."""
        began = last_until(self.cron, self.zone, now)
        return began + self.seconds if began is not None and now < began + self.seconds else None


@dataclass(frozen=True)
class Freezes:
    """All windows of a repository."""

    windows: tuple[Freeze, ...] = ()

    def of(self, stack: str, now: float) -> Suspension | None:
        """Why new content of the stack has to wait now, by the window that ends last; None where it need not."""
        found = sorted(self._open(stack, now))
        return Suspension(found[-1][1] or "freeze window", FROZEN, found[-1][0]) if found else None

    def _open(self, stack: str, now: float) -> Iterator[tuple[float, str]]:
        for window in self.windows:
            if (not window.stacks or stack in window.stacks) and (ends := window.ends(now)) is not None:
                yield ends, window.reason

    @property
    def named(self) -> frozenset[str]:
        """The stacks that are named in it."""
        return frozenset(name for window in self.windows for name in window.stacks)
