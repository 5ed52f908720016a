"""A thread for each job that is under way: whatever one of them waits for, no other waits behind it.

A pool with a bound would be the opposite: as many slow jobs as it has threads, and nobody gets on any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from agent.threads import no_thread


class Workers:
    """Begins jobs, each in a thread that ends with it. May be asked from one thread only."""

    def __init__(self) -> None:
        self._busy: dict[ThreadPoolExecutor, str] = {}  # by the names of their jobs
        self._changed = threading.Condition()

    def begin(self, name: str, job: Callable[[], None], crashed: Callable[[BaseException], None]) -> None:
        """Run the job in a thread called by the name. `crashed` is told what it raised, in that thread.

        Where no thread can be had, `crashed` is told so at once, and the job never begins.
        """
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        with self._changed:
            self._busy[pool] = name

        def is_over() -> None:
            with self._changed:
                self._busy.pop(pool, None)
                self._changed.notify_all()

        def ended(future: Future[None]) -> None:
            raised = future.exception()
            if raised is not None:
                crashed(raised)
            is_over()

        try:
            future = pool.submit(job)
        except RuntimeError as error:  # the limit of the service or of the machine
            is_over()
            crashed(no_thread(name, error))
        else:
            future.add_done_callback(ended)
            pool.shutdown(wait=False)

    def join(self, seconds: float) -> tuple[str, ...]:
        """Wait until every job has ended and told what it had to, for so many seconds at most. Returns the names of
        those that have not."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, seconds)
            return tuple(sorted(self._busy.values()))
