"""What is answered to whoever waits for something: whether it is so by now, and how long that may take."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple


class Gate(StrEnum):
    """Whether a required condition holds by now."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


class Probe(NamedTuple):
    """Whether a condition holds of an object, in words why not. Of what is on its way there, in seconds: what it has
    `taken` by now, as far as that is known, and what it may take in all by its own settings."""

    gate: Gate
    detail: str = ""
    taken: float = 0.0
    patience: float = math.inf
