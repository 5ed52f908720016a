"""What somebody at the host asks to be looked at now. Values only."""

from __future__ import annotations

from typing import NamedTuple

EVERYTHING = "*"  # all stacks, where the name of one could stand


class Asked(NamedTuple):
    """When that was, in seconds since the epoch, but later than what was asked before, whatever the clock says; `hard`
    says to rely on nothing that was seen before."""

    at: float
    hard: bool = False
