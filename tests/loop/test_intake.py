"""What is said where the source wants nothing at all any more."""

from __future__ import annotations

from agent.intake import take_in
from agent.planning import Removal
from agent.telemetry.overview import FailureStatus
from tests.loop.fakes import FakeDesires, FakeTurns, reading


def test_the_hash_is_told_however_many_stacks_there_are() -> None:
    """The status and the log keep the beginning of a text."""
    names = frozenset(f"a-stack-of-many-{number}" for number in range(300))
    taken = take_in(FakeDesires(reading()), FakeTurns(host_stacks=names), first=False, wall=lambda: 0.0)
    told = FailureStatus.of(taken.failure)
    assert told
    removal = Removal(frozenset(f"{name}/web" for name in names), 300)
    assert f"windlass approve {removal.hash}" in told.message
    assert "a-stack-of-many-0, a-stack-of-many-1, " in told.message
    assert " and 290 more" in told.message
