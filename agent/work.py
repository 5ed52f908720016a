"""What the loop knows of one stack: what is wanted of it, what of the source waits, and what came of it so far.

What is wanted is two values: the `Goal`, which the stack is converged to, and the `Lag`, in which the source is ahead
of it. A stack whose goal is nothing has left the source where there is no lag, and is not known yet where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from agent.account import new_run_id
from agent.guard import Consent, Wanted, new_services
from agent.handling import Order
from agent.held import NEEDS_APPROVAL, PRUNE_OFF
from agent.model import Action, Change, Failure, Health, Key, Report, Result, Revision, Scope, Stack
from agent.occasions import Trigger
from agent.planning import Demands
from agent.planning.makers import Claimed
from agent.reconcile import Turn
from agent.rejections import content_of
from agent.rollout import START_TIMEOUT
from agent.suspension import NOTHING, Suspended, Suspension
from agent.trial import NO_TRIAL, Trial
from agent.twins import NEXT

BY_ITSELF = frozenset({Trigger.TRIAL, Trigger.RETRY, Trigger.INTERVAL, Trigger.START})  # nothing came from outside
ASKED = frozenset({Trigger.MANUAL, Trigger.APPROVE})  # somebody wants it now, whatever became of what was before
NEWS = frozenset({Trigger.MANUAL, Trigger.GIT, Trigger.ROLLBACK})  # whoever asked waits for these turns


class Standing(NamedTuple):
    """How the goal of a stack stands: the id of the revision that is known to be good, and the trial that is on."""

    accepted: str = ""
    trial: Trial = NO_TRIAL


@dataclass(frozen=True)
class Goal:
    """What a stack is converged to, and how that came to be wanted."""

    stack: Stack | None = None  # None: nothing of it, or nothing that is known
    proved: bool = False  # it was good before, and is wanted again
    given_up: str = ""  # a digest of the content that is not wanted any more because it was no good
    free: frozenset[str] = frozenset()  # services that bad content brought, which may go without anybody's word

    @cached_property
    def keys(self) -> frozenset[Key]:
        """Of what is wanted: an event about one of them concerns this stack."""
        return frozenset(resource.key for resource in self.stack.resources) if self.stack else frozenset()

    @cached_property
    def made(self) -> frozenset[Key]:
        """Of these, what no other stack of the host can make as well."""
        wanted = self.stack.resources if self.stack else ()
        return frozenset(one.key for one in wanted if not (one.external or one.prepares))


@dataclass(frozen=True)
class Lag:
    """In what the source is ahead of the goal, and why; false where it is not ahead. New content waits because it is
    `frozen`, or because of the failure."""

    coming: Stack | None = None  # new content
    frozen: Suspension | None = None  # waits for the end of a window, be it new content or that it left the source
    failure: Failure | None = None  # what is wrong with the newest, or which stacks it waits for

    def __bool__(self) -> bool:
        return self != FOLLOWED


FOLLOWED = Lag()


@dataclass
class Work:
    """Touched by the loop's own thread only. `goal` and `lag` are set by the methods alone: each of these is one way in
    which what is wanted changes."""

    name: str
    goal: Goal = field(default_factory=Goal)
    lag: Lag = FOLLOWED
    suspended: Suspended = NOTHING
    # the next turn
    trigger: str | None = None  # set: one is due
    not_before: float = 0.0
    again: tuple[float, str] | None = None  # when one gets due by itself, and its trigger then
    busy: bool = False
    heard: int = 0  # how often there was a reason for a turn, be one under way or not
    resumed: bool = False  # what a rollout paused at is tried again in it
    # what came of the turns so far
    standing: Standing = field(default_factory=Standing)
    known: frozenset[Key] = frozenset()  # of the goal's keys, those that were there and as wanted after a turn
    last: Report | None = None
    brought: Revision | None = None  # the commit that brought what was tried last, or that is why nothing new is

    @property
    def desired(self) -> Stack | None:
        """None: gone from the source and to be pruned, or not known."""
        return self.goal.stack

    @property
    def restraint(self) -> Suspended:
        """All that is not to be done for now."""
        return replace(self.suspended, frozen=self.lag.frozen)

    @property
    def is_understood(self) -> bool:
        """Whether it is known what is wanted of it: of a broken stack the last good state, of one that left nothing."""
        return self.desired is not None or not self.lag

    @property
    def has_left(self) -> bool:
        """Whether it is known that nothing is wanted in it, and nothing waits to be."""
        return self.desired is None and self.is_understood

    def is_gone_by(self, report: Report) -> bool:
        """Whether it has left, and nothing of it is there any more that would have to be reported."""
        return self.has_left and nothing_stays(report)

    @property
    def is_kept(self) -> bool:
        """Whether it is kept at content that proved good, while the newest is no good or waits, be it for the end of a
        freeze window."""
        proved = self.goal.proved or (self.desired is not None and self.desired.revision.id == self.standing.accepted)
        return bool(self.lag) and proved

    @property
    def only_waits(self) -> bool:
        """Whether there is nothing to converge to until what waits is taken up."""
        return self.desired is None and (self.lag.coming is not None or self.lag.frozen is not None)

    @property
    def is_due(self) -> bool:
        """Whether a turn may begin once its time has come."""
        return (self.trigger is not None or self.again is not None) and not self.busy and not self.only_waits

    @property
    def due_at(self) -> float:
        """When the next turn may begin. A turn that comes due by itself does not delay one that is due now."""
        by_itself = max(self.again[0], self.not_before) if self.again else float("inf")
        return min(self.not_before, by_itself) if self.trigger is not None else by_itself

    @property
    def has_more_to_come(self) -> bool:
        """Whether another turn has to come before it is known how the stack stands."""
        return self.trigger is not None or (self.again is not None and self.again[1] == Trigger.TRIAL)

    @property
    def has_news(self) -> bool:
        """Whether a turn is under way, or one is due that somebody who asked waits for."""
        return self.busy or (self.trigger in NEWS and not self.only_waits)

    @property
    def is_overtaken(self) -> bool:
        """Whether it is looked at again at once, since the host changed during its last turn."""
        return self.trigger == Trigger.RETRY and self.last is not None and self.last.failure is None

    @property
    def is_guarded(self) -> bool:
        """Whether a removal of something in it waits for approval."""
        return self.last is not None and any(change.code in NEEDS_APPROVAL for change in self.last.plan.changes)

    def is_about(self, keys: frozenset[Key], id: str) -> bool:
        """Whether it wants an object of one of the keys, or has the one of the engine's id."""
        return (self.last is not None and id in self.last.ids) or not keys.isdisjoint(self.goal.keys)

    def is_late_start(self, name: str) -> bool:
        """Whether it is the start of this container that hung in the last turn: then two of it run by now."""
        hung = [one.change for one in (self.last.outcomes if self.last else ()) if one.reason == START_TIMEOUT]
        return any(name in (change.key.name + NEXT, _name_at_start(change)) for change in hung)

    # --- how what is wanted moves ---

    def want(self, stack: Stack | None, *, proved: bool = False) -> None:
        """Follow the source: converge to this, or with None to nothing of the stack."""
        if self.lag or differ(stack, self.desired):
            self.brought = None
        self._aim_at(Goal(stack, proved))
        self.lag = FOLLOWED

    def go_back(self, good: Stack, failure: Failure) -> None:
        """Want what was good before, because what is wanted now is not. What waits goes on waiting."""
        given_up = content_of(self.desired) if self.desired else ""
        self._aim_at(Goal(good, proved=True, given_up=given_up, free=new_services(self.desired, good)))
        self.lag = replace(self.lag, failure=failure)

    def offer(self, stack: Stack | None) -> None:
        """The newest has this to take up. None: nothing, for the stack has left the source."""
        self.lag = replace(self.lag, coming=stack)

    def freeze(self, why: Suspension) -> bool:
        """What is new waits for the end of a window. Returns whether it did not do so before."""
        if self.lag.frozen == why:
            return False
        self.lag = replace(self.lag, frozen=why, failure=None)
        return True

    def wait(self, failure: Failure) -> bool:
        """What is new waits for other stacks, as the failure says. Returns whether that is news."""
        before, self.lag = self.lag, replace(self.lag, frozen=None, failure=failure)
        return before.failure != failure

    def refuse(self, failure: Failure, given_up: str, blamed: Revision | None = None) -> bool:
        """The newest is wrong, so it stays at its last good state. `given_up` is a digest of the content where that was
        tried and is why, `blamed` the commit that brought it. Returns whether that is news."""
        before, self.lag, self.brought = self.lag, Lag(failure=failure), blamed
        self.goal = replace(self.goal, given_up=given_up)
        return before.failure != failure

    def _aim_at(self, goal: Goal) -> None:
        if differ(goal.stack, self.desired):
            self.standing = self.standing._replace(trial=NO_TRIAL)
        self.goal = goal
        self.known &= goal.keys  # what is wanted again later has not been removed behind our back

    # --- its turns ---

    def take_trigger(self) -> str:
        """Of the turn that begins now."""
        trigger = self.trigger or (self.again[1] if self.again else Trigger.INTERVAL)
        self.trigger = self.again = None
        return trigger

    def know(self, report: Report) -> None:
        """Take in what was there and as wanted after a turn: if it is gone later, nobody committed that."""
        if report.synced and report.revision:
            self.known = self.goal.keys
        self.known |= report.as_wanted & self.goal.keys
        if not self.lag:
            self.brought = report.commit or self.brought

    def moved_on(self) -> Callable[[], bool]:
        """A function that tells from now on whether other content is wanted, or something else suspended, than now. A
        worker may call it, for only the loop sets what it is about."""
        wanted, suspended = self.desired, self.suspended
        return lambda: differ(self.desired, wanted) or self.suspended != suspended

    def since_suspended(self) -> Callable[[], bool]:
        """As `moved_on`: whether more is suspended now, so that nothing would go on with what is left half-done."""
        suspended = self.suspended
        return lambda: bool(self.suspended) and self.suspended != suspended

    def dropped(self) -> Callable[[Key], bool]:
        """As `moved_on`, and whether the other content does without the given object."""
        moved_on = self.moved_on()
        return lambda key: moved_on() and key not in self.goal.keys

    @property
    def demands(self) -> Demands:
        """The ports of the host that its containers are to have."""
        return {one.key: one.ports for one in (self.desired.resources if self.desired else ()) if one.ports}

    def claimed(self, others: Iterable[Work]) -> Claimed:
        """Of what it is to make, what others are to make as well, with their names."""
        found: dict[Key, frozenset[str]] = {}
        for one in others:
            for key in self.goal.made & one.goal.made:
                found[key] = found.get(key, frozenset()) | {one.name}
        return found

    def turn(
        self,
        trigger: str,
        scope: Scope,
        elsewhere: Wanted,
        consent: Consent,
        others: Sequence[Work] = (),
        *,
        act: bool,
    ) -> Turn:
        """The next turn of this stack beside the others, without any change where all of it is suspended."""
        kept, before = self.is_kept, self.heard
        return Turn(
            (self.desired,) if self.desired else (),
            replace(scope, stacks=frozenset({self.name}), whole=False),
            trigger,
            self.known,
            act and not self.suspended.whole,
            fallback=kept,
            gone_back=kept and self.goal.proved,
            rejected=self.goal.given_up if kept else "",
            superseded=self.moved_on(),
            finishes=self.since_suspended(),
            dropped=self.dropped(),
            suspended={self.name: self.restraint},
            elsewhere=elsewhere,
            demands={key: ports for one in others for key, ports in one.demands.items()},
            claimed=self.claimed(others),
            consent=consent,
            coming=((self.lag.coming,) if self.lag.coming else ()) if self.lag.frozen else None,
            newest=not self.lag,
            resumed=self.resumed,
            earlier=self.last.revision.id if self.last and self.last.revision else "",
            heard=lambda: self.heard - before,
        )

    def told(self, report: Report) -> Report:
        """The report of a turn, which is not in sync where the source is ahead, or where something stays that should
        not."""
        if self.lag:
            return self._behind(report)
        return replace(report, synced=False, failure=report.failure or report.stays) if report.stays else report

    def _behind(self, report: Report) -> Report:
        """While the source is ahead of what is wanted."""
        failure = report.failure or self.lag.failure
        at = report.revision if self.desired and report.revision == self.desired.revision else None
        if report.failure and self.goal.given_up and at:
            failure = replace(report.failure, message=f"taken back to {at.short}, and there: {report.failure.message}")
        return replace(report, synced=False, done=False, failure=failure, suspended=self.restraint, commit=self.brought)

    def not_followed(self, revision: Revision, failure: Failure | None, now: float, *, waits: bool = False) -> Report:
        """Why the newest revision is not what is wanted, as a report: what is wrong, or what it `waits` for. `now` is
        seconds since the epoch."""
        last = self.last
        return Report(
            run_id=new_run_id(),
            stack=self.name,
            trigger=Trigger.GIT,
            revision=revision,
            result=Result.ERROR if failure and not waits else Result.NOOP,
            started=now,
            seconds=0.0,
            health=last.health if last else Health.UNKNOWN,
            services=last.services if last else (),
            failure=failure,
            suspended=self.restraint,
            waits=waits,
            commit=self.brought,
        )


def nothing_stays(report: Report) -> bool:
    """Whether nothing is there any more, after a turn, of a stack that has left."""
    kept = any(change.code == PRUNE_OFF for change in report.left.changes)
    return report.synced and not report.stays and not kept


def _name_at_start(change: Change) -> str:
    """What the new container is called when it starts: with start-first the old one has the name until later."""
    wanted, key = change.wanted, change.key
    first = change.action is Action.REPLACE and wanted and wanted.handling.rollout.order is Order.START_FIRST
    return key.name + NEXT if first else key.name


def differ(one: Stack | None, other: Stack | None) -> bool:
    """Whether not the same is wanted."""
    return one is not other and (one is None or other is None or one.resources != other.resources)


def crashed(turn: Turn, name: str, failure: Failure, now: float) -> Report:
    """The report of a turn of one stack that a bug ended. `now` is seconds since the epoch."""
    return Report(
        run_id=turn.run_id,
        stack=name,
        trigger=turn.trigger,
        revision=turn.stacks[0].revision if turn.stacks else None,
        result=Result.ERROR,
        started=now,
        seconds=0.0,
        failure=failure,
        suspended=turn.suspended.get(name, NOTHING),
    )
