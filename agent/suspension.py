"""What is not to be changed for now, because somebody said so. Values only; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

SUSPENDED = "Suspended"  # the code of what is held for it


@dataclass(frozen=True)
class Suspension:
    """Why, by whom, and until when; without an end it lasts until it is resumed."""

    reason: str
    by: str = ""
    until: float | None = None

    def __str__(self) -> str:
        """As in "suspended by anna until 2026-11-26 14:05 UTC: migrates the database"."""
        by = f" by {self.by}" if self.by else ""
        until = f" until {datetime.fromtimestamp(self.until, UTC):%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"suspended{by}{until}: {self.reason}"


@dataclass(frozen=True)
class Suspended:
    """What of one stack is not to be changed: the `whole` of it, or some of its services (a lease for each).
    `frozen` is why new content waits, while what runs is put right."""

    whole: Suspension | None = None
    services: Mapping[str, Suspension] = field(default_factory=dict)
    frozen: Suspension | None = None

    def __bool__(self) -> bool:
        return self.whole is not None or self.frozen is not None or bool(self.services)


NOTHING = Suspended()
