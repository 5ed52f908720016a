"""What becomes of content that a command brought: noted as good, or given up for what was good before.

The agent goes on looking until it knows (`agent.probation`); a command has an end. So here content that is on trial is
waited for, where there is something to go back to. Going back is one more turn, as in the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from agent.account import DID_NOT_TAKE, new_run_id
from agent.errors import Trouble
from agent.gone_back import gone_back
from agent.good_images import GoodImages
from agent.guard import new_services, services_of
from agent.model import Failure, Health, Report, Revision, Stack
from agent.occasions import Trigger
from agent.reconcile import HEALTH_POLL, Reconciler, Turn
from agent.rejections import content_of
from agent.suspension import NOTHING
from agent.trial import NO_TRIAL, Judgement, State, Trial, counts_as_good, judge

NONE_KNOWN = "it is left as it is: nothing that was good before is known of it"
UNWANTED = "it is left as it is: nobody wants it taken back (--on-failure keep)"
SAME = "it is left as it is: what was good before is just the same"


@dataclass(frozen=True)
class TakenBack:
    """What became of a stack whose content did not prove good: the `report` of going back to what it was at `revision`,
    or `why_not`."""

    stack: str
    failure: Failure
    revision: Revision | None = None
    report: Report | None = None
    why_not: str = ""


class _Earlier(NamedTuple):
    """What a stack can go back to, or in words why it cannot; `first` where it is known that nothing was good yet."""

    stack: Stack | None = None
    why_not: str = ""
    first: bool = False


_UNASKED = _Earlier()


@dataclass(frozen=True)
class Trials:
    """`good` gives a stack as it was when it was last good, None where it never was; it raises `Trouble` where that
    cannot be told. `accept` has the stack known as good from now on. Nothing is waited for once it is `until` by the
    reconciler's clock: what has proved nothing by then is left as it is. With `takes_back` off, so is what is no
    good."""

    reconciler: Reconciler
    images: GoodImages
    good: Callable[[Stack], Stack | None]
    accept: Callable[[Stack], None]
    until: float = math.inf
    takes_back: bool = True

    def conclude(self, turn: Turn, reports: tuple[Report, ...], made: float | None = None) -> tuple[TakenBack, ...]:
        """Judge each stack of a turn by its report, and take back what is no good. Empty where all is well, or where
        somebody wants an end of it. `made` is when all was made, in monotonic seconds, if not just now."""
        made = self.reconciler.clock() if made is None else made
        by_stack = {report.stack: report for report in reports}
        found = [self._conclude(_of_one(turn, stack), by_stack[stack.name], made) for stack in turn.stacks]
        return tuple(one for one in found if one)

    def _conclude(self, turn: Turn, report: Report, made: float) -> TakenBack | None:
        (stack,) = turn.stacks
        if self.reconciler.stop() or turn.suspended.get(stack.name, NOTHING).whole:
            return None
        so_far = self._judge(stack, report, made)
        known = so_far.state in {State.GOOD, State.UNDER_WAY} and report.health is Health.HEALTHY
        earlier, why_not, first = _UNASKED if known else self._earlier(stack)
        judgement = self._judge(stack, report, made, earlier=earlier)
        if judgement.state is State.ON_TRIAL and earlier is not None:
            judgement = self._waited(turn, judgement, earlier)
        judgement = judgement.with_words(partial(self.reconciler.host.words, stack))
        if judgement.state is State.FAILED and judgement.failure:
            return self._go_back(turn, judgement.failure, earlier, why_not)
        if counts_as_good(judgement, first=first) and report.health is Health.HEALTHY:
            self.accept(stack)
            self.images.note(stack.name, report.images)
        return None

    def _earlier(self, stack: Stack) -> _Earlier:
        try:
            good = self.good(stack)
        except Trouble as trouble:
            return _Earlier(None, f"it is left as it is: what was good before cannot be read: {trouble.message}")
        if good is None:
            return _Earlier(None, NONE_KNOWN, first=True)
        return _Earlier(None, SAME) if content_of(good) == content_of(stack) else _Earlier(good)

    def _waited(self, turn: Turn, judgement: Judgement, earlier: Stack) -> Judgement:
        """The judgement once the trial is over, or nobody waits any more."""
        (stack,) = turn.stacks
        looking = replace(turn, act=False)
        while judgement.state is State.ON_TRIAL and not (self.reconciler.stop() or self._is_late()):
            self.reconciler.sleep(min(HEALTH_POLL, judgement.again_in))
            (report,) = self.reconciler.take(looking)
            judgement = self._judge(stack, report, self.reconciler.clock(), judgement.trial, earlier)
        return judgement

    def _is_late(self) -> bool:
        return self.reconciler.clock() >= self.until

    def _judge(
        self, stack: Stack, report: Report, now: float, trial: Trial = NO_TRIAL, earlier: Stack | None = None
    ) -> Judgement:
        """As in the loop, but for what has stopped by itself: nobody starts it again, so its health tells."""
        judgement = judge(stack, report, trial, now, earlier)
        if judgement.state is State.UNDER_WAY and (report.failure is None or report.failure.reason == DID_NOT_TAKE):
            by_health = judge(stack, replace(report, failure=None, synced=True), trial, now, earlier)
            return by_health if by_health.state is State.FAILED else judgement
        return judgement

    def _go_back(self, turn: Turn, failure: Failure, good: Stack | None, why_not: str) -> TakenBack:
        (stack,) = turn.stacks
        if not self.takes_back:
            return TakenBack(stack.name, failure, why_not=UNWANTED)
        if good is None:
            return TakenBack(stack.name, failure, why_not=why_not)
        back = replace(
            turn,
            stacks=(gone_back(self.images.pinned(good), content_of(stack)),),
            trigger=Trigger.ROLLBACK,
            run_id=new_run_id(),
            exact=False,
            fallback=True,
            consent=replace(turn.consent, free=new_services(stack, good)),
        )
        (report,) = self.reconciler.settle(back, self.reconciler.take(back), self.until)
        return TakenBack(stack.name, failure, good.revision, report)


def _of_one(turn: Turn, stack: Stack) -> Turn:
    """The turn as far as it is about one of its stacks."""
    others = {other.name: services_of(other) for other in turn.stacks if other.name != stack.name}
    return replace(
        turn,
        stacks=(stack,),
        scope=replace(turn.scope, stacks=frozenset({stack.name}), whole=False),
        elsewhere={**turn.elsewhere, **others},
    )
