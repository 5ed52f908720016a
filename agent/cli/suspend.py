"""`suspend` and `resume`: have the agent leave a stack, a service or the whole host as it is, for a while."""

from __future__ import annotations

import time
from typing import Any

import click

from agent.cli.agents import UNREADABLE, Lasting, must_be, read_overview
from agent.cli.errors import Exit, NoAgent
from agent.cli.frame import Command, Session, write_json
from agent.cli.text import clean, span
from agent.directives import HOST
from agent.errors import Refused
from agent.suspension import Suspension

_WHAT = click.argument("what", required=False, metavar="[STACK|STACK/SERVICE]")
_FORMATS = ("text", "json")
UNSAID = "no reason given"


@click.command(cls=Command, formats=_FORMATS, exits=(Exit.SETTINGS,))
@_WHAT
@click.option("--all", "whole", is_flag=True, help="The whole host.")
@click.option("--reason", default=UNSAID, metavar="TEXT", help="Why, for whoever meets it in the status.")
@click.option(
    "--for", "lasting", type=Lasting(), metavar="TIME", help="For how long, as in 30m or 2h; else until resume."
)
@click.pass_obj
def suspend(session: Session, what: str | None, whole: bool, reason: str, lasting: float | None) -> int:
    """Have the agent change nothing of a stack, of one service, or of the whole host.

    It goes on looking: plan, drift and status show what would be done. A service that is stopped by hand stays stopped,
    and the others of its stack go on. It is heeded at once, and steps under way are ended first.
    """
    about = _about(session, what, whole)
    until = time.time() + lasting if lasting else None
    session.parts.directives(session.target()).suspend(about, reason, until)
    ends = f"for {span(lasting)}" if lasting else "until it is resumed"
    word = "--all" if about == HOST else about
    _tell(session, [f"{_named(about)} is suspended {ends}. To end it: windlass resume {clean(word)}"])
    return Exit.DONE


@click.command(cls=Command, formats=_FORMATS, exits=(Exit.SETTINGS,))
@_WHAT
@click.option("--all", "whole", is_flag=True, help="All that is suspended on this host.")
@click.pass_obj
def resume(session: Session, what: str | None, whole: bool) -> int:
    """End what was suspended, and have what is not as it should be put right at once.

    With a stack, that of its services is ended as well; with --all, everything.
    """
    directives = session.parts.directives(session.target())
    about = what if what and what in directives.now().suspended else _about(session, what, whole)
    ended = directives.resume(about)
    lines = [f"{_named(one)} is resumed." for one in ended] or ["Nothing of it was suspended."]
    holds = directives.now().suspended
    lines += [
        f"{_named(one)} is still suspended: {clean(holds[one].reason)}"
        for one in (HOST, about.partition("/")[0])
        if one in holds
    ]
    _tell(session, lines)
    return Exit.DONE


def _about(session: Session, what: str | None, whole: bool) -> str:
    """What is meant. Raises `click.UsageError` where that is not clear, or there is no such thing."""
    if bool(what) == whole:
        raise click.UsageError("say either STACK or STACK/SERVICE, or --all for the whole host.")
    if what is None:
        return HOST
    stack, slash, service = what.partition("/")
    known = _known(session)
    if known:
        must_be(stack, known, "stack")
        if slash and known[stack]:
            must_be(service, known[stack], f"service in {clean(stack)}")
    if not stack or (slash and not service):
        raise click.UsageError(f"{clean(what)!r} is neither STACK nor STACK/SERVICE.")
    return what


def _known(session: Session) -> dict[str, tuple[str, ...]]:
    """The stacks that the agent knows, each with its services as far as they were seen. None where it knows nothing."""
    try:
        overview = read_overview(session.parts, session.target())
    except NoAgent:
        session.note(["note: no agent has run with this state directory yet; the next one that does will heed this"])
        return {}
    except Refused as unreadable:
        if unreadable.reason != UNREADABLE:
            raise
        session.note([f"note: {clean(unreadable.message)}"])
        return {}
    return {stack.name: stack.services.names for stack in overview.stacks}


def _named(about: str) -> str:
    if about == HOST:
        return "The whole host"
    return f"{'Service' if '/' in about else 'Stack'} {clean(about)}"


def _tell(session: Session, lines: list[str]) -> None:
    if session.output == "json":
        holds = session.parts.directives(session.target()).now().suspended
        write_json({"format": "1", "suspended": [_document(*one) for one in sorted(holds.items())]})
    elif not session.quiet:
        click.echo("\n".join(lines))


def _document(what: str, why: Suspension) -> dict[str, Any]:
    """One suspension for scripts; times are seconds since the epoch. The whole host has the name "*"."""
    return {"what": what, "reason": why.reason, "by": why.by, "until": why.until}
