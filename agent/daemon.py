"""The agent itself: puts the parts of `windlass run` together, starts their threads, and ends them in order."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

import structlog
from structlog.typing import FilteringBoundLogger

from agent import __version__
from agent.build import build_revision
from agent.converge import Event, Options
from agent.directives import Directives
from agent.follower import Follower
from agent.good_images import GoodImages
from agent.guard import Acknowledgements
from agent.host_turns import HostTurns
from agent.jsonfile import JsonFile
from agent.loop import Loop
from agent.model import Change, Health, Report, Scope
from agent.occasions import Trigger
from agent.parts import make_engine, make_host, make_reader, make_source
from agent.paused import Paused
from agent.planning import Policy
from agent.ports import AskSource, LookAt, Rhythm
from agent.protections import Protections
from agent.provenance import Tracer
from agent.pulls import Pulls
from agent.reconcile import Reconciler, Turn
from agent.rejections import Rejections
from agent.settings import Settings, is_in_the_clear
from agent.silence import silence_after, silence_of
from agent.source.directory import DirectorySource
from agent.statedir import StateDir
from agent.store import Store, StoreUnavailable
from agent.telemetry import logs
from agent.telemetry.labels import without_credentials
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview, SourceStatus
from agent.telemetry.sdnotify import Notifier, watchdog_interval
from agent.triggers import Watch, watch_directory, watch_events, watch_files
from agent.web import Listening, Server
from agent.witness import Witness


class Daemon:
    """One agent. `environment` is the process's, for what systemd and Docker's client put there."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings, self._environment = settings, environment
        self._state = StateDir(settings.state_dir.absolute())
        self._metrics = Metrics(__version__, build_revision())
        self._engine = make_engine(settings, environment, self._metrics.engine_call)
        self._source = make_source(settings, self._state, self._git_called)
        self._scope = Scope(settings.instance, self._source.origin, frozenset(), whole=True)
        self._witness = self._make_witness()
        self._pulls = Pulls(
            self._witness.pulling,
            stop=lambda: self._loop.stopping,
            heard=self._pull_got_on,
            fetched=self._metrics.pulled,
        )
        self._reconciler = self._make_reconciler()
        self._loop = self._make_loop()
        self._ended_by = 0  # the signal, if one did

    def run(self, *, once: bool) -> int:
        """Until a signal ends it, or with `once` until each stack had one turn. Returns the exit code.

        Raises `Refused` (`Locked`) when another process works with the state directory.
        """
        gc.set_threshold(20_000, 20, 20)  # what a command starts with would let garbage pile up for days
        self._begin_log()
        with self._state.locked():
            self._prepare_history()
            self._witness.logger.info("windlass", version=__version__, repo=self._witness.overview.source.url)
            if is_in_the_clear(self._settings):
                self._witness.logger.warning("plain http: anybody on the way can say what this host runs")
            watches, listening = self._watches(), self._serve()
            self._listen_to_signals()
            for watch in watches:
                watch.start()
            reports = self._loop.run(once=once)
            if once and self._settings.mode == "apply" and not self._loop.source_failure:
                reports = self._settled(reports)
            for watch in watches:
                watch.stop()
            if listening:
                listening.stop()
            self._witness.close()
            code = self._code(reports) if once else 0
            if self._loop.left:
                leave(self._loop.left, self._witness.logger, code)
            self._engine.close()
            self._witness.logger.info("ended")
        return code

    def _code(self, reports: tuple[Report, ...]) -> int:
        """As the command line documents: 130 or 143 ended by a signal, before whatever was to be done; 4 invalid,
        1 failed, 3 not healthy, 0 done."""
        if self._ended_by:
            return 128 + self._ended_by
        failures = [self._loop.source_failure, *(report.failure for report in reports)]
        if any(failure.problems for failure in failures if failure):
            return 4
        if any(failures):
            return 1
        return 0 if all(report.health in {Health.HEALTHY, Health.SUSPENDED} for report in reports) else 3

    def _settled(self, reports: tuple[Report, ...]) -> tuple[Report, ...]:
        """With the health that the stacks have come to; how they stand then is told as well."""
        wanted = self._loop.wanted
        scope = replace(self._scope, stacks=frozenset(stack.name for stack in wanted), whole=False)
        turn = Turn(wanted, scope, Trigger.MANUAL, act=False)
        settled = self._reconciler.settle(turn, reports)
        for report in self._reconciler.take(turn) if settled != reports else ():
            self._witness.reported(report)
        return settled

    def _sleep(self, seconds: float) -> None:
        """While nothing is done but waiting, systemd is told that this is meant."""
        self._witness.alive()
        time.sleep(seconds)

    # --- the parts ---

    def _make_witness(self) -> Witness:
        settings = self._settings
        source = SourceStatus(without_credentials(settings.repo), settings.ref, settings.path)
        return Witness(
            metrics=self._metrics,
            store=Store(self._state.database),
            notifier=Notifier(self._environment.get("NOTIFY_SOCKET", "")),
            logger=structlog.get_logger("windlass"),
            overview=Overview(settings.host, __version__, settings.mode, time.time(), source),
            engine_facts=self._engine_facts,
            watchdog_every=watchdog_interval(self._environment.get("WATCHDOG_USEC", "")),
        )

    def _engine_facts(self) -> tuple[str, str]:
        version = self._engine.version()
        return str(version.get("Version", "")), str(version.get("ApiVersion", ""))

    def _make_reconciler(self) -> Reconciler:
        settings = self._settings
        pulls, origin = self._pulls, self._source.origin
        host = make_host(self._engine, self._state, settings, origin, pulls, stop=pulls.is_over, ending=pulls.stop)
        return Reconciler(
            host,
            Policy(prune=settings.prune),
            Options(),
            Protections(self._notes(self._state.protections)),
            Acknowledgements(self._notes(self._state.approvals), self._source.past.allowances),
            sleep=self._sleep,
            stop=lambda: self._loop.stopping,
            tracer=Tracer(self._source.past),
            listen=self._progressed,
            timed=self._metrics.timed,
        )

    def _make_loop(self) -> Loop:
        settings = self._settings
        reader = make_reader(settings, self._state, self._directory())
        rhythm = Rhythm(poll=float(settings.interval), resync=min(60.0, float(settings.interval)))
        rhythm = replace(rhythm, source_silence=rhythm.silence + float(settings.git.timeout))
        self._metrics.interval(float(settings.interval))
        rejections = Rejections(self._notes(self._state.rejections))
        return Loop(
            Follower(
                self._source,
                reader,
                self._fetched,
                rejections=rejections,
                applied=JsonFile(self._state.applied),
                timed=self._metrics.timed,
            ),
            HostTurns(
                self._reconciler,
                self._scope,
                GoodImages(self._notes(self._state.good_images)),
                Paused(self._notes(self._state.paused)),
                look_afresh=self._engine.forget,
                under_way=self._metrics.reconciling,
                ended=self._pulls.forget,
                elsewhere=self._witness.elsewhere,
            ),
            self._witness,
            self._scope,
            clock=time.monotonic,
            wall=time.time,
            rhythm=rhythm,
            act=settings.mode == "apply",
            directives=Directives(self._state.directives, told=self._witness.state_read),
        )

    def _notes(self, path: Path) -> JsonFile:
        return JsonFile(path, self._witness.state_read)

    def _progressed(self, turn: Turn, event: Event) -> None:
        self._pulls.listen(turn, event)
        self._witness.progressed(turn, event)
        self._got_on(turn, silence_after(event))

    def _pull_got_on(self, turn: Turn, change: Change) -> None:
        self._got_on(turn, silence_of(change))

    def _got_on(self, turn: Turn, extra: float = 0.0) -> None:
        self._metrics.progressed()
        for stack in turn.scope.stacks:
            self._loop.progressed(stack, extra)

    def _git_called(self, verb: str, seconds: float, result: str) -> None:
        self._metrics.git_call(verb, seconds, result)
        self._loop.source_progressed()

    def _fetched(self, result: str, seconds: float) -> None:
        self._metrics.fetch(self._settings.repo, result, seconds)

    def _directory(self) -> PurePosixPath | None:
        """Where the source lies on this host, when it is a plain directory."""
        if not isinstance(self._source, DirectorySource):
            return None
        return PurePosixPath((Path(self._settings.repo) / self._settings.path).absolute())

    def _begin_log(self) -> None:
        log = self._settings.log
        journal = logs.to_journal(sys.stderr, self._environment.get("JOURNAL_STREAM", ""))
        form: logs.Format = "journal" if journal and log.format == "console" else log.format
        logs.configure(form, log.level, sys.stderr, count=self._metrics.log_message)
        threading.excepthook = self._thread_broke

    def _thread_broke(self, args: threading.ExceptHookArgs) -> None:
        """No thread ends unheard: a bug in any of them is a line in the log, with its traceback."""
        if args.exc_value is not None:
            self._witness.crashed(args.exc_value)

    def _prepare_history(self) -> None:
        try:
            interrupted = self._witness.store.prepare()
            self._metrics.remember_jobs(self._witness.store.job_successes())
        except StoreUnavailable as error:
            self._witness.logger.error("history", reason=error.reason, message=error.message)
            return
        if interrupted:
            self._witness.logger.warning("runs of an earlier process were interrupted", count=interrupted)
        for file in self._witness.store.set_aside():
            self._witness.logger.warning("a history that was damaged lies aside", reason="StateRebuilt", file=str(file))
        self._metrics.watch_state_db(self._witness.store.size)

    def _serve(self) -> Listening | None:
        """Begin to listen. Where that cannot be, it is told and tried again: no reason to let the host be."""
        settings = self._settings
        if not settings.listen:
            return None
        server = Server(
            settings.listen,
            metrics=self._metrics,
            overview=lambda: self._witness.overview,
            ready=self._witness.ready,
            allowed_hosts=settings.allowed_hosts,
        )
        listening = Listening(server, lambda failure: self._witness.listening(server.url, failure))
        listening.start()
        return listening

    def _watches(self) -> list[Watch]:
        wake, witness = self._loop.wake, self._witness
        places = [self._state.files, self._settings.secrets_dir]
        watches = [
            watch_events(self._engine, self._settings.instance, wake, witness),
            watch_files(places, wake, witness.files_unwatched),
        ]
        if isinstance(self._source, DirectorySource):
            watches.append(watch_directory(Path(self._settings.repo), wake, witness))
        return watches

    def _listen_to_signals(self) -> None:
        """A handler only sets a flag and puts a message into the loop's queue or a socket, which may be done at any
        moment, also in the middle of another handler."""

        def end(number: int, _frame: object) -> None:
            self._ended_by = number
            self._witness.notifier.stopping("ends the steps under way")
            self._loop.stop()

        def look(_number: int, _frame: object) -> None:
            self._loop.wake(AskSource(Trigger.MANUAL))
            self._loop.wake(LookAt(Trigger.MANUAL))

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        signal.signal(signal.SIGHUP, look)


def leave(jobs: tuple[str, ...], logger: FilteringBoundLogger, code: int = 0) -> NoReturn:
    """End although threads are under way: of those nothing can be asked any more, and Python would wait for them.
    To the host it is as if the agent had been killed in the middle, which the next one makes good."""
    message = "what does not end in time is left as it is, and made good by the next start"
    logger.warning("left", jobs=jobs, message=message)
    sys.stderr.flush()
    os._exit(code)
