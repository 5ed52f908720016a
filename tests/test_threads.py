"""Jobs for which a thread cannot be had: refused with a name, and then never done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from agent.errors import Refused
from agent.threads import begin, side_by_side


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2, thread_name_prefix="tried") as made:
        yield made


@pytest.fixture
def no_more(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on no thread is to be had."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    return lambda: monkeypatch.setattr(threading.Thread, "start", refuse)


def test_without_a_thread_a_job_is_refused_with_a_name(pool: ThreadPoolExecutor, no_more: Callable[[], None]) -> None:
    no_more()
    with pytest.raises(Refused, match="no thread for a look: can't start new thread; see TasksMax=") as refused:
        side_by_side(pool, [lambda: 1], "a look", 2)
    assert refused.value.reason == "NoThread"


def test_what_was_refused_is_not_done_later_by_another_thread(
    pool: ThreadPoolExecutor, no_more: Callable[[], None]
) -> None:
    may_end, done = threading.Event(), list[str]()
    busy = begin(pool, lambda: may_end.wait(10), "a long one")
    no_more()
    with pytest.raises(Refused):
        begin(pool, partial(done.append, "refused"), "another one")
    may_end.set()
    assert busy.result(10)
    pool.shutdown(wait=True)
    assert done == []


def test_a_job_gives_what_it_returns_or_raises(pool: ThreadPoolExecutor) -> None:
    assert begin(pool, lambda: 1, "one").result(10) == 1
    with pytest.raises(ZeroDivisionError):
        begin(pool, lambda: 1 / 0, "a bug").result(10)


def test_after_an_error_what_has_not_begun_is_given_up(pool: ThreadPoolExecutor) -> None:
    may_end, done = threading.Event(), list[int]()

    def fail() -> None:
        raise Refused("no")

    def last_long() -> None:
        may_end.wait(10)
        done.append(1)

    with pytest.raises(Refused, match="no"):
        side_by_side(pool, [fail, *[last_long] * 5], "reads", 2)
    may_end.set()
    pool.shutdown(wait=True)
    assert len(done) <= 2, "there are two threads"


def test_results_are_in_the_order_of_the_jobs_whoever_is_done_first(pool: ThreadPoolExecutor) -> None:
    last_is_done = threading.Event()

    def first() -> int:
        return 0 if last_is_done.wait(10) else -1

    def last() -> int:
        last_is_done.set()
        return 2

    assert side_by_side(pool, [first, lambda: 1, last], "reads", 2) == [0, 1, 2]
    assert side_by_side(pool, list[Callable[[], int]](), "reads", 2) == []


def test_with_fewer_threads_than_it_may_take_it_is_done_all_the_same(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_thread, begun = threading.Thread.start, list[threading.Thread]()

    def one_only(thread: threading.Thread) -> None:
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        begin_thread(thread)

    monkeypatch.setattr(threading.Thread, "start", one_only)
    may_end = threading.Event()
    jobs = [lambda: may_end.wait(0.2), lambda: True, lambda: True]
    assert len(side_by_side(pool, jobs, "reads", 2)) == 3


def test_many_jobs_take_no_more_threads_than_they_may(pool: ThreadPoolExecutor) -> None:
    assert len(set(side_by_side(pool, [threading.get_ident] * 50, "reads", 1))) == 1


def test_an_error_of_a_job_is_never_taken_for_its_end(pool: ThreadPoolExecutor) -> None:
    def fail() -> None:
        raise IndexError("a bug")

    with pytest.raises(IndexError, match="a bug"):
        side_by_side(pool, [fail], "reads", 2)
