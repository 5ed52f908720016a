"""What the commands about the agent of this host have in common: what it last wrote down, and how users name things."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import click

from agent.cli.errors import NoAgent
from agent.cli.text import clean
from agent.errors import Refused

if TYPE_CHECKING:
    from agent.cli.needs import Parts
    from agent.target import Target
    from agent.telemetry.overview import Overview

UNREADABLE = "StatusUnreadable"
LONGEST = 100 * 366 * 86400.0  # seconds; an end beyond all calendars could not be read again


class Lasting(click.ParamType[float]):
    """A duration as in the settings, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from agent.settings import duration

        if isinstance(value, float):
            return value
        try:
            seconds = float(duration(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not seconds:
            self.fail(f'"{value}" is over at once.', param, ctx)
        if seconds > LONGEST:
            self.fail(f'"{value}" is more than a hundred years.', param, ctx)
        return seconds


def read_document(parts: Parts, target: Target) -> dict[str, Any]:
    """The overview's JSON form as the agent last wrote it down, with whatever a newer release has in it. Raises
    `NoAgent` where none has."""
    document = parts.records(target).overview()
    if document is None:
        raise NoAgent("its status yet")
    return document


def read_overview(parts: Parts, target: Target) -> Overview:
    """How the agent and its stacks fare, as it last wrote it down. Raises `NoAgent` where none has, and `Refused`
    (`StatusUnreadable`)."""
    return overview_of(read_document(parts, target))


def overview_of(document: Mapping[str, Any]) -> Overview:
    """Raises `Refused` (`StatusUnreadable`) for what another release has other words for."""
    from agent.telemetry.overview import Overview

    try:
        return Overview.from_document(document)
    except ValueError as error:
        said = f"the saved status was written by another release of windlass: {error}; use the agent's own release"
        raise Refused(said, reason=UNREADABLE) from error


def must_be(name: str, known: Collection[str], noun: str) -> None:
    """Raises `click.UsageError` where there is no such thing."""
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {clean(near[0])!r}?" if near else f"known: {', '.join(map(clean, sorted(known)))}."
    raise click.UsageError(f"there is no {noun} named {clean(name)!r}: {advice}")
