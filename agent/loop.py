"""When to look: every trigger ends here, and every turn begins here.

One thread decides (this one). What takes time runs in workers, the source in one and each busy stack in one of its own:
so a hung fetch delays no healing, and a slow stack delays no other. Workers and triggers talk to the loop through one
queue and share nothing with it. Any number of triggers for a busy stack make one more turn after the running one.
"""

from __future__ import annotations

import queue
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from agent.answering import Answering
from agent.asking import Asking
from agent.backoff import Patience
from agent.errors import Trouble
from agent.following import Following
from agent.guard import services_of
from agent.intake import Intake, take_in
from agent.model import Failure, Report, Result, Scope, Stack, Status
from agent.occasions import Trigger
from agent.ports import AskSource, Audience, Desires, Directives, LookAt, NoDirectives, Orders, Rhythm, Turns
from agent.probation import Verdict, stands_good, verdict_on
from agent.pulse import Pulse
from agent.reconcile import Turn
from agent.scheduling import Scheduling
from agent.trial import State
from agent.work import ASKED, BY_ITSELF, NEWS, Standing, Work, crashed, nothing_stays
from agent.workers import Workers

SOURCE = "source"


@dataclass(frozen=True)
class _Stop:
    """Wakes the loop so that it sees that it is to stop."""


@dataclass(frozen=True)
class _TurnDone:
    stack: str
    report: Report
    superseded: Callable[[], bool]
    verdict: Verdict | None = None


_Message = AskSource | LookAt | _Stop | Intake | _TurnDone


class Loop:
    """Runs until `stop`. Every time is monotonic seconds from `clock`."""

    def __init__(
        self,
        desires: Desires,
        turns: Turns,
        audience: Audience,
        scope: Scope,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        rhythm: Rhythm | None = None,
        act: bool = True,
        chance: random.Random | None = None,
        directives: Directives | None = None,
    ) -> None:
        self._desires, self._turns, self._audience = desires, turns, audience
        self._scope, self._act, self._clock, self._wall = scope, act, clock, wall
        self._rhythm = rhythm or Rhythm()
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not cryptography
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._stacks: dict[str, Work] = {}
        self._following = Following(self._stacks, self, wall)
        self._scheduling = Scheduling(self._stacks, self._due, audience.job_ended, wall)
        self._asking = Asking(clock, self._chance, self._rhythm.poll, self._rhythm.jitter)
        self._directives = directives or NoDirectives()
        self._orders: Orders = NoDirectives()  # until the first round
        self._resync_due, self._changed_at = clock() + self._rhythm.resync, clock()
        self._patience = Patience(self._chance)
        self._answering = Answering(audience.answered, self._following)
        self._pulse, self._late = Pulse(clock), tuple[str, ...]()
        self.stopping = False
        self.left: tuple[str, ...] = ()  # what was still under way when its time to end was over
        self._workers = Workers()

    # --- what others may call, from any thread ---

    def wake(self, reason: AskSource | LookAt) -> None:
        """Say that something may have changed."""
        self._inbox.put(reason)

    def stop(self) -> None:
        """Begin nothing more. Turns under way finish the changes they are at. A signal handler may call this in the
        middle of another call of it, so nothing here takes a lock (a `SimpleQueue` may be put into at any moment)."""
        self.stopping = True
        self._inbox.put(_Stop())

    def progressed(self, stack: str, extra: float = 0.0) -> None:
        """The stack's turn has got on, and may be silent for `extra` seconds more than usual."""
        self._pulse.beat(f"turn-{stack}", self._rhythm.silence + extra)

    def source_progressed(self) -> None:
        self._pulse.beat(SOURCE, self._rhythm.source_silence)

    @property
    def source_failure(self) -> Failure | None:
        """Why nothing new can be taken from the source."""
        return self._asking.failure

    @property
    def wanted(self) -> tuple[Stack, ...]:
        """The stacks that are kept, each as it is wanted now. For the loop's own thread."""
        return tuple(work.desired for _, work in sorted(self._stacks.items()) if work.desired)

    # --- the loop ---

    def run(self, *, once: bool = False) -> tuple[Report, ...]:
        """Look until `stop`, or with `once` until the source was read and each stack had its turn.

        Returns the last report of each stack. What is under way is waited for, but for no longer than the rhythm says.
        """
        while not self.stopping:
            if self._act and not once:
                self._scheduling.ask()
            self._begin_what_is_due()
            if once and self._all_had_their_turn():
                break
            self._feed_watchdog()
            self._hear(self._until_next())
        self.left = self._workers.join(self._rhythm.ending)
        self._drain()
        return tuple(work.last for _, work in sorted(self._stacks.items()) if work.last)

    def _all_had_their_turn(self) -> bool:
        idle = all(
            not work.busy and (not work.has_more_to_come or (work.last is not None and work.last.failure))
            for work in self._stacks.values()
            if not work.only_waits and (work.lag.coming is None or work.lag.frozen)
        )
        if self._following.someone_gets_on(self._clock() - self._changed_at):
            return False
        return idle and not self._asking.busy and not self._asking.is_due

    def _hear(self, seconds: float) -> None:
        try:
            message = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return
        self._understand(message)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                self._understand(self._inbox.get_nowait())
            except queue.Empty:
                return

    def _understand(self, message: _Message) -> None:
        match message:
            case AskSource():
                self._audience.triggered(message.trigger)
                self._asking.at_once()
            case LookAt():
                self._on_look(message)
            case _Stop():
                self.stopping = True
            case Intake():
                self._on_source(message)
            case _TurnDone():
                self._on_turn(message)

    def _until_next(self) -> float:
        """Seconds until something is due, at most a second so that the watchdog is fed."""
        due = [self._resync_due]
        if not self._asking.busy:
            due.append(self._asking.due)
        due += [work.due_at for work in self._stacks.values() if work.is_due]
        return min(1.0, max(0.0, min(due) - self._clock()))

    def _feed_watchdog(self) -> None:
        late = self._pulse.late()
        if late != self._late:
            self._late = late
            self._audience.hanging(late)
        if not late:
            self._audience.alive()

    def _begin_what_is_due(self) -> None:
        now = self._clock()
        self._heed_orders()
        self._following.thaw()
        if now >= self._resync_due:
            self._resync_due = now + self._rhythm.resync
            self._turns.look_afresh()
            for work in self._stacks.values():
                self.mark(work, Trigger.INTERVAL)
        if self._asking.is_due:
            self._asking.busy = True
            first = self._following.reading is None
            take = partial(
                take_in, self._desires, self._turns, first=first, approved=self._orders.approved, wall=self._wall
            )
            self._submit(SOURCE, self._rhythm.source_silence, take, lambda failure: Intake(failure=failure))
        for work in self._stacks.values():
            if work.is_due and now >= work.due_at:
                self._begin_turn(work)

    def _submit(
        self, name: str, silence: float, job: Callable[[], _Message], crashed: Callable[[Failure], _Message]
    ) -> None:
        """Run the job in a worker. A bug in it becomes a failure of that one job, told with its traceback."""

        def broke(raised: BaseException) -> None:
            if isinstance(raised, Trouble):
                self._inbox.put(crashed(raised.failure()))
                return
            self._audience.crashed(raised)
            self._inbox.put(crashed(Failure("InternalError", f"{type(raised).__name__}: {raised}")))

        self._pulse.begin(name, silence)
        self._workers.begin(name, lambda: self._inbox.put(job()), broke)

    # --- triggers ---

    def _on_look(self, look: LookAt) -> None:
        if look.afresh or not (look.stack or look.keys):
            self._turns.look_afresh()
        if works := self._concerned(look):
            self._audience.triggered(look.trigger)
        for work in works:
            if work.is_late_start(look.started_name):
                work.not_before = 0.0
            self.mark(work, look.trigger)

    def _concerned(self, look: LookAt) -> list[Work]:
        if look.stack:
            return [self._stacks[look.stack]] if look.stack in self._stacks else []
        if look.keys:
            return [work for work in self._stacks.values() if work.is_about(look.keys, look.id)]
        return list(self._stacks.values())

    def mark(self, work: Work, trigger: str) -> None:
        """Make a turn due. Backing off is cut short only for whoever asks by hand, not for events: a failing stack
        causes events itself."""
        work.heard += 1
        if trigger == Trigger.MANUAL:
            work.trigger, work.not_before = trigger, 0.0
            self._patience.relent(work.name)
            if self._desires.forgive(work.name):
                self._asking.at_once()
        elif work.trigger is None:
            settled = self._clock() + (self._rhythm.settle if trigger == Trigger.EVENT else 0.0)
            work.trigger, work.not_before = trigger, max(work.not_before, settled)

    def _heed_orders(self) -> None:
        """Look at once at each stack whose suspensions have changed, or of which more may be removed now."""
        before, self._orders = self._orders, self._directives.now()
        for reason in self._answering.heed(self._orders.asked, self._stacks) if self._orders is not before else ():
            self._understand(reason)
        if approved := self._orders.approved - before.approved:
            self._asking.at_once()
        for work in self._stacks.values() if self._orders is not before else ():
            suspended = self._orders.of(work.name)
            trigger = Trigger.SUSPEND if suspended else Trigger.RESUME if work.suspended else Trigger.APPROVE
            if suspended != work.suspended or (approved and work.is_guarded):
                work.suspended, work.resumed = suspended, True
                self.fresh(work, trigger)
            elif approved and work.busy:  # what the turn under way holds may be just that
                self._due(work, trigger)

    def _due(self, work: Work, trigger: str) -> None:
        """A job's time has come, or its run takes too long; or what was held in vain may be done by now."""
        self._audience.triggered(trigger)
        self.mark(work, trigger)

    # --- the source ---

    def _on_source(self, done: Intake) -> None:
        self._pulse.end(SOURCE)
        outdated = self._asking.is_outdated
        self._audience.source_read(done.reading, done.failure, self._asking.answered(done.failure))
        for stack in done.recovered:
            work = self.work_of(stack.name)
            if work.desired is None:
                work.want(stack, proved=True)
                self.mark(work, Trigger.START)
        if done.reading is not None and not outdated:
            self._following.follow(done.reading, done.on_host)
        if not self._asking.is_due:  # else it was read before somebody asked
            # what is under way may well be of this news: a reading that was on its way when somebody asked had it too
            self._answering.source_read(self._stacks)

    def fresh(self, work: Work, trigger: str) -> None:
        """Try new content at once, whatever became of the old. It is told as the reason of the turn, even where another
        one had made a turn due before, unless somebody had asked for that turn."""
        self._audience.triggered(trigger)
        work.not_before = 0.0
        if work.trigger is None or (trigger in NEWS and work.trigger != Trigger.MANUAL):
            work.trigger = trigger
        self._patience.forgive(work.name)

    def tell(self, report: Report) -> None:
        self._audience.reported(report)

    def work_of(self, name: str) -> Work:
        return self._stacks.setdefault(name, Work(name, suspended=self._orders.of(name)))

    # --- turns ---

    def _begin_turn(self, work: Work) -> None:
        trigger = work.take_trigger()
        if trigger in BY_ITSELF:  # all others were counted when they came
            self._audience.triggered(trigger)
        if not work.is_understood:
            self._answering.tell_if_done()
            return  # never was good here: nothing is known to converge to, and nothing is removed
        name, before = work.name, work.standing
        elsewhere = {other: services_of(one.desired) for other, one in self._stacks.items() if one.is_understood}
        consent = self._following.consent(self._orders.approved, work.goal.free)
        others = [one for one in self._stacks.values() if one is not work]
        turn = work.turn(trigger, self._scope, elsewhere, consent, others, act=self._act)
        resting = self._patience.resting(name, self._clock())
        turn = replace(turn, asked=self._scheduling.take(name), resting=resting)
        work.busy, work.resumed = True, False
        self._submit(
            f"turn-{name}",
            self._rhythm.silence,
            lambda: self._take_turn(name, turn, before),
            lambda failure: _TurnDone(name, crashed(turn, name, failure, self._wall()), turn.superseded),
        )

    def _take_turn(self, name: str, turn: Turn, before: Standing) -> _TurnDone:
        """In a worker: one turn, and what it says of the content."""
        (report,) = self._turns.take(turn)
        verdict = verdict_on(self._desires, turn, report, before, self._clock(), words=self._turns.words)
        if stands_good(turn, report, before, verdict):
            self._turns.note_good(name, report)
        if not turn.stacks and nothing_stays(report):
            self._desires.forget(name)
        return _TurnDone(name, report, turn.superseded, verdict)

    def _on_turn(self, done: _TurnDone) -> None:
        self._pulse.end(f"turn-{done.stack}")
        work, now = self._stacks[done.stack], self._clock()
        self._changed_at = now if done.report.outcomes else self._changed_at
        work.busy = False
        counts = not done.superseded()  # else something newer is wanted by now, and the turn says nothing of that
        verdict = done.verdict if counts else None
        if counts:
            work.know(done.report)
        goes_back = verdict is not None and self._heed(work, done.report, verdict)
        report = work.told(done.report)
        if counts and not goes_back:
            self._schedule_next(work, done.report, now, verdict.judgement.again_in if verdict else 0.0)
            stuck = self._patience.stuck(done.report) if report.failure is None else None
            report = replace(report, failure=stuck, result=Result.ERROR, synced=False) if stuck else report
        on_trial = verdict is not None and verdict.judgement.state is State.ON_TRIAL
        report = self._scheduling.heed(work, report)
        work.last = report = replace(report, on_trial=on_trial, fights=self._patience.fights(work.name, now))
        self._audience.reported(report)
        if counts and work.is_gone_by(done.report):
            self._forget(work)
        self._following.take_up()
        self._answering.tell_if_done()

    def _heed(self, work: Work, report: Report, verdict: Verdict) -> bool:
        """Go on with new content, or back to what was good before. Returns whether it goes back."""
        judgement = verdict.judgement
        work.standing = work.standing._replace(trial=judgement.trial)
        if judgement.state is State.GOOD and report.revision:
            work.standing = work.standing._replace(accepted=report.revision.id)
        if verdict.good is None or judgement.failure is None:
            return False
        work.go_back(verdict.good, judgement.failure)
        self._asking.outdate()  # a reading that began before would bring the same content again
        self._audience.taken_back(verdict.good, judgement.failure)
        self.fresh(work, Trigger.ROLLBACK)
        work.trigger = Trigger.ROLLBACK
        return True

    def _schedule_next(self, work: Work, report: Report, now: float, again_in: float) -> None:
        overtaken = any(outcome.status is Status.OVERTAKEN for outcome in report.outcomes)
        if overtaken or (report.failure and not report.waits):
            work.trigger = work.trigger or Trigger.RETRY
        pause = self._patience.after(report, now)
        # what was heard meanwhile has a time to settle of its own
        work.not_before = now if work.trigger in ASKED else max(work.not_before, now + pause.alone)
        turns = ((again_in, Trigger.TRIAL), (pause.again, Trigger.RETRY))
        later = [(now + seconds, why) for seconds, why in turns if seconds]
        work.again = min(later, default=None)

    def _forget(self, work: Work) -> None:
        del self._stacks[work.name]
        self._scheduling.forget(work.name)
        self._patience.forgive(work.name)
        self._audience.forgotten(work.name)
