"""`sync`: have the agent of this host look at once, and wait for it if that is wanted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from agent.cli.agents import Lasting, must_be, read_overview
from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.status import only, overdue, status_lines, verdict
from agent.cli.text import span
from agent.directives import HOST
from agent.errors import Unreachable

if TYPE_CHECKING:
    from agent.telemetry.overview import Overview

POLL = 0.2  # seconds between two looks at what the agent wrote down
_WAIT = (
    "Until that is done, also in stacks that wait for others, as long as these get on; then end as `status --exit-code`"
    " does."
)
_EXITS = (Exit.PENDING, Exit.UNHEALTHY, Exit.NO_AGENT, Exit.SETTINGS)


@click.command(cls=Command, formats=("text", "json"), exits=_EXITS)
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--hard", is_flag=True, help="Rely on nothing that was seen before: ask the engine for all of it.")
@click.option("--wait", is_flag=True, help=_WAIT)
@click.option(
    "--timeout", type=Lasting(), default="10m", show_default=True, metavar="TIME", help="For how long to wait at most."
)
@click.pass_obj
def sync(session: Session, stacks: tuple[str, ...], hard: bool, wait: bool, timeout: float) -> int:
    """Have the agent of this host ask the source and look at its stacks now, or at those that are named.

    What was given up is tried again, and nothing that is backed off from is waited for: as SIGHUP does it.
    """
    overview = read_overview(session.parts, session.target())
    for name in stacks:
        must_be(name, [stack.name for stack in overview.stacks], "stack")
    if late := overdue(overview, time.time()):
        session.note([f"warning: the agent should have looked again {span(late)} ago: is it running?"])
    at = session.parts.directives(session.target()).ask(stacks or (HOST,), hard=hard, answered=overview.answered)
    if not wait:
        if session.output == "json":
            write_json({"format": "1", "asked": at})
        elif not session.quiet:
            click.echo("The agent is asked to look at once.")
        return Exit.DONE
    overview = only(_answered(session, at, timeout), stacks)
    _tell(session, overview)
    return verdict(overview, late=False)


def _answered(session: Session, at: float, timeout: float) -> Overview:
    """How things stand once what was asked has been done. Raises `Unreachable` where it is not in time."""
    until = time.monotonic() + timeout
    while (overview := read_overview(session.parts, session.target())).answered < at:
        if time.monotonic() >= until:
            raise Unreachable(
                f"the agent has not done what was asked within {span(timeout)}: is it running? `windlass status` says"
                " what it is at; what was asked stays asked",
                reason="SyncTimeout",
            )
        time.sleep(POLL)
    return overview


def _tell(session: Session, overview: Overview) -> None:
    if session.output == "json":
        write_json(overview.document())
    elif not session.quiet:
        click.echo("\n".join(status_lines(overview, time.time(), verbose=session.verbose)))
