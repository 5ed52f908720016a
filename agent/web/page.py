"""The status page: one document without scripts, made from an overview."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.model import Health
from agent.printable import capped
from agent.telemetry.overview import OTHER_SOURCE, Overview, Sync


class Badge(NamedTuple):
    """How a state is shown: a word and an icon always, the colour, by the class's name, third."""

    word: str
    icon: str
    look: str


SYNC_BADGES = {
    Sync.SYNCED: Badge("synced", "✔", "good"),
    Sync.OUT_OF_SYNC: Badge("out of sync", "!", "warn"),
    Sync.UNKNOWN: Badge("unknown", "?", "unknown"),
}
HEALTH_BADGES = {
    Health.HEALTHY: Badge("healthy", "✔", "good"),
    Health.PROGRESSING: Badge("progressing", "…", "busy"),
    Health.DEGRADED: Badge("degraded", "✗", "bad"),
    Health.SUSPENDED: Badge("suspended", "‖", "rest"),
    Health.MISSING: Badge("missing", "○", "gone"),
    Health.UNKNOWN: Badge("unknown", "?", "unknown"),
}
_STEPS = ((86400, "day"), (3600, "hour"), (60, "min"), (1, "s"))


class Page:
    """Renders overviews. Whatever text they hold is escaped."""

    def __init__(self) -> None:
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= {"moment": moment, "visible": _visible}
        self._template = environment.get_template("index.html")

    def render(self, overview: Overview, now: float) -> str:
        """The document; `now` is seconds since the epoch."""
        bad = sorted((stack for stack in overview.stacks if stack.failure), key=lambda stack: stack.waits)
        return self._template.render(
            overview=overview,
            now=now,
            ago=lambda then: ago(now - then),
            until=lambda then: span(max(0.0, then - now)),
            sync=SYNC_BADGES,
            health=HEALTH_BADGES,
            failed=bad[0] if bad else None,
            other_source=f"{OTHER_SOURCE[:1].upper()}{OTHER_SOURCE[1:]}",
            synced=sum(stack.sync is Sync.SYNCED for stack in overview.stacks),
            healthy=sum(stack.health is Health.HEALTHY for stack in overview.stacks),
        )


def span(seconds: float) -> str:
    """A length of time in its largest unit: "2 min", "6 days"."""
    for size, unit in _STEPS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 and unit in ('day', 'hour') else ''}"
    return "0 s"


def ago(seconds: float) -> str:
    """How long it has been; a clock that was set back gives "now", not the future."""
    return f"{span(seconds)} ago" if seconds >= 1 else "now"


def moment(seconds: float) -> str:
    """The time as a machine reads it, or "" where no calendar goes."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return ""


def _visible(text: str) -> str:
    """The text, in its lines, without marks that turn the direction of reading or hide what stands there."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in capped(text))
