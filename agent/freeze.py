"""Windows of time in which new content waits. Pure but for the clock's zone; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

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
        began = self._began(now)
        return began + self.seconds if began is not None and now < began + self.seconds else None

    def _began(self, now: float) -> float | None:
        """When it began last. Cron's minute counts as begun with its first second."""
        from zoneinfo import ZoneInfo  # both only where a repository has such windows

        from cronsim import CronSim

        zone = ZoneInfo(self.zone) if self.zone else None
        minute = datetime.fromtimestamp(now, zone).replace(second=0, microsecond=0)
        began: datetime | None = next(CronSim(self.cron, minute + timedelta(minutes=1), reverse=True), None)
        return began.timestamp() if began else None


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


def mistake_in(cron: str, zone: str) -> tuple[str, str] | None:
    """Which of the two is wrong ("cron", "timezone"), and how; None where both are right."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    try:
        if zone:
            ZoneInfo(zone)
    except (ValueError, OSError):  # an unknown one is a KeyError, a bad path one of these
        return "timezone", f'"{zone}" is no time zone'
    except KeyError:
        return "timezone", f'there is no time zone "{zone}"'
    if len(cron.split()) != 5:
        return "cron", f'"{cron}" is no cron expression: minute, hour, day of the month, month, day of the week'
    try:
        CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 - any moment will do
    except CronSimError as error:
        said = str(error)
        return "cron", f'"{cron}" is no cron expression: {said[:1].lower()}{said[1:]}'
    return None
