"""`plan` and `apply`: what would have to be done to the host, and doing it once."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import click

from agent.cli.agents import Lasting
from agent.cli.documents import applied_document, plan_document
from agent.cli.errors import Exit, IsSuspended
from agent.cli.frame import Command, Session, write_json
from agent.cli.needs import Applied, Patience, Planned
from agent.cli.planfiles import PlanFile, found, read, write
from agent.cli.plans import approvals, differs, plan_lines
from agent.cli.targets import ALL, PATH, Part, Revision, names_a_stack, reads_a_revision, takes_a_part, target, words
from agent.cli.text import clean, count, failure_lines, problem_lines, span
from agent.model import Action, Health, Report, Status
from agent.stand_ins import ignore
from agent.target import OneStack

if TYPE_CHECKING:
    from agent.going_back import TakenBack

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_WELL_SO_FAR = frozenset({Health.HEALTHY, Health.SUSPENDED, Health.PROGRESSING})
_ARGUMENT = click.argument("path", required=False, type=PATH, metavar="[PATH]")


@click.command(cls=Command, formats=("text", "json"), exits=(Exit.PENDING, Exit.INVALID, Exit.SETTINGS))
@_ARGUMENT
@names_a_stack
@reads_a_revision
@takes_a_part
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there is something to do.")
@click.option(
    "--out",
    type=PlanFile(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the plan down, for `windlass apply FILE`.",
)
@click.pass_obj
def plan(
    session: Session,
    path: Path | None,
    one: OneStack | None,
    revision: Revision,
    part: Part,
    *,
    detailed_exitcode: bool,
    out: Path | None,
) -> int:
    """Show what would be done to this host, and why. Nothing is changed.

    With a repository's root, what an apply of it made for a stack that is there no more is removed, but for data.
    A plan that is written down with --out holds no value of a secret, and is for this host alone. With --rev the
    repository that PATH is in is only read: what is not there has to be fetched first, or is fetched with --repo.

    PATH is a compose file, a stack's directory or a repository's root; the current directory by default. With -f, -p
    and the options beside them it is one stack instead, named as for docker compose.
    """
    planned = session.parts.plan(target(session, path, one, revision, part))
    _warn(session, planned)
    session.note(f"note: stack {clean(name)} is {clean(str(why))}" for name, why in planned.suspended.items())
    session.note(
        f"note: a freeze window is open for stack {clean(name)} ({clean(why.reason)}): the agent waits with new content"
        for name, why in planned.frozen.items()
    )
    if out:
        write(out, planned.artefact)
    if session.output == "json":
        write_json(plan_document(planned))
    else:
        _print_plan(session, planned)
        for removals in sorted(approvals(planned.plan)):
            click.echo(f"Let go what is held, if it is meant, with: windlass approve {removals}")
        if planned.plan.pending:
            named = words(one) if one and not out else shlex.join(map(str, filter(None, [out or path])))
            click.echo(_advice(clean(named), by_file=(any(revision) or part != ALL) and not out))
    return Exit.PENDING if detailed_exitcode and differs(planned.plan) else Exit.DONE


@click.command(cls=Command, formats=("text", "json"), exits=(Exit.UNHEALTHY, Exit.INVALID, Exit.LOCKED, Exit.SETTINGS))
@_ARGUMENT
@names_a_stack
@takes_a_part
@click.option("--plan", "plan_file", type=_FILE, metavar="FILE", help="Carry out the plan in this file.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait for what was started to be healthy.")
@click.option("--timeout", type=Lasting(), metavar="TIME", help="For how long to wait at most, if not for all checks.")
@click.option(
    "--on-failure",
    type=click.Choice(["rollback", "keep"]),
    default="rollback",
    show_default=True,
    help="What becomes of a stack whose new content does not become good.",
)
@click.pass_obj
def apply(
    session: Session,
    path: Path | None,
    one: OneStack | None,
    part: Part,
    *,
    plan_file: Path | None,
    yes: bool,
    wait: bool,
    timeout: float | None,
    on_failure: str,
) -> int:
    """Make this host what the files say, once.

    Shows the plan, asks, carries it out, and waits for what was started to be healthy. A stack whose new content does
    not become good is taken back as a whole to the commit at which it was last good, where one is known, or with
    --on-failure keep is left as it came out. With --no-wait only what shows at once counts. The first Ctrl-C lets the
    steps under way end, the second ends at once. PATH is a compose file, a stack's directory or a repository's root;
    the current directory by default. With -f, -p and the options beside them it is one stack instead, named as for
    docker compose.

    PATH may also be a plan that `windlass plan --out FILE` wrote. Then just that plan is carried out, or nothing where
    it would be another one by now: because the files, the host or the settings moved.
    """
    if not yes and not _may_ask():
        raise click.UsageError("nobody is there to be asked: add --yes to apply without asking, or look with `plan`.")
    planned = _planned(session, path, one, part, plan_file)
    _warn(session, planned)
    if planned.suspended:
        raise IsSuspended(planned.suspended)
    asks = bool(planned.plan.pending) and not yes
    if asks or (session.output == "text" and not session.quiet):
        _print_plan(session, planned)
    if asks and not click.confirm("Apply these changes?", err=True, prompt_suffix=" "):
        click.echo("Nothing was changed.", err=True)
        return Exit.FAILED
    with Interruption() as interruption:
        applied = _apply(session, planned, _patience(timeout, on_failure, wait=wait), interruption)
    _tell(session, planned, applied)
    return interruption.code or _exit_of(applied, wait=wait)


def _planned(session: Session, path: Path | None, one: OneStack | None, part: Part, plan_file: Path | None) -> Planned:
    """What is to be applied: of the files, or as it was written down."""
    if plan_file and (path or one):
        raise click.UsageError("a plan says itself which files it is about: leave out what stands beside --plan.")
    written = read(plan_file) if plan_file else found(path) if path and path.is_file() else None
    if written is None:
        return session.parts.plan(target(session, path, one, part=part))
    if part != ALL:
        raise click.UsageError("a plan says itself which stacks it is about: leave out --stack and --prune.")
    if one:
        raise click.UsageError(f"a plan says itself which files it is about: leave out {words(one)}.")
    return session.parts.plan_again(session.target(), written)


def _patience(timeout: float | None, on_failure: str, *, wait: bool) -> Patience:
    seconds = math.inf if timeout is None else timeout
    return Patience(seconds if wait else 0.0, takes_back=on_failure == "rollback")


def _may_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _warn(session: Session, planned: Planned) -> None:
    session.note(problem_lines(planned.warnings, label="warning: "))


def _print_plan(session: Session, planned: Planned) -> None:
    """Where stdout is for JSON alone, whoever is asked reads the plan on stderr."""
    for line in plan_lines(planned, verbose=session.verbose):
        click.echo(line, err=session.output == "json")


def _advice(named: str, *, by_file: bool) -> str:
    if by_file:
        return "Apply it by way of a file: add --out FILE, then windlass apply FILE"
    return f"Apply it with: windlass apply {named}".rstrip()


def _apply(session: Session, planned: Planned, patience: Patience, interruption: Interruption) -> Applied:
    from agent.cli.progress import listener

    if not planned.plan.pending:  # nothing to show; still the host is looked at and its health told
        return session.parts.apply(planned, ignore, lambda: interruption.heard, patience)
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    with listener(quiet=session.quiet, live=live) as on_event:
        return session.parts.apply(planned, on_event, lambda: interruption.heard, patience)


def _exit_of(applied: Applied, *, wait: bool) -> Exit:
    """Where nobody waits, what is on its way to be healthy is well so far."""
    if applied.result == "error" or not applied.synced:
        return Exit.FAILED
    on_its_way = all(report.health in _WELL_SO_FAR for report in applied.reports)
    return Exit.DONE if applied.healthy or (on_its_way and not wait) else Exit.UNHEALTHY


def _tell(session: Session, planned: Planned, applied: Applied) -> None:
    if session.output == "json":
        write_json(applied_document(planned, applied))
    else:
        _print_result(session, planned, applied)


def _print_result(session: Session, planned: Planned, applied: Applied) -> None:
    for report in applied.reports:
        for line in _failure_lines(report):
            click.echo(line, err=True)
        if not applied.healthy:
            session.note(_ailing_lines(report))
    for one in applied.taken_back:
        for line in _taken_back_lines(one, applied):
            click.echo(line, err=True)
    if not session.quiet and planned.plan.pending:
        click.echo(_verdict(planned, applied))


def _failure_lines(report: Report) -> list[str]:
    if report.failure is None:
        return [] if report.synced else _held_lines(report)
    if report.failure.problems:
        return problem_lines(report.failure.problems)
    return failure_lines(f"✗ {clean(report.stack)}:", report.failure.message, report.failure.reason)


def _taken_back_lines(one: TakenBack, applied: Applied) -> list[str]:
    """What became of a stack whose content did not prove good, and why where no report has told it yet."""
    name = clean(one.stack)
    if one.report is None:
        return [f"! {name}: {clean(one.why_not)}"]
    told = any(report.failure for report in applied.reports if report.stack == one.stack)
    why = [] if told else failure_lines(f"✗ {name}:", one.failure.message, one.failure.reason)
    return [*why, f"! {name}: taken back to {clean(str(one.revision))}", *_failure_lines(one.report)]


def _held_lines(report: Report) -> list[str]:
    """Why a stack is not as the source says though nothing failed."""
    held = [change for change in report.plan.changes if change.action is Action.HOLD]
    mark = click.style(f"! {clean(report.stack)}:", fg="magenta")
    return [f"{mark} held: {change.key.kind} {clean(change.key.name)}: {clean(change.reason)}" for change in held]


def _ailing_lines(report: Report) -> list[str]:
    ailing = [state for state in report.services if state.health is not Health.HEALTHY]
    return [
        f"! {clean(report.stack)}/{clean(state.name)}: {state.health}, {state.ready} of {state.desired} ready"
        + (f": {clean(state.detail)}" if state.detail else "")
        for state in ailing
    ]


def _verdict(planned: Planned, applied: Applied) -> str:
    """ "Applied 2 of 3 changes in 8.4 s: 1 failed; 12 unchanged." """
    statuses = [outcome.status for outcome in applied.outcomes if outcome.status is not Status.HELD]
    bad = [
        f"{statuses.count(status)} {status}" for status in Status if status is not Status.DONE and status in statuses
    ]
    pending = len(planned.plan.pending)
    done = statuses.count(Status.DONE)
    share = count(pending, "change") if done == pending else f"{done} of {count(pending, 'change')}"
    trouble = f": {', '.join(bad)}" if bad else ""
    ending = "" if applied.healthy else " Not everything is healthy."
    return f"Applied {share} in {span(applied.seconds)}{trouble}; {planned.plan.unchanged} unchanged.{ending}"


class Interruption:
    """The first SIGINT or SIGTERM asks for an orderly end; for the second the system's default is back in place."""

    def __init__(self) -> None:
        self._signal = 0
        self._before: Sequence[tuple[signal.Signals, Any]] = ()

    @property
    def heard(self) -> bool:
        return bool(self._signal)

    @property
    def code(self) -> int:
        """The exit code of a command that was interrupted, or 0."""
        return 128 + self._signal if self._signal else 0

    def __enter__(self) -> Self:
        self._before = [(number, signal.signal(number, self._hear)) for number in (signal.SIGINT, signal.SIGTERM)]
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a signal handler
        self._signal = number
        for known, _ in self._before:
            signal.signal(known, signal.SIG_DFL)
        # Past every buffer: the signal may have come in the middle of a write to one.
        os.write(2, b"Interrupted: the steps under way are finished. Once more ends at once.\n")
