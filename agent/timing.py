"""What is measured of the agent's work beside its steps, told to whoever counts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum


class Measured(StrEnum):
    FETCH = "fetch"  # the source is asked for what is newest
    RENDER = "render"  # a revision is read: files to what is wanted
    OBSERVE = "observe"
    PLAN = "plan"
    APPLY = "apply"  # the steps of a plan, side by side, with what they wait for
    WAIT = "wait"  # until the new one of a replacement proved good, or was given up
    AWAY = "away"  # from the stop of the old one of a replacement until the new one is ready


Timed = Callable[[Measured, float], None]  # hears of each time that was measured, in seconds; from any thread


@contextmanager
def measured(what: Measured, timed: Timed, clock: Callable[[], float]) -> Iterator[None]:
    """Tells how long the block took, however it ends."""
    began = clock()
    try:
        yield
    finally:
        timed(what, clock() - began)
