"""Jobs given to threads of a pool, where a thread may not be had: the limit of a service or of the machine is a refusal
with a name, and no bug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

from agent.errors import Refused

T = TypeVar("T")


def no_thread(what: str, error: RuntimeError) -> Refused:
    return Refused(f"no thread for {what}: {error}; see TasksMax= of the service", reason="NoThread")


def begin(pool: Executor, job: Callable[[], T], what: str) -> Future[T]:
    """Have the pool do it. Raises `Refused` (`NoThread`) where there is no thread for `what`: then it never does."""
    future: Future[T] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(job())
        except BaseException as raised:  # noqa: BLE001 - whoever asks for the result meets it
            future.set_exception(raised)

    try:
        pool.submit(work)
    except RuntimeError as error:
        # the pool has it in its queue all the same: another thread of it may have taken it up, or would later
        if future.cancel():
            raise no_thread(what, error) from error
    return future


def side_by_side(pool: Executor, jobs: Iterable[Callable[[], T]], what: str, lanes: int) -> list[T]:
    """The results of the jobs, in their order; at most so many `lanes` of the pool are taken for all of them, since to
    hand over each job by itself takes as long as a short one. An error raises, and what has not begun by then never
    does."""
    waiting = list(enumerate(jobs))[::-1]
    found: dict[int, T] = {}

    def lane() -> None:
        try:
            while waiting:
                try:
                    number, job = waiting.pop()
                except IndexError:
                    return  # another lane took the last one
                found[number] = job()
        finally:
            waiting.clear()  # as it is by now, unless a job has failed

    begun: list[Future[None]] = []
    try:
        for _ in range(min(lanes, len(waiting))):
            try:
                begun.append(begin(pool, lane, what))
            except Refused:
                if not begun:
                    raise
                break  # it takes longer then
        for one in begun:
            one.result()
    finally:
        waiting.clear()
        for one in begun:
            one.cancel()
    return [found[number] for number in sorted(found)]
