"""`history`: the runs that changed something or failed to, from what the agent wrote down."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.text import clean, columns, failure_lines, moment, span, value_text
from agent.errors import Trouble
from agent.model import Cause, Revision

if TYPE_CHECKING:
    from agent.store import Run, RunChange
    from agent.store.runs import RunCommit

_RESULTS = {
    "success": ("✔", "green"),
    "noop": ("!", "magenta"),  # all that was to do is held
    "error": ("✗", "red"),
    "running": ("…", "blue"),
    "interrupted": ("!", "yellow"),
    "replaced": ("!", "yellow"),
    "skipped": ("!", "yellow"),
    "missed": ("!", "yellow"),
}
_STATUSES = {"done": ("✔", "green"), "failed": ("✗", "red"), "held": ("!", "magenta")}
_TITLES = ("WHEN", "RUN", "STACK", "REVISION", "TRIGGER", "RESULT", "CHANGES", "TOOK", "MESSAGE")


@click.command(cls=Command, formats=("text", "json"), exits=(Exit.NO_AGENT, Exit.SETTINGS))
@click.argument("stack", required=False, metavar="[STACK]")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@click.option("--show", metavar="RUN", help="All about one run: its steps, their fields, and what went wrong.")
@click.pass_obj
def history(session: Session, stack: str | None, limit: int, show: str | None) -> int:
    """Show what the agent did, and what came of it.

    The newest runs first, of STACK or of all stacks. A run that found nothing to do is not kept.
    """
    records = session.parts.records(session.target())
    runs = records.history(stack, limit) if show is None else records.show(show)
    if show is not None and not runs:
        raise Trouble(f"there is no run {show!r}: `windlass history` lists those that are kept", reason="NoSuchRun")
    if session.output == "json":
        write_json({"format": "1", "runs": [run.document() for run in runs]})
    elif show is not None:
        click.echo("\n\n".join("\n".join(run_lines(run)) for run in runs))
    elif runs:
        for line in columns([_TITLES, *map(_row, runs)]):
            click.echo(line)
    else:
        session.note([f"No runs of stack {clean(stack)} are kept." if stack else "No runs are kept."])
    return Exit.DONE


def _row(run: Run) -> tuple[str, ...]:
    message = run.failure.message.splitlines()[0] if run.failure and run.failure.message else _why(run)
    return (
        moment(run.started),
        str(run.sequence),
        clean(run.stack) or "-",
        clean(run.short) or "-",
        clean(run.trigger),
        _result(run),
        _tally(run),
        span(run.seconds),
        clean(message),
    )


def _why(run: Run) -> str:
    """What it was about: the commit, told in full where the run is at a later one, or what moved besides commits."""
    if run.commit:
        return run.subject if run.commit.id == run.revision else str(run.commit)
    done = [change for change in run.changes if change.action != "hold"]
    if not done or any(change.cause == Cause.COMMIT for change in done):
        return run.subject
    return f"{done[0].cause}: {done[0].reason}"


def _result(run: Run) -> str:
    icon, color = _RESULTS.get(run.result, ("?", "bright_black"))
    times = f" ×{run.repeats + 1}" if run.repeats else ""
    return f"{click.style(icon, fg=color)} {clean(run.result)}{times}"


def _tally(run: Run) -> str:
    """ "1 create, 2 replace": the steps that were planned, what is held left out."""
    actions = Counter(change.action for change in run.changes if change.action != "hold")
    return ", ".join(f"{number} {clean(action)}" for action, number in actions.items()) or "-"


def run_lines(run: Run) -> list[str]:
    """One run in full."""
    revision = Revision(run.revision, run.subject, run.author)
    facts = [
        ("Run", f"{run.sequence} ({clean(run.run_id)})"),
        ("Stack", clean(run.stack) or "-"),
        ("Revision", clean(str(revision)) if run.revision else "-"),
        ("Trigger", clean(run.trigger)),
        ("Result", f"{_result(run)} after {span(run.seconds)}"),
        ("Started", moment(run.started)),
    ]
    if run.commit and run.commit.id != run.revision:
        facts.insert(3, ("Because of", clean(str(run.commit))))
    facts += [("Skipped" if one is run.skipped[0] else "", clean(str(one))) for one in run.skipped]
    if run.repeats:
        facts.append(("Last", f"{moment(run.ended)}, the same {run.repeats + 1} times"))
    lines = columns(facts)
    steps = [line for change in run.changes for line in _change_lines(change, run.commit)]
    lines += ["", *steps] if steps else []
    return lines + _failure_lines(run)


def _change_lines(change: RunChange, commit: RunCommit | None) -> list[str]:
    icon, color = _STATUSES.get(change.status, ("·", "yellow"))
    cause = commit if commit and change.cause == Cause.COMMIT else change.cause
    what = f"{change.action} {change.kind} {change.name}: {cause}: {change.reason}"
    ended = span(change.seconds) if change.status == "done" else f"{change.status} {change.detail}".rstrip()
    lines = [f"{click.style(icon, fg=color)} {clean(what)} ({clean(ended)})"]
    rows = [(clean(field.path), f"{value_text(field.before)} → {value_text(field.after)}") for field in change.fields]
    rows += [("made from", clean(change.image))] if change.image else []
    return lines + [f"    {line}" for line in (columns(rows) if rows else [])]


def _failure_lines(run: Run) -> list[str]:
    if run.failure is None:
        return []
    if run.failure.problems:
        return ["", *map(clean, run.failure.problems)]
    return ["", *failure_lines("Error:", run.failure.message, run.failure.reason)]
