"""The command line: reads what the user wants, asks `Parts` for it, draws what comes back.

Commands start fast: each is imported when it is called, and what is heavy (docker, git, the web server, rich) by the
parts, or by the drawing, at the moment it is needed. How commands end is told in `agent.cli.errors`.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from signal import SIGTERM, signal
from types import FrameType
from typing import NoReturn

from agent.cli.errors import Exit, tell_bug
from agent.cli.frame import Group
from agent.cli.needs import Parts

windlass = Group(
    # In the order in which a user meets them, each with its module.
    {
        "validate": "agent.cli.files",
        "render": "agent.cli.files",
        "plan": "agent.cli.changes",
        "apply": "agent.cli.changes",
        "run": "agent.cli.daemon",
        "status": "agent.cli.status",
        "history": "agent.cli.history",
        "sync": "agent.cli.sync",
        "suspend": "agent.cli.suspend",
        "resume": "agent.cli.suspend",
        "approve": "agent.cli.approve",
        "volume": "agent.cli.volume",
        "schema": "agent.cli.schema",
        "version": "agent.cli.daemon",
    },
    name="windlass",
    help="Keep a Docker host equal to what a git repository says.",
)


def main(parts: Parts) -> NoReturn:
    """The process: runs the command that the arguments name, then exits."""
    sys.excepthook = tell_bug
    signal(SIGTERM, _terminated)
    _stand_in_for_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an icon that the locale lacks is no reason to fail
    windlass.main(obj=parts)


def _stand_in_for_closed_streams() -> None:
    """Whoever started us may have closed some (`>&-`): what is opened next would be taken for them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - it lasts as long as the process


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the shape of a signal handler
    sys.exit(Exit.TERMINATED)
