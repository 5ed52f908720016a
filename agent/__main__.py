"""The program `windlass`: the command line, given the concrete parts."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    # Modules and the files of a thousand services become a million objects and hardly any garbage: to look for it as
    # often as is usual takes a tenth of the time. Who stays longer looks more often: see `agent.daemon`.
    gc.set_threshold(1_000_000, 20, 20)
    from agent.assembly import make_assembly
    from agent.cli import main as run_command_line

    run_command_line(make_assembly())


if __name__ == "__main__":
    main()
