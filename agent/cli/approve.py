"""`approve`: let go what would otherwise be taken for a mistake."""

from __future__ import annotations

import re
import time

import click

from agent.cli.errors import Exit, NoAgent
from agent.cli.frame import Command, Session
from agent.cli.suspend import Lasting
from agent.cli.text import clean, span

_HASH = re.compile(r"[0-9a-f]{12}")
_OF_A_PLAN = re.compile(r"[0-9a-f]{8}|[0-9a-f]{64}")


@click.command(cls=Command, exits=(Exit.SETTINGS,))
@click.argument("removals", metavar="REMOVALS")
@click.option(
    "--for", "lasting", type=Lasting(), default="1h", show_default=True, metavar="TIME", help="For how long it holds."
)
@click.pass_obj
def approve(session: Session, removals: str, lasting: float) -> int:
    """Approve the removals that are held with this hash, and no others.

    A plan that would remove more than one service and more than a quarter of all, or everything, is held until
    somebody says that it is meant. What to type stands beside what is held, in the plan and in the status. The hash is
    that of just these services, and not that of the plan: once more is to go, it is another one.
    """
    if _OF_A_PLAN.fullmatch(removals):
        raise click.UsageError(
            f"{removals} is the hash of a plan: type the one of 12 digits that stands beside what is held, behind"
            " `windlass approve`."
        )
    if not _HASH.fullmatch(removals):
        raise click.UsageError(f"{clean(removals)!r} is no hash of removals: it has 12 digits, as the plan shows it.")
    session.parts.directives(session.target()).approve(removals, time.time() + lasting)
    if not _is_held(session, removals):
        session.note(["note: the agent holds nothing with this hash now; it is heeded for what comes"])
    if not session.quiet:
        click.echo(f"Approved for {span(lasting)}.")
    return Exit.DONE


def _is_held(session: Session, removals: str) -> bool:
    """Whether the agent says that something with this hash is held; true where there is no agent to ask."""
    from agent.telemetry.overview import Overview

    try:
        document = session.parts.records(session.target()).overview()
    except NoAgent:
        return True
    if document is None:
        return True
    overview = Overview.from_document(document)
    said = [held.reason for stack in overview.stacks for held in stack.held]
    said += [overview.source.failure.message] if overview.source.failure else []
    return any(removals in text for text in said)
