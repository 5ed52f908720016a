"""Who is late, by a clock that the test sets."""

from __future__ import annotations

from agent.pulse import Pulse


def test_a_job_is_late_once_its_time_is_over_and_no_more_when_it_gets_on_or_ends() -> None:
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    pulse.begin("a", 10)
    pulse.begin("b", 30)
    now[0] = 10
    assert pulse.late() == ()
    now[0] = 11
    assert pulse.late() == ("a",)
    pulse.beat("a", 5)
    assert pulse.late() == ()
    now[0] = 31
    assert pulse.late() == ("a", "b")
    pulse.end("a")
    assert pulse.late() == ("b",)


def test_a_step_that_ends_does_not_cut_short_what_a_longer_one_was_allowed() -> None:
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    pulse.begin("a", 10)
    pulse.beat("a", 600)
    pulse.beat("a", 10)
    now[0] = 599
    assert pulse.late() == ()


def test_what_is_over_cannot_become_late() -> None:
    pulse = Pulse(lambda: 0.0)
    pulse.beat("a", -1)
    assert pulse.late() == ()
