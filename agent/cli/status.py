"""`status`: how the agent of this host and its stacks fare, from what the agent last wrote down."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from agent.cli.agents import must_be, overview_of, read_document
from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.text import ago, clean, columns, pad, span, width
from agent.model import Revision

if TYPE_CHECKING:
    from agent.telemetry.overview import (
        EngineStatus,
        FailureStatus,
        JobStatus,
        Overview,
        RevisionStatus,
        SourceStatus,
        StackStatus,
    )

LATE = 300.0  # seconds past the time of its next look after which an agent is taken for gone

_SYNC = {"synced": ("✔", "green"), "out of sync": ("!", "yellow"), "unknown": ("?", "bright_black")}
_HEALTH = {
    "healthy": ("✔", "green"),
    "progressing": ("…", "blue"),
    "degraded": ("✗", "red"),
    "suspended": ("‖", "magenta"),
    "missing": ("○", "yellow"),
    "unknown": ("?", "bright_black"),
}
_JOB_RESULTS = {
    "succeeded": ("✔", "green"),
    "failed": ("✗", "red"),
    "timeout": ("✗", "red"),
    "running": ("…", "blue"),
    "never ran": ("○", "bright_black"),
}
_JOB_TITLES = ("JOB", "SCHEDULE", "LAST", "RESULT", "TOOK", "NEXT")
_TITLES = ("STACK", "SYNC", "HEALTH", "REVISION", "SERVICES", "CHANGED", "MESSAGE")


@click.command(
    cls=Command, formats=("text", "json"), exits=(Exit.PENDING, Exit.UNHEALTHY, Exit.NO_AGENT, Exit.SETTINGS)
)
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option(
    "--exit-code",
    is_flag=True,
    help="End with 2 when a stack is not synced, with 3 when one is not healthy, with 6 when the agent is overdue.",
)
@click.pass_obj
def status(session: Session, stacks: tuple[str, ...], exit_code: bool) -> int:
    """Show how the agent of this host and its stacks fare, or those that are named.

    Reads what the agent last wrote down, so it answers while the agent, the engine or the network is away.
    """
    document = read_document(session.parts, session.target())
    overview, now = overview_of(document), time.time()
    for name in stacks:
        must_be(name, [stack.name for stack in overview.stacks], "stack")
    overview = only(overview, stacks)
    if session.output == "json":
        write_json(overview.document() if stacks else document)
    else:
        for line in status_lines(overview, now, verbose=session.verbose):
            click.echo(line)
    if late := overdue(overview, now):
        session.note([f"warning: the agent should have looked again {span(late)} ago: is it running?"])
    return verdict(overview, late=bool(late)) if exit_code else Exit.DONE


def only(overview: Overview, stacks: tuple[str, ...]) -> Overview:
    """As far as it is about these, or all of it."""
    return replace(overview, stacks=tuple(one for one in overview.stacks if one.name in stacks)) if stacks else overview


def overdue(overview: Overview, now: float) -> float:
    """For how many seconds nothing was heard of the agent though it should have been; 0 while it is in time."""
    late = now - overview.source.next_at if overview.source.next_at is not None else 0.0
    return late if late > LATE else 0.0


def verdict(overview: Overview, *, late: bool) -> Exit:
    """The worst that there is to say, for scripts."""
    if late:
        return Exit.NO_AGENT
    if overview.source.failure or any(stack.sync != "synced" for stack in overview.stacks):
        return Exit.PENDING
    if any(stack.health not in {"healthy", "suspended"} for stack in overview.stacks):
        return Exit.UNHEALTHY
    return Exit.DONE


def status_lines(overview: Overview, now: float, *, verbose: bool = False) -> list[str]:
    """The status for people; `now` is seconds since the epoch."""
    lines = [*_head_lines(overview, now), ""]
    if not overview.stacks:
        return [*lines, "No stacks."]
    lines += columns([_TITLES, *(_row(stack, now) for stack in overview.stacks)])
    lines += _job_lines(overview, now)
    if verbose:
        for stack in overview.stacks:
            lines += _more_lines(stack)
    return lines


def _head_lines(overview: Overview, now: float) -> list[str]:
    from agent.telemetry.overview import OTHER_SOURCE

    source = overview.source
    first = max(width(clean(overview.host)), width(clean(overview.version)))
    next_look = f"   Next  {_until(source.next_at, now)}" if source.next_at is not None else ""
    lines = [
        f"Host   {pad(clean(overview.host), first)}   Source  {_source_text(source, now)}",
        f"Agent  {pad(clean(overview.version), first)}   Mode    {clean(overview.mode)}{next_look}",
    ]
    lines += _failure_line("Source", source.failure)
    lines += _failure_line("Watch", source.watch)
    lines += _failure_line("HTTP", overview.http.failure)
    for failure in overview.state.values():
        lines += _failure_line("State", failure)
    if overview.elsewhere:
        lines.append(f"Others {click.style('!', fg='magenta')} {clean(', '.join(overview.elsewhere))}: {OTHER_SOURCE}")
    lines += [_engine_line(overview.engine)] if overview.engine.version or overview.engine.failure else []
    return lines


def _source_text(source: SourceStatus, now: float) -> str:
    where = clean(source.url) + (f" {clean(source.path)}" if source.path not in {"", "."} else "")
    at = f"@{source.revision.short}" if source.revision else ""
    fetched = f"fetched {ago(source.fetched_at, now)}" if source.fetched_at is not None else "never fetched"
    return "  ".join(filter(None, (where, clean(f"{source.ref}{at}"), f"({fetched})")))


def _until(then: float, now: float) -> str:
    return f"in {span(round(then - now))}" if then - now >= 1 else "now"


def _engine_line(engine: EngineStatus) -> str:
    if engine.failure or not engine.up:
        said = f"{clean(engine.failure.message)} ({engine.failure.reason})" if engine.failure else "does not answer"
        return f"Engine {click.style('✗', fg='red')} {said}"
    return f"Engine {clean(engine.version)} (API {clean(engine.api)})"


def _failure_line(title: str, failure: FailureStatus | None) -> Iterable[str]:
    if failure is None:
        return []
    first = (failure.message.splitlines() or [""])[0]
    more = len(failure.problems) - 1
    rest = f", and {more} more" if more > 0 else ""
    return [f"{title} {click.style('✗', fg='red')} {clean(first)} ({clean(failure.reason)}){rest}"]


def _row(stack: StackStatus, now: float) -> tuple[str, ...]:
    return (
        clean(stack.name),
        _word(_SYNC, stack.sync),
        _word(_HEALTH, stack.health),
        _short(stack.revision),
        f"{stack.services.ready}/{stack.services.desired}",
        ago(stack.changed_at, now) if stack.changed_at is not None else "-",
        clean(stack.message),
    )


def _job_lines(overview: Overview, now: float) -> list[str]:
    rows = [_job_row(stack.name, job, now) for stack in overview.stacks for job in stack.jobs]
    return ["", *columns([_JOB_TITLES, *rows])] if rows else []


def _job_row(stack: str, job: JobStatus, now: float) -> tuple[str, ...]:
    began, ended = job.began_at, job.ended_at
    word = job.result or ("running" if began is not None else "never ran")
    code = f", exit code {job.exit_code}" if job.exit_code else ""
    icon, color = _JOB_RESULTS.get(word, ("?", "bright_black"))
    return (
        clean(f"{stack}/{job.service}"),
        clean(" ".join(filter(None, (job.cron, job.zone)))),
        ago(began, now) if began is not None else "-",
        f"{click.style(icon, fg=color)} {word}{code}",
        span(ended - began) if began is not None and ended is not None else "-",
        _until(job.next_at, now) if job.next_at is not None else "-",
    )


def _short(revision: RevisionStatus | None) -> str:
    return clean(revision.short) if revision else "-"


def _revision(revision: RevisionStatus) -> str:
    return clean(str(Revision(revision.id, revision.subject, revision.author)))


def _word(words: dict[str, tuple[str, str]], state: str) -> str:
    """The icon and the word: a colour never says anything alone."""
    icon, color = words.get(state, ("?", "bright_black"))
    return f"{click.style(icon, fg=color)} {clean(state)}"


def _more_lines(stack: StackStatus) -> list[str]:
    """What the table has no room for: every mistake, the commit that last brought something, every step that is held,
    and the images that run."""
    lines = [
        f"  {clean(problem.file)}:{problem.line}:{problem.column}: "
        + clean(": ".join(filter(None, (problem.path, problem.message))))
        for problem in (stack.failure.problems if stack.failure else ())
    ]
    lines += [f"  changed by {_revision(stack.commit)}"] if stack.commit else []
    lines += [f"  ! {clean(held.kind)} {clean(held.name)}: {clean(held.reason)}" for held in stack.held]
    runs = [(f"  {clean(name)}", clean(one.digest or one.id)) for name, of in stack.images.items() for one in of]
    lines += columns(runs) if runs else []
    return ["", click.style(f"stack {clean(stack.name)}", bold=True), *lines] if lines else []
