"""What the loop knows of one stack: what is wanted of it, what is due, and what came of it last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.account import new_run_id
from agent.guard import Consent, Wanted, services_of
from agent.held import PRUNE_OFF
from agent.model import Failure, Health, Key, Report, Result, Revision, Scope, Stack
from agent.planning import EMPTY_DESIRED_STATE, PRUNE_GUARD, Demands
from agent.reconcile import Turn
from agent.rejections import content_of
from agent.suspension import NOTHING, Suspended, Suspension
from agent.trial import Trial

TRIAL = "trial"  # the trigger of seeing whether what is new is good by now
GUARDS = frozenset({EMPTY_DESIRED_STATE, PRUNE_GUARD})


@dataclass
class Work:
    """Touched by the loop's own thread only."""

    name: str
    desired: Stack | None = None  # None: gone from the source, to be pruned
    broken: Failure | None = None  # the source's newest says something wrong; `desired` is the last good
    proved: bool = False  # `desired` was good before, and is wanted again
    rejected: str = ""  # a digest of the content that was given up, where that is why it is broken
    trigger: str | None = None  # set: a turn is due
    busy: bool = False
    not_before: float = 0.0
    again: tuple[float, str] | None = None  # when a turn gets due by itself, and its trigger then
    accepted: str = ""
    keys: frozenset[Key] = frozenset()  # of what is wanted: an event about one of them concerns this stack
    known: frozenset[Key] = frozenset()  # those of them that were there and as wanted at the end of a turn
    last: Report | None = None
    coming: Stack | None = None  # new content, which waits for other stacks
    trial: Trial | None = None  # of the content that is not known to be good yet
    suspended: Suspended = NOTHING
    may_go: int = 0  # services that bad content brought, which may go without anybody's word
    paused: frozenset[Key] = frozenset()  # what is not replaced before there is something new, for it was no good
    frozen: Suspension | None = None  # why what is new waits, be it content or that it left the source

    @property
    def restraint(self) -> Suspended:
        """All that is not to be done for now."""
        return replace(self.suspended, frozen=self.frozen)

    @property
    def only_waits(self) -> bool:
        """Whether nothing is known to converge to until what waits is taken up."""
        return self.desired is None and (self.coming is not None or self.frozen is not None)

    def is_about(self, keys: frozenset[Key], id: str) -> bool:
        """Whether it wants an object of one of the keys, or has the one of the engine's id."""
        return (self.last is not None and id in self.last.ids) or not keys.isdisjoint(self.keys)

    @property
    def is_due(self) -> bool:
        """Whether a turn may begin once its time has come."""
        return (self.trigger is not None or self.again is not None) and not self.busy and not self.only_waits

    @property
    def due_at(self) -> float:
        """When the next turn begins that is due. What gets due by itself does not delay what is due now."""
        by_itself = max(self.again[0], self.not_before) if self.again else float("inf")
        return min(self.not_before, by_itself) if self.trigger is not None else by_itself

    @property
    def has_more_to_come(self) -> bool:
        """Whether there is a turn to come before one knows how it stands."""
        return self.trigger is not None or (self.again is not None and self.again[1] == TRIAL)

    def take_trigger(self) -> str:
        """Of the turn that begins now."""
        trigger = self.trigger or (self.again[1] if self.again else "interval")
        self.trigger = self.again = None
        return trigger

    @property
    def is_understood(self) -> bool:
        """Whether it is known what is wanted in it: the last good state of what is broken, nothing where it left."""
        return self.desired is not None or (self.broken is None and not self.only_waits)

    @property
    def has_left(self) -> bool:
        """Whether it is known that nothing is wanted in it, and nothing waits to be."""
        return self.desired is None and self.is_understood

    def is_gone_by(self, report: Report) -> bool:
        """Whether nothing of it is there any more that would have to be told of."""
        kept = any(change.code == PRUNE_OFF for change in report.left.changes)
        return self.has_left and report.synced and not report.stays and not kept

    @property
    def is_guarded(self) -> bool:
        """Whether something of it would be removed once somebody said that it may."""
        return self.last is not None and any(change.code in GUARDS for change in self.last.plan.changes)

    def go_back(self, good: Stack, failure: Failure) -> None:
        """Want what was good before, because what is wanted now is not."""
        brought = services_of(self.desired) - services_of(good)
        given_up = content_of(self.desired) if self.desired else ""
        self.want(good, proved=True)
        self.broken, self.may_go, self.rejected = failure, len(brought), given_up

    def want(self, stack: Stack | None, *, proved: bool = False) -> None:
        self.may_go, self.proved = 0, proved
        if stack is None or self.desired is None or stack.resources != self.desired.resources:
            self.trial = None
        self.desired = stack
        self.keys = frozenset(resource.key for resource in stack.resources) if stack else frozenset()
        self.known &= self.keys  # what is wanted again later has not been removed behind our back

    def know(self, report: Report) -> None:
        """Take in what was there and as wanted after a turn: if it is gone later, nobody committed that."""
        if report.synced and report.revision:
            self.known = self.keys
        self.known |= report.settled & self.keys

    def moved_on(self) -> Callable[[], bool]:
        """Tells from now on whether other content is wanted by then, or more or less is suspended. A worker may ask:
        only the loop sets what this is about."""
        wanted, suspended = self.desired, self.suspended

        def moved_on() -> bool:
            now = self.desired
            other = now is not wanted and (now is None or wanted is None or now.resources != wanted.resources)
            return other or self.suspended != suspended

        return moved_on

    def dropped(self) -> Callable[[Key], bool]:
        """Tells from now on whether other content is wanted by then, and that without an object. As `moved_on`."""
        moved_on = self.moved_on()
        return lambda key: moved_on() and key not in self.keys

    @property
    def demands(self) -> Demands:
        """The ports of the host that its containers are to have."""
        return {one.key: one.ports for one in (self.desired.resources if self.desired else ()) if one.ports}

    def turn(self, trigger: str, scope: Scope, elsewhere: Wanted, consent: Consent, *, act: bool) -> Turn:
        """The next turn of this stack, without any change where all of it is suspended."""
        return Turn(
            (self.desired,) if self.desired else (),
            replace(scope, stacks=frozenset({self.name}), whole=False),
            trigger,
            self.known,
            act and not self.suspended.whole,
            fallback=self.broken is not None,
            gone_back=self.broken is not None and self.proved,
            rejected=self.rejected if self.broken else "",
            superseded=self.moved_on(),
            dropped=self.dropped(),
            suspended={self.name: self.restraint},
            elsewhere=elsewhere,
            consent=consent,
        )

    def not_followed(self, revision: Revision, failure: Failure | None, now: float) -> Report:
        """Why the newest revision is not what is wanted, as a report. `now` is seconds since the epoch."""
        last = self.last
        return Report(
            run_id=new_run_id(),
            stack=self.name,
            trigger="git",
            revision=revision,
            result=Result.ERROR if failure else Result.NOOP,
            started=now,
            seconds=0.0,
            health=last.health if last else Health.UNKNOWN,
            services=last.services if last else (),
            failure=failure,
            suspended=self.restraint,
        )


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
