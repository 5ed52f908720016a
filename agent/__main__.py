"""The program `windlass`: the command line, given the concrete parts."""

from __future__ import annotations

from typing import NoReturn

from agent.assembly import make_assembly
from agent.cli import main as run_command_line


def main() -> NoReturn:
    run_command_line(make_assembly())


if __name__ == "__main__":
    main()
