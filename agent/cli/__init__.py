"""The command line: reads what the user wants, asks `Parts` for it, draws what comes back.

Commands start fast: what is heavy (docker, git, the web server, rich) is imported by the parts, or by the drawing, at
the moment it is needed. How commands end is told in `agent.cli.errors`.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from signal import SIGTERM, signal
from types import FrameType
from typing import NoReturn

from agent.cli import changes, daemon, files, history, status
from agent.cli.errors import Exit, tell_bug
from agent.cli.frame import Group
from agent.cli.parts import Parts

windlass = Group(
    files.validate,
    files.render,
    changes.plan,
    changes.apply,
    daemon.run,
    status.status,
    history.history,
    daemon.version,
    name="windlass",
    help="Keep a Docker host equal to what a git repository says.",
)


def main(parts: Parts) -> NoReturn:
    """The process: runs the command that the arguments name, then exits."""
    sys.excepthook = tell_bug
    signal(SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an icon that the locale lacks is no reason to fail
    windlass.main(obj=parts)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the shape of a signal handler
    sys.exit(Exit.TERMINATED)
