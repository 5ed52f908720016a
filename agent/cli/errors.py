"""How every command ends: the exit codes, which of them a trouble means, and what a user reads about it.

`reporting` is the one place where an exception becomes a line and a code. A bug is no trouble: it is not caught but
passes through to `tell_bug`, the process's last hook, which prints one line in place of a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import Any

import click

from agent.cli.text import clean, count, failure_lines, problem_document, problem_lines
from agent.errors import BadManifest, BadSettings, Refused, Trouble
from agent.suspension import Suspension


class Exit(IntEnum):
    """What scripts rely on."""

    DONE = 0
    FAILED = 1
    PENDING = 2
    UNHEALTHY = 3
    INVALID = 4
    LOCKED = 5
    NO_AGENT = 6
    USAGE = 64
    SETTINGS = 78
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})  # of what is written to no file of ours

MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed while doing the work: engine, git, apply",
    Exit.PENDING: "changes are pending (plan --detailed-exitcode, status --exit-code)",
    Exit.UNHEALTHY: "applied, but not everything was healthy in time",
    Exit.INVALID: "the files are invalid",
    Exit.LOCKED: "another run holds the lock, or what is to be changed is suspended",
    Exit.NO_AGENT: "no agent has run on this host",
    Exit.USAGE: "the command line is wrong",
    Exit.SETTINGS: "the agent's settings are wrong",
    Exit.INTERRUPTED: "interrupted (SIGINT)",
    Exit.READER_GONE: "whoever read the output went away (SIGPIPE)",
    Exit.TERMINATED: "terminated (SIGTERM)",
}


class NoAgent(Trouble):
    """There is nothing to be read of an agent; `sought` is what it would have written."""

    def __init__(self, sought: str) -> None:
        super().__init__(
            f"no agent has written {sought} on this host: start one with `windlass run --repo URL`,"
            " or say with --state-dir where it keeps its state (as a service: /var/lib/windlass)",
            reason="NoAgent",
        )


class IsSuspended(Refused):
    """What is to be changed is suspended: nothing was touched. `suspended` are those stacks, and why."""

    def __init__(self, suspended: Mapping[str, Suspension]) -> None:
        said = "; ".join(f"stack {name} is {why}" for name, why in suspended.items())
        ends = " or ".join(f"`windlass resume {name}`" for name in suspended)
        super().__init__(f"{said}. Nothing was changed: end it with {ends} (or --all), then apply", reason="Suspended")


def exit_code(trouble: Trouble) -> Exit:
    """Rooms below the command line tell a lock by the reason alone, so that is looked at first."""
    if trouble.reason in {"Locked", "Suspended"}:
        return Exit.LOCKED
    match trouble:
        case BadManifest():
            return Exit.INVALID
        case BadSettings():
            return Exit.SETTINGS
        case NoAgent():
            return Exit.NO_AGENT
        case _:
            return Exit.FAILED


class Ended(Exception):  # noqa: N818 - an end, and not always an error
    """Raised by `reporting` in place of what it told the user about."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def reporting() -> Iterator[None]:
    """Turn every expected exception into a message on stderr and an `Ended` with its exit code."""
    try:
        yield
    except Trouble as trouble:
        tell(trouble)
        raise Ended(exit_code(trouble)) from trouble
    except click.UsageError as error:
        error.show()
        raise Ended(Exit.USAGE) from error
    except click.ClickException as error:
        error.show()
        raise Ended(Exit.FAILED) from error
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("Interrupted.", err=True)
        raise Ended(Exit.INTERRUPTED) from error
    except BrokenPipeError as error:
        forget_reader()
        raise Ended(Exit.READER_GONE) from error
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        forget_reader()
        tell(Trouble(f"the output cannot be written: {error.strerror}", reason="OutputNotWritten"))
        raise Ended(Exit.FAILED) from error


def tell(trouble: Trouble) -> None:
    """The trouble in the words of whoever raised it, and its code to search for."""
    if trouble.problems:
        for line in problem_lines(trouble.problems):
            click.echo(line, err=True)
        click.secho(count(len(trouble.problems), "error"), fg="red", err=True)
        return
    for line in failure_lines("Error:", trouble.message, trouble.reason):
        click.echo(line, err=True)


def failure_document(trouble: Trouble) -> dict[str, Any]:
    """What a command says with `-o json` when it came to nothing; the text goes to stderr all the same."""
    failure = {
        "reason": trouble.reason,
        "message": trouble.message,
        "problems": [problem_document(problem) for problem in trouble.problems],
    }
    return {"format": "1", "result": "error", "failure": failure}


def forget_reader() -> None:
    """Nobody reads stdout any more: what is still in its buffer must not raise again when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def tell_bug(kind: type[BaseException], bug: BaseException, trace: TracebackType | None) -> None:
    """`sys.excepthook` of the process: one line, and the traceback only with WINDLASS_DEBUG=1."""
    if os.environ.get("WINDLASS_DEBUG"):
        import traceback  # which no other end needs

        traceback.print_exception(kind, bug, trace)
        return
    said = clean(str(bug))
    about = f"{kind.__name__}: {said}" if said else kind.__name__
    sys.stderr.write(
        f"internal error: {about}\nThis is a bug in windlass; please report it with what WINDLASS_DEBUG=1 shows.\n"
    )
