"""`approve`: let go what would otherwise be taken for a mistake."""

from __future__ import annotations

import re
import time

import click

from agent.cli.agents import Lasting, read_overview
from agent.cli.errors import Exit, NoAgent
from agent.cli.frame import Command, Session
from agent.cli.text import clean, span
from agent.errors import Refused

_HASH = re.compile(r"[0-9a-f]{12}")
_OF_A_PLAN = re.compile(r"[0-9a-f]{8}|[0-9a-f]{64}")


@click.command(cls=Command, exits=(Exit.INVALID, Exit.SETTINGS))
@click.argument("removals", metavar="HASH")
@click.option(
    "--for", "lasting", type=Lasting(), default="1h", show_default=True, metavar="TIME", help="For how long it holds."
)
@click.pass_obj
def approve(session: Session, removals: str, lasting: float) -> int:
    """Approve the removals that are held with this hash, and no others.

    A plan that would remove more than one service and more than a quarter of all, or everything, is held until
    somebody says that it is meant. What to type stands beside what is held, in the plan and in the status. The hash is
    that of just these services: once more is to go, it is another one. The hash of a plan ("Plan 3f9c1a2b") stands for
    what is held in it, where `windlass plan` says the same here and now.
    """
    if _OF_A_PLAN.fullmatch(removals):
        removals = _held_in(session, removals)
    if not _HASH.fullmatch(removals):
        raise click.UsageError(f"{clean(removals)!r} is no hash of removals: it has 12 digits, as the plan shows it.")
    session.parts.directives(session.target()).approve(removals, time.time() + lasting)
    if not _is_held(session, removals):
        session.note(["note: the agent holds nothing with this hash now; it is heeded for what comes"])
    if not session.quiet:
        click.echo(f"Approved for {span(lasting)}.")
    return Exit.DONE


def _held_in(session: Session, plan: str) -> str:
    """The hash of the removals that are held in the plan with this hash, which is made again. Raises `Refused`
    (`PlanStale`) where that is another one by now, and `click.UsageError` where nothing is held in it."""
    from agent.cli.plans import approvals

    planned = session.parts.plan(session.target())
    if not planned.hash.startswith(plan):
        raise Refused(
            f"the plan is not {plan} here and now, but {planned.hash[:8]}: look at it again with `windlass plan`, and"
            " approve what it says where it is the plan of other files",
            reason="PlanStale",
        )
    removals = approvals(planned.plan)
    if not removals:
        raise click.UsageError(f"plan {plan} holds no removals that wait to be approved.")
    return min(removals)


def _is_held(session: Session, removals: str) -> bool:
    """Whether the agent says that something with this hash is held; true where there is no agent to ask."""
    try:
        overview = read_overview(session.parts, session.target())
    except NoAgent:
        return True
    said = [held.reason for stack in overview.stacks for held in stack.held]
    said += [overview.source.failure.message] if overview.source.failure else []
    return any(removals in text for text in said)
