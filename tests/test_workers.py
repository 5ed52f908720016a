"""A thread for each job, and an end that does not wait for ever."""

from __future__ import annotations

import threading
from functools import partial

from agent.workers import Workers


def nobody(_raised: BaseException) -> None:
    raise AssertionError("nothing was raised")


def test_every_job_is_waited_for() -> None:
    workers, done = Workers(), list[int]()
    for number in range(20):
        workers.begin(f"job-{number}", partial(done.append, number), nobody)
    assert workers.join(30.0) == ()
    assert sorted(done) == list(range(20))


def test_what_a_job_raised_was_told_before_it_counts_as_over() -> None:
    workers, told = Workers(), list[str]()

    def broken() -> None:
        raise ValueError("no")

    workers.begin("broken", broken, lambda raised: told.append(str(raised)))
    assert workers.join(30.0) == ()
    assert told == ["no"]


def test_one_that_does_not_end_is_named_and_left() -> None:
    workers, may_end = Workers(), threading.Event()

    def wait() -> None:
        may_end.wait(30)

    workers.begin("turn-web", wait, nobody)
    assert workers.join(0.05) == ("turn-web",)
    may_end.set()
    assert workers.join(30.0) == ()
