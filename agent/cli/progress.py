"""What is happening, while `apply` works: one line for each change of state, or a live region on a terminal.

Both are told by whichever thread has news, so both take a lock. Neither may end the work: where stderr has gone away
they fall silent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from agent.cli.needs import Pulling
from agent.cli.text import clean, pad, span
from agent.converge import Ended, Event, Resting, Started, Waiting
from agent.kind_names import IMAGE
from agent.model import Action, Change, Key, Outcome, Requirement, Status
from agent.stand_ins import ignore

if TYPE_CHECKING:
    from rich.console import RenderableType

WAIT_STEP = 15.0  # seconds between two lines about the same wait
_ICONS = {
    Status.DONE: ("✔", "green"),
    Status.FAILED: ("✗", "red"),
    Status.OVERTAKEN: ("↻", "yellow"),
    Status.SKIPPED: ("·", "yellow"),
    Status.HELD: ("!", "magenta"),
}
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
Listener = Callable[[Event | Pulling], None]


def listener(*, quiet: bool, live: bool) -> AbstractContextManager[Listener]:
    """Whoever is to hear the events, for as long as the context lasts."""
    if quiet:
        return Silence()
    return Live() if live else Lines()


def outcome_line(outcome: Outcome) -> str:
    """How a step ended: its mark, what it was, its seconds, and why it came to nothing."""
    icon, color = _ICONS[outcome.status]
    words = f"{click.style(icon, fg=color)} {change_text(outcome.change)}"
    if outcome.status is Status.DONE:
        remark = f"   {clean(outcome.detail)}" if outcome.detail else ""
        return f"{words}   {span(outcome.seconds)}{remark}"
    return f"{words}   {outcome.status}: {clean(outcome.detail)}" if outcome.detail else f"{words}   {outcome.status}"


def change_text(change: Change) -> str:
    return f"{pad(change.action, 7)} {pad(change.key.kind, 9)} {clean(change.key.name)}"


def resting_text(detail: str, seconds: float) -> str:
    """What a step waits for while it is carried out, and for how many seconds already."""
    return f"until it is good: {detail}, {span(seconds)}"


def waiting_text(requirement: Requirement, detail: str, seconds: float) -> str:
    """What a step waits for before it begins, and for how many seconds already."""
    more = f": {clean(detail)}" if detail else ""
    return (
        f"until {requirement.key.kind} {clean(requirement.key.name)} is {requirement.condition} ({span(seconds)}){more}"
    )


class Silence:
    """Hears everything and says nothing."""

    def __enter__(self) -> Listener:
        return ignore

    def __exit__(self, *raised: object) -> None:
        """Nothing was begun."""


class Lines:
    """For logs and pipes. A wait is told of once every 15 seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[int, int] = {}  # step → how many lines its wait has had
        self._mute = False

    def __enter__(self) -> Listener:
        return self._hear

    def __exit__(self, *raised: object) -> None:
        self._mute = True

    def _hear(self, event: Event | Pulling) -> None:
        with self._lock:
            match event:
                case Started(change=change):
                    if change.action is not Action.HOLD:
                        self._say(f"… {change_text(change)}")
                case Waiting(change=change, requirement=requirement, detail=detail, seconds=seconds):
                    self._wait(change, waiting_text(requirement, detail, seconds), seconds)
                case Resting(change=change, detail=detail, seconds=seconds):
                    self._wait(change, resting_text(detail, seconds), seconds)
                case Ended(outcome=outcome):
                    self._say(outcome_line(outcome))
                case Pulling():
                    return  # its start and its end are lines of the step itself

    def _wait(self, change: Change, words: str, seconds: float) -> None:
        due = self._told.get(change.number, 0) + 1
        if seconds >= due * WAIT_STEP:
            self._told[change.number] = int(seconds // WAIT_STEP)
            self._say(f"… {change_text(change)}   still waiting {words}")

    def _say(self, line: str) -> None:
        if self._mute:
            return
        try:
            click.echo(line, err=True)
        except OSError:
            self._mute = True  # nobody reads any more; the work goes on


@dataclass(frozen=True)
class _Running:
    """One line of the live region."""

    change: Change
    since: float
    doing: str = ""


class Live:
    """For a terminal: one moving line for each step under way, and what has ended above them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console
        from rich.live import Live as Region

        plain = click.get_current_context().color is False
        console = Console(stderr=True, no_color=plain, highlight=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._region = Region(console=console, get_renderable=self.render, refresh_per_second=8, transient=True)

    def __enter__(self) -> Listener:
        self._region.start()
        return self._hear

    def __exit__(self, *raised: object) -> None:
        self._region.stop()

    def render(self) -> RenderableType:
        """A line for each step under way, cut where it is too long. Called by the region's own thread."""
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            running = sorted(self._running.items())
        now = self._clock()
        frame = _FRAMES[int(now * 8) % len(_FRAMES)]
        lines = (
            f"{frame} {change_text(step.change)}  {span(now - step.since):>6}  {step.doing}" for _, step in running
        )
        return Group(*(Text(line.rstrip(), no_wrap=True, overflow="ellipsis") for line in lines))

    def _hear(self, event: Event | Pulling) -> None:
        match event:
            case Started(change=change):
                self._show(change, "")
            case Waiting(change=change, requirement=requirement, detail=detail, seconds=seconds):
                self._show(change, f"waiting {waiting_text(requirement, detail, seconds)}")
            case Resting(change=change, detail=detail, seconds=seconds):
                self._show(change, f"waiting {resting_text(detail, seconds)}")
            case Ended(outcome=outcome):
                self._end(outcome)
            case Pulling(reference=reference, done=done, total=total):
                self._pull(reference, f"{_megabytes(done)} of {_megabytes(total)} MB" if total else "")

    def _show(self, change: Change, doing: str) -> None:
        if change.action is Action.HOLD:
            return
        with self._lock:
            before = self._running.get(change.number)
            self._running[change.number] = _Running(change, before.since if before else self._clock(), doing)

    def _pull(self, reference: str, doing: str) -> None:
        with self._lock:
            for number, running in self._running.items():
                if running.change.key == Key(IMAGE, reference):
                    self._running[number] = replace(running, doing=doing)

    def _end(self, outcome: Outcome) -> None:
        from rich.text import Text

        with self._lock:
            self._running.pop(outcome.change.number, None)
        self._region.refresh()
        self._region.console.print(Text.from_ansi(outcome_line(outcome)), soft_wrap=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
