"""Who is told what happens: metrics, the log, the history, the status, and systemd. All from the same values.

Nothing here changes what the loop does, and a history that cannot be written costs a line in the log and no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from agent.converge import Event, Started
from agent.desired import Reading
from agent.jobs import JobEnd
from agent.kind_names import FILE, VOLUME
from agent.model import Failure, Key, Report, Revision, Stack
from agent.occasions import Trigger
from agent.reconcile import Turn
from agent.store import Store, StoreUnavailable
from agent.telemetry import logs
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import OTHER_SOURCE, Overview, SuspensionStatus
from agent.telemetry.sdnotify import Notifier
from agent.telemetry.under_way import UnderWay

TELL_PULL = 5.0  # seconds between two lines about one pull
DEAF = 2  # full looks that find what no event has told of
NOT_HEARD = "the engine's events are followed and none is heard: drift is found at each full look, and not at once"
LATE = 60.0  # seconds without a round of the loop after which the agent is not ready
MOST = 200  # entries of the history that wait to be written
ENDS = 10.0  # seconds for the last of them at the end, which a service manager waits for


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")


@dataclass
class Witness:
    """`overview` is replaced, never changed: other threads read it as it is."""

    metrics: Metrics
    store: Store
    notifier: Notifier
    logger: FilteringBoundLogger
    overview: Overview
    engine_facts: Callable[[], tuple[str, str]]  # version and API of the engine; raises Trouble
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    watchdog_every: float | None = None
    writer: ThreadPoolExecutor = field(default_factory=_one_thread)  # of the history; `close` ends it
    _seeing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _status: str = field(default="", init=False)  # what the service manager was told last
    _rounds_at: float = field(default=0.0, init=False)
    _fed_at: float = field(default=0.0, init=False)
    _store_failure: str = field(default="", init=False)
    _source_failure: Failure | None = field(default=None, init=False)
    _failures: dict[str, Failure] = field(default_factory=dict, init=False)  # by stack, what fails for now
    _elsewhere: frozenset[str] = field(default=frozenset(), init=False)
    _unannounced: int = field(default=0, init=False)  # full looks that found drift, since the last event
    _asked: bool = field(default=False, init=False)
    _begun: set[str] = field(default_factory=set, init=False)  # runs of which the history has the beginning
    _pull_told: dict[str, dict[str, float]] = field(default_factory=dict, init=False)  # when, by run and reference
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST), init=False)
    _under_way: UnderWay = field(init=False)
    _saving: bool = field(default=False, init=False)  # the overview will be written, as it is by then
    _last: Future[None] | None = field(default=None, init=False)  # of what is to be written

    def __post_init__(self) -> None:
        self._under_way = UnderWay(self.clock)

    # --- the loop's audience ---

    def progressed(self, turn: Turn, event: Event) -> None:
        """What a turn is at. Called by the turn's own thread."""
        logs.progress(self._logger_of(turn), event)
        self._under_way.heard(turn.run_id, _revision_of(turn), event)
        if isinstance(event, Started) and turn.run_id not in self._begun:
            self._begun.add(turn.run_id)
            stack, revision = event.change.stack, _revision_of(turn)
            self._write(lambda: self.store.begin(turn.run_id, stack, turn.trigger, revision))

    def pulling(self, turn: Turn, reference: str, done: int, total: int) -> None:
        """A line every few seconds of a pull that the turn waits for. Called by the threads that pull."""
        now, told = self.clock(), self._pull_told.setdefault(turn.run_id, {})
        if now - told.get(reference, now - TELL_PULL) >= TELL_PULL:
            told[reference] = now
            self._logger_of(turn).info("pulling", image=reference, done=done, total=total)

    def _logger_of(self, turn: Turn) -> FilteringBoundLogger:
        revision, stacks = _revision_of(turn), ",".join(sorted(turn.scope.stacks))
        return self.logger.bind(run=turn.run_id, revision=revision.short if revision else "", stack=stacks)

    def reported(self, report: Report) -> None:
        self._begun.discard(report.run_id)
        self._under_way.ended(report.run_id)
        self._pull_told.pop(report.run_id, None)
        self._mind_events(report, self.metrics.record(report))
        logs.record(self.logger, report, self._failures.pop(report.stack, None))
        if report.failure:
            self._failures[report.stack] = report.failure
        overview = self._see(lambda overview: overview.with_report(report))
        before = overview.stack(report.stack)
        self._tell_suspended(report.stack, before.suspended if before else ())
        self._write(lambda: self.store.record(report))
        if self.overview != overview:
            self._save()

    def _tell_suspended(self, stack: str, before: Sequence[SuspensionStatus]) -> None:
        """A line when something is suspended, and when it goes on."""
        status = self.overview.stack(stack)
        now = status.suspended if status else ()
        for one in now:
            if one not in before:
                facts = {"service": one.service, "reason": one.reason, "by": one.by, "until": one.until}
                self.logger.info("frozen" if one.frozen else "suspended", stack=stack, **facts)
        still = {(one.service, one.frozen) for one in now}
        for one in before:
            if (one.service, one.frozen) not in still:
                self.logger.info("thawed" if one.frozen else "resumed", stack=stack, service=one.service)

    def source_read(self, reading: Reading | None, failure: Failure | None, next_in: float) -> None:
        now = self.wall()
        revision = reading.snapshot.revision if reading else None
        self._tell_source(revision, failure)
        self.metrics.source_failure(failure)
        if reading is not None:
            self.metrics.expect(sorted(reading.names))
        if reading is not None and failure is None:
            self.metrics.source(self.overview.source.url, self.overview.source.ref, reading.snapshot.revision)
            for warning in reading.warnings:
                self.logger.debug("warning", place=str(warning.place), path=warning.path, message=warning.message)
        self._see(lambda overview: overview.with_source(revision, failure, at=now, next_at=now + next_in))
        if reading is not None:
            volumes = _volumes_of(reading)
            self._see(lambda overview: overview.with_wanted(volumes, reading.broken))
            self._tell_elsewhere(self._elsewhere - reading.names)
        self._asked = True
        self._save()

    def elsewhere(self, stacks: frozenset[str]) -> None:
        """Stacks that this instance made from another source. Called before the reading is told that may want them, by
        the thread that reads."""
        self._elsewhere = stacks

    def _tell_elsewhere(self, stacks: frozenset[str]) -> None:
        """A line when that changes."""
        self.metrics.elsewhere(len(stacks))
        before = frozenset(self._see(lambda overview: overview.with_elsewhere(stacks)).elsewhere)
        if stacks and stacks != before:
            self.logger.warning("others", reason="OtherSource", stacks=sorted(stacks), message=OTHER_SOURCE)
        elif before and not stacks:
            self.logger.info("others are gone", stacks=sorted(before))

    def _tell_source(self, revision: Revision | None, failure: Failure | None) -> None:
        """A line when something is new: a revision, a failure, or its end."""
        before = self.overview.source.revision
        was = self._source_failure
        if failure is not None and (was is None or not logs.is_same(failure, was)):
            self.logger.error("source", reason=failure.reason, message=failure.message)
        elif failure is None and was is not None:
            self.logger.info("source is back", ended=was.reason)
        if revision is not None and (before is None or before.id != revision.id):
            self.logger.info("new revision", revision=revision.short, subject=revision.subject, author=revision.author)
        self._source_failure = failure

    def triggered(self, trigger: str) -> None:
        self.metrics.trigger(trigger)

    def answered(self, asked_at: float) -> None:
        self._see(lambda overview: replace(overview, answered=asked_at))
        self._save()

    def forgotten(self, stack: str) -> None:
        self._failures.pop(stack, None)
        self.metrics.forget(stack)
        self._see(lambda overview: overview.without(stack))
        self.logger.info("stack is gone", stack=stack)
        self._save()

    def taken_back(self, good: Stack, failure: Failure) -> None:
        facts = {"reason": failure.reason, "message": failure.message, "revision": good.revision.short}
        self.logger.error("taken back", stack=good.name, **facts)

    def job_ended(self, end: JobEnd) -> None:
        """What was over before this process began is history, and nothing new."""
        if end.began + end.seconds >= self.overview.started:
            self.metrics.job_ended(end)
            logs.job_ended(self.logger, end)
        self._write(lambda: self.store.job_ended(end))

    def crashed(self, bug: BaseException) -> None:
        self.logger.error("a bug, please report it", exc_info=bug)

    def alive(self) -> None:
        """The loop goes round: that is what a service manager calls ready, however long the first look may take."""
        now = self.clock()
        if not self._status:
            self._status = "asks the source for the first time"
            self.notifier.ready(self._status)
        self._rounds_at = now
        self._tell_under_way()
        if self.watchdog_every is not None and now - self._fed_at >= self.watchdog_every:
            self._fed_at = now
            self.notifier.watchdog()

    def _tell_under_way(self) -> None:
        for stack, said in self._under_way.news().items():
            self._see(partial(Overview.with_under_way, stack=stack, said=said))
            self._save()

    def hanging(self, jobs: tuple[str, ...]) -> None:
        if jobs:
            self.logger.error("nothing is heard of what is under way", reason="Hangs", jobs=jobs)
        else:
            self.logger.info("what was under way has got on")

    # --- the triggers' listener ---

    def watched(self, failure: Failure | None) -> None:
        """Whether changes of the directory are noticed as they happen, told when it changes."""
        before = self._see(lambda overview: overview.with_watch(failure)).source.watch
        if failure is not None and (before is None or before.reason != failure.reason):
            self.logger.error("watch", reason=failure.reason, message=failure.message)
        elif failure is None and before is not None:
            self.logger.info("watch is back", ended=before.reason)
        if before != self.overview.source.watch:
            self._save()

    def files_unwatched(self, failure: Failure) -> None:
        """What is done to mounted files is noticed later than at once."""
        self.logger.warning("files", reason=failure.reason, message=failure.message)

    def stream_opened(self) -> None:
        version, api = self.engine_facts()
        self.metrics.engine_up(version, api)
        self.metrics.event_stream(up=True)
        self._unannounced = 0
        before = self._see(lambda overview: overview.with_engine(version, api))
        if not before.engine.up:
            self.logger.info("engine", version=version, api=api)

    def stream_broke(self, failure: Failure) -> None:
        self.metrics.engine_down()
        self.metrics.event_stream(up=False)
        before = self._see(lambda overview: overview.with_engine(overview.engine.version, overview.engine.api, failure))
        if before.engine.up or before.engine.failure is None:
            self.logger.error("engine", reason=failure.reason, message=failure.message)

    def heard(self, kind: str) -> None:
        self.metrics.engine_event(kind)
        if self._unannounced >= DEAF:
            self.metrics.event_stream(up=True)
            self.logger.info("events are heard again")
        self._unannounced = 0

    def _mind_events(self, report: Report, found: frozenset[Key]) -> None:
        """A stream may be open and tell nothing. What is put right makes events too: one that tells something does so
        between two such looks."""
        if report.trigger != Trigger.INTERVAL or all(key.kind == FILE for key in found):
            return
        self._unannounced += 1
        if self._unannounced == DEAF:
            self.metrics.event_stream(up=False)
            self.logger.warning("events", reason="EventsNotHeard", message=NOT_HEARD)

    # --- the state directory's ---

    def state_read(self, path: Path, failure: Failure | None) -> None:
        """Whether a file there can be read, told when it changes. Any thread may tell."""
        self.metrics.state_unreadable(path.name, unreadable=failure is not None)
        self._see(lambda overview: overview.with_state(path.name, failure))
        if failure is None:
            self.logger.info("state is back", file=path.name)
        else:
            self.logger.error("state", reason=failure.reason, message=failure.message)
        self._save()

    # --- the server's ---

    def listening(self, url: str, failure: Failure | None) -> None:
        """Whether metrics and status can be asked for over HTTP, told when it changes."""
        before = self._see(lambda overview: overview.with_http(url, failure))
        if before.http == self.overview.http:
            return
        if failure is None:
            self.logger.info("http", url=url)
        else:
            self.logger.error("http", reason=failure.reason, message=failure.message)
        self._save()

    # --- what others ask ---

    def ready(self) -> tuple[bool, list[str]]:
        """Whether the agent can do its work now, and the codes of what keeps it from that."""
        reasons = []
        if not self.overview.engine.up:
            failure = self.overview.engine.failure
            reasons.append(failure.reason if failure else "EngineNotSeenYet")
        if self._source_failure is not None:
            reasons.append(self._source_failure.reason)
        elif not self._asked:
            reasons.append("SourceNotReadYet")
        if self.clock() - self._rounds_at > LATE:
            reasons.append("LoopLate")
        return not reasons, reasons

    def close(self) -> None:
        """Write down what is still to be written, as far as there is time for it."""
        last, self._last = self._last, None
        if last is not None and wait([last], ENDS).not_done:
            self.logger.error("history", reason="StateLocked", message="the newest of it could not be written in time")
        self.writer.shutdown(wait=False, cancel_futures=True)

    def _see(self, change: Callable[[Overview], Overview]) -> Overview:
        """Change the overview; returns the one before. The loop, the events and the server each have a thread."""
        with self._seeing:
            before, self.overview = self.overview, change(self.overview)
        return before

    def _save(self) -> None:
        """The overview has changed: write it down, and tell the service manager where that can be seen in a line."""
        if not self._saving:
            self._saving = True
            self._begin_to_write(self._save_overview)
        status = self.overview.in_a_line()
        if self._asked and status != self._status:
            self._status = status
            self.notifier.status(status)

    def _save_overview(self) -> None:
        self._saving = False
        self.store.save_overview(self.overview.document())

    def _write(self, write: Callable[[], None]) -> None:
        """What there is no room to keep in mind until it can be written is lost, as it would be if it were tried."""
        if self._room.acquire(blocking=False):
            self._begin_to_write(write).add_done_callback(lambda _: self._room.release())

    def _begin_to_write(self, write: Callable[[], None]) -> Future[None]:
        """In a thread of its own: a history that somebody has locked must not delay the loop."""
        self._last = self.writer.submit(self._try_to_write, write)
        return self._last

    def _try_to_write(self, write: Callable[[], None]) -> None:
        """The history is a help and no need: a failure to write it is told once, and so is its end."""
        try:
            write()
        except StoreUnavailable as error:
            if error.reason != self._store_failure:
                self.logger.error("history", reason=error.reason, message=error.message)
            self._store_failure = error.reason
            return
        if self._store_failure:
            self.logger.info("history is back", ended=self._store_failure)
        self._store_failure = ""


def _revision_of(turn: Turn) -> Revision | None:
    return turn.stacks[0].revision if turn.stacks else None


def _volumes_of(reading: Reading) -> frozenset[str]:
    wanted = (one for stack in reading.stacks.values() for one in stack.resources)
    return frozenset(one.key.name for one in wanted if one.key.kind == VOLUME)
