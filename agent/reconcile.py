"""One turn: look, decide, act, look again, and say what came of it.

The loop takes this turn for one stack at a time, `windlass apply` for all that it was given, and `windlass plan`
stops before acting. There is no other way to a change.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from agent.account import Look, Taken, longest_wait, new_run_id, report_of
from agent.beside import Beside
from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, ROLLOUT_STOPPED, Event, Options, converge
from agent.errors import Trouble
from agent.guard import NO_CONSENT, Acknowledgements, Consent, Wanted, must_count, removal_of, services_of
from agent.host import Host
from agent.kind_names import IMAGE
from agent.model import (
    Action,
    Cause,
    Change,
    Condition,
    Key,
    Observed,
    Outcome,
    Owner,
    Plan,
    Report,
    Requirement,
    Resource,
    Revision,
    Scope,
    Stack,
    Status,
)
from agent.occasions import Trigger
from agent.planning import Demands, Errand, Policy, Removal, as_it_was, hold_whole, make_plan, stops_for_others
from agent.planning.makers import Claimed, look_at
from agent.probe import Gate, Probe
from agent.protections import Protections
from agent.provenance import Provenance, Tracer
from agent.rollout import Pace
from agent.stack_order import STACK, in_order
from agent.stand_ins import ignore, never
from agent.suspension import Suspended
from agent.timing import Measured, Timed, measured
from agent.twins import base_name

HEALTH_POLL = 0.5
_NOT_BEGUN = frozenset({DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, ROLLOUT_STOPPED})
_GOES_ON = "goes on, for what it was stopped for did not come about"


@dataclass(frozen=True)
class Turn:
    """What to do in one turn: for which stacks, inside which scope, because of what."""

    stacks: tuple[Stack, ...]
    scope: Scope
    trigger: str
    known: frozenset[Key] = frozenset()  # what was as wanted when last looked at: if it is gone now, that is drift
    act: bool = True
    exact: bool = False  # carry out the plan and no more, even where a fetched image turns out to be another one
    run_id: str = field(default_factory=new_run_id)  # on every line that is said of this turn
    fallback: bool = False  # the last good content is wanted, since the newest is no good or waits
    gone_back: bool = False  # and it has proved good here before
    rejected: str = ""  # a digest of the content that was given up for it
    superseded: Callable[[], bool] = never  # whether something newer is wanted by now: then nothing more is begun
    finishes: Callable[[], bool] = never  # whether a replacement under way is finished even so: nothing goes on with it
    dropped: Callable[[Key], bool] = never  # whether it is superseded by what does not want the object any more
    suspended: Mapping[str, Suspended] = field(default_factory=dict)  # by stack: what is not to be changed
    elsewhere: Wanted = field(default_factory=dict)  # in further stacks, which this turn does not touch
    demands: Demands = field(default_factory=dict)  # the ports that further stacks are to have
    claimed: Claimed = field(default_factory=dict)  # and what they are to make
    consent: Consent = NO_CONSENT  # to removing much at once
    coming: tuple[Stack, ...] | None = None  # what waits for a freeze window to end: only what it would do is told
    asked: Mapping[Key, Errand] = field(default_factory=dict)  # what jobs are to do now
    resting: frozenset[Key] = frozenset()  # what was healed too often of late: left as it is for now
    newest: bool = True  # what is wanted is what the source says by now
    resumed: bool = False  # a directive since has the paused rollouts tried again
    earlier: str = ""  # the revision that the turn before was about, "" where that is not known
    heard: Callable[[], int] = lambda: 0  # how many reasons to look have come since it was to begin
    # what was replaced by something that was no good, and the id of its image, if known: not once more
    paused: Mapping[Key, str] = field(default_factory=dict)

    @property
    def leases(self) -> frozenset[tuple[str, str]]:
        """The services that are suspended by themselves, each with its stack."""
        return frozenset((stack, name) for stack, said in self.suspended.items() for name in said.services)


@dataclass(frozen=True)
class Reconciler:
    """Takes turns on one host. Times come from `clock` (monotonic seconds) and `wall` (seconds since the epoch)."""

    host: Host
    policy: Policy = field(default_factory=Policy)
    options: Options = field(default_factory=Options)
    protections: Protections = field(default_factory=Protections)
    acknowledgements: Acknowledgements = field(default_factory=Acknowledgements)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep  # while nothing is done but waiting
    rest: Callable[[float], None] = time.sleep  # in a thread that carries out a step
    stop: Callable[[], bool] = never
    tracer: Tracer = field(default_factory=Tracer)
    listen: Callable[[Turn, Event], None] = ignore
    timed: Timed = ignore

    def look(self, turn: Turn) -> Look:
        """See and decide. Raises `Unreachable` or `Refused` when the engine cannot be looked at."""
        wanted = [resource for stack in turn.stacks for resource in stack.resources]
        with measured(Measured.OBSERVE, self.timed, self.clock):
            labelled = look_at(turn.stacks, lambda wanted: self.host.observe(wanted, turn.scope))
        actual = self.protections.applied(wanted, labelled)
        policy = replace(self.policy, suspended=turn.leases, resting=turn.resting, paused=turn.paused)
        removal: Removal | None = None
        plan = self._plan(turn, actual, policy)
        if policy.prune and must_count(plan):
            removal = self._removal(turn)
            acknowledged = self.acknowledgements.cover(removal, turn.consent)
            policy = replace(policy, removal=removal, acknowledged=acknowledged)
            plan = self._plan(turn, actual, policy)
        plan = hold_whole(plan, self.host.unable(plan), turn.resting)
        return Look(actual, in_order(plan, turn.stacks), labelled, removal)

    def _plan(self, turn: Turn, actual: Mapping[Key, Observed], policy: Policy) -> Plan:
        """Where a commit seems to be the cause of a change, that commit is looked for, and the plan is made again with
        what was found: it may have been no commit after all."""
        decide = partial(make_plan, turn.stacks, actual, turn.scope, policy, turn.known, asked=turn.asked)
        decide = partial(decide, demands=turn.demands, claimed=turn.claimed)
        with measured(Measured.PLAN, self.timed, self.clock):
            plan = decide()
            traced = self._traced(turn, plan)
            return decide(traced=traced) if traced else plan

    def _traced(self, turn: Turn, plan: Plan) -> Mapping[str, Provenance]:
        """By stack, which commit brought it, where a commit seems to be the cause of a change."""
        changed = [change for change in plan.changes if change.cause is Cause.COMMIT]
        made_at: dict[str, set[str]] = {change.stack: set() for change in changed}
        for change in changed:
            made_at[change.stack] |= {change.seen.revision} if change.seen else set()
        return {one.name: self.tracer.trace(one, made_at[one.name]) for one in turn.stacks if one.name in made_at}

    def _skipped(self, turn: Turn, report: Report) -> tuple[Revision, ...]:
        stack = next((one for one in turn.stacks if one.name == report.stack), None)
        return self.tracer.skipped(stack, turn.earlier, report.commit) if stack and report.commit else ()

    def _removal(self, turn: Turn) -> Removal:
        """All that would be removed on this host, other stacks included."""
        everything = self.protections.applied((), self.host.observe([], replace(turn.scope, whole=True)))
        wanted = {**turn.elsewhere, **{stack.name: services_of(stack) for stack in turn.stacks}}
        return removal_of(everything.values(), turn.scope, wanted)

    def take(self, turn: Turn, look: Look | None = None) -> tuple[Report, ...]:
        """The whole turn; one report a stack of the scope, in the order of their names. Raises no `Trouble`.

        A whole scope has also the stacks that are not given any more and are left on the host. With a `look`, just its
        plan is carried out: what was shown to the user is what happens.
        """
        began = self.clock()
        if turn.fallback:
            turn = replace(turn, stacks=tuple(map(_going_back, turn.stacks)))
        if turn.trigger == Trigger.MANUAL:
            self.host.forgive()
        elif turn.trigger == Trigger.GIT:  # what it wants may have been pushed; others have nothing new
            self.host.forgive(resource for stack in turn.stacks for resource in stack.resources)
        taken = self._take(
            turn, look, Taken(turn.run_id, turn.stacks, turn.trigger, self.wall(), suspended=turn.suspended)
        )
        taken = replace(taken, seconds=self.clock() - began, coming=self._coming(turn) if taken.last else None)
        left = {change.stack for change in taken.plan.changes} if turn.scope.whole else frozenset()
        reports = (report_of(taken, name) for name in sorted(turn.scope.stacks | left))
        return tuple(replace(one, skipped=self._skipped(turn, one)) if one.commit else one for one in reports)

    def settle(self, turn: Turn, reports: tuple[Report, ...], until: float = math.inf) -> tuple[Report, ...]:
        """The reports of a turn, with the health that the stacks have come to once nothing is on its way any more, or
        its time is over, or it is `until` by the clock."""
        began = self.clock()
        looking = replace(turn, act=False)
        while self.clock() < min(began + longest_wait(reports), until):
            if self.stop() or any(report.failure and not report.waits for report in reports):
                break
            self.sleep(HEALTH_POLL)
            now = {report.stack: report for report in self.take(looking)}
            reports = tuple(_with_health_of(now.get(report.stack), report) for report in reports)
        return reports

    def _take(self, turn: Turn, look: Look | None, taken: Taken) -> Taken:
        """The turn with what was seen and done filled in, as far as it went."""
        try:
            last = look or self.look(turn)
            taken = replace(taken, plan=last.plan)
            self._note_protection(turn, last)
            if last.removal is not None:
                self.acknowledgements.remember(last.removal, turn.consent)
            if turn.act and last.plan.pending:
                outcomes = self._act(turn, last.plan, beside=self._beside(turn))
                more = Plan(tuple(outcome.change for outcome in outcomes[len(last.plan.changes) :]))
                taken = replace(taken, plan=_joined(last.plan, more), outcomes=outcomes)
                if goes_on := _undoing(taken):  # also where the agent ends, or newer content is wanted
                    taken = self._act_besides(turn, taken, goes_on, stop=never)
                turn = replace(turn, asked={})  # it is done, or will be asked for again
                last = self.look(turn)
                follow = _following(last.plan, taken) or _left_down(last.plan, taken, turn.resting)
                if follow and not turn.exact:
                    taken = self._act_besides(turn, taken, follow)
                    last = self.look(turn)
        except Trouble as error:
            return replace(taken, failure=error.failure())
        if turn.act:
            self._tidy(turn, taken.plan, last)
        return replace(taken, last=last)

    def _coming(self, turn: Turn) -> Plan | None:
        """The plan for the content that waits for a freeze window to end; None where none waits, or it cannot be
        told."""
        if turn.coming is not None and not turn.superseded():
            with suppress(Trouble):
                return self.look(replace(turn, stacks=turn.coming, fallback=False, asked={})).plan
        return None

    def _note_protection(self, turn: Turn, look: Look) -> None:
        wanted = [resource for stack in turn.stacks for resource in stack.resources]
        with suppress(Trouble):  # a disk that is full is no reason to heal nothing; it is tried again at each turn
            self.protections.note(wanted, look.labelled)

    def _tidy(self, turn: Turn, plan: Plan, last: Look) -> None:
        """Clear away what was written for containers that are gone. What is there although it is not wanted is held,
        and may be wanted again."""
        wanted = {resource.key for stack in turn.stacks for resource in stack.resources}
        keep = wanted.union(*(_kept_for(seen) for seen in last.actual.values()))
        staying = {seen.stack for key, seen in last.actual.items() if key not in wanted and _stays(seen)}
        for stack in turn.scope.stacks | {change.stack for change in plan.changes}:
            self.host.tidy(stack, keep, stays=stack in staying)

    def _probe(self, wanted: Mapping[Key, Resource], requirement: Requirement) -> Probe:
        """Whether the requirement holds; of a stack, whether all of its containers are good. An object of this turn has
        the time that its rollout gives it, unless it is to complete, which takes as long as it takes."""
        if requirement.key.kind == STACK:
            return self._probe_stack(wanted.values(), requirement.key.name)
        found = self.host.probe(requirement)
        resource = wanted.get(requirement.key) if requirement.condition is not Condition.COMPLETED else None
        return _in_its_time(found, resource)

    def _probe_stack(self, wanted: Iterable[Resource], name: str) -> Probe:
        for resource in wanted:
            runs = resource.service and not (resource.handling.schedule or resource.handling.hook)
            if resource.stack != name or not runs:
                continue
            found = self.host.health(resource.key)
            if found.gate is not Gate.PASSED:
                return _in_its_time(found._replace(detail=f"{resource.key}: {found.detail}"), resource)
        return Probe(Gate.PASSED)

    def _act_besides(self, turn: Turn, taken: Taken, more: Plan, *, stop: Callable[[], bool] | None = None) -> Taken:
        return replace(taken, plan=_joined(taken.plan, more), outcomes=taken.outcomes + self._act(turn, more, stop))

    def _beside(self, turn: Turn) -> Beside:
        looking = replace(turn, asked={})

        def look() -> Plan:
            with self.host.aside():
                return self.look(looking).plan

        return Beside(look, turn.heard, self.clock)

    def _act(
        self, turn: Turn, plan: Plan, stop: Callable[[], bool] | None = None, beside: Beside | None = None
    ) -> tuple[Outcome, ...]:
        revisions = {stack.name: stack.revision.id for stack in turn.stacks}
        wanted = {one.key: one for stack in turn.stacks for one in stack.resources}
        awaited = _that_others_stopped_for(plan)
        is_finished = partial(self._is_finished, turn)

        def perform(change: Change, pace: Pace) -> str:
            pace = replace(pace, leaves=change.number not in awaited, is_finished=is_finished)
            return self.host.perform(change, revisions.get(change.stack, ""), pace)

        with measured(Measured.APPLY, self.timed, self.clock):
            return converge(
                plan,
                perform,
                partial(self._probe, wanted),
                options=self.options,
                stop=stop or (lambda: self.stop() or turn.superseded()),
                clock=self.clock,
                sleep=self.rest,
                report=partial(self.listen, turn),
                timed=self.timed,
                beside=beside,
            )

    def _is_finished(self, turn: Turn) -> bool:
        return turn.finishes() and not self.stop()


def _kept_for(seen: Observed) -> frozenset[Key]:
    """The objects whose notes and files are kept for one that is there: a twin has those of its object."""
    return seen.uses | {seen.key, Key(seen.key.kind, base_name(seen.key.name))}


def _stays(seen: Observed) -> bool:
    """Whether its stack is not gone as long as it is there. Data outlives a stack, and so does what only takes room."""
    return seen.owner is Owner.OURS and not (seen.keeps_data or seen.spare)


def _in_its_time(found: Probe, resource: Resource | None) -> Probe:
    return found._replace(patience=resource.handling.rollout.patience(found.patience)) if resource else found


def _going_back(stack: Stack) -> Stack:
    """The stack with its containers replaced by its `rollback_config`."""
    return replace(stack, resources=tuple(replace(one, handling=one.handling.going_back()) for one in stack.resources))


def _following(left: Plan, taken: Taken) -> Plan | None:
    """What nobody could know before, and is done in the same turn, once: a fetched image turned out to be another one,
    or what was done has let go of something that only takes room. Numbered behind what was done."""
    went_well = all(outcome.status in {Status.DONE, Status.HELD} for outcome in taken.outcomes)
    fetched = any(_fetched(outcome) for outcome in taken.outcomes)
    is_another = fetched and any(change.cause is Cause.IMAGE for change in left.pending)
    if not went_well or not (is_another or _only_frees(left)):
        return None
    first = len(taken.plan.changes)

    def moved(numbers: frozenset[int]) -> frozenset[int]:
        return frozenset(first + number for number in numbers)

    return Plan(
        tuple(
            replace(one, number=first + one.number, after=moved(one.after), follows=moved(one.follows))
            for one in left.pending
        ),
        left.unchanged,
    )


def _left_down(left: Plan, taken: Taken, resting: Set[Key]) -> Plan | None:
    """Let what was to be replaced and could not be, for something that the new one needs cannot be had, go on as it
    was made; None where nothing drifted of such."""
    unbegun = {outcome.change.key for outcome in taken.outcomes if outcome.reason in _NOT_BEGUN} - resting
    found = [mended for one in left.pending if one.key in unbegun and (mended := as_it_was(one))]
    first = len(taken.plan.changes)
    changes = tuple(replace(one, number=first + place) for place, one in enumerate(found))
    return Plan(changes, left.unchanged) if found else None


def _undoing(taken: Taken) -> Plan | None:
    """Let go on what was stopped in vain, whether its stack goes back or not; None where nothing was."""
    in_vain = _stopped_in_vain(taken)
    numbers = {stop.number: len(taken.plan.changes) + place for place, stop in enumerate(in_vain)}

    def undone(stop: Change) -> Change:
        """Behind those that were stopped after it."""
        after = frozenset(numbers[later.number] for later in in_vain if stop.number in later.after)
        number = numbers[stop.number]
        return Change(number, Action.RUN, stop.key, stop.stack, stop.cause, _GOES_ON, after=after, seen=stop.seen)

    return Plan(tuple(map(undone, in_vain))) if in_vain else None


def _stopped_in_vain(taken: Taken) -> list[Change]:
    """The stops for others after which none of the steps that needed them was done; the last one first."""
    done = [outcome.change for outcome in taken.outcomes if outcome.status is Status.DONE]
    stops = [change for change in done if stops_for_others(change)]
    needed = {earlier for change in done if not stops_for_others(change) for earlier in change.after}
    return [stop for stop in reversed(stops) if stop.number not in needed]


def _that_others_stopped_for(plan: Plan) -> frozenset[int]:
    """The numbers of the steps that something was stopped for, which stands still until they are done or fail."""
    stops = {change.number for change in plan.changes if stops_for_others(change)}
    return frozenset(change.number for change in plan.changes if change.after & stops)


def _only_frees(left: Plan) -> bool:
    return bool(left.pending) and all(change.seen is not None and change.seen.spare for change in left.pending)


def _fetched(outcome: Outcome) -> bool:
    """Whether an image was fetched."""
    return outcome.status is Status.DONE and outcome.change.key.kind == IMAGE and outcome.change.wanted is not None


def _joined(first: Plan, second: Plan) -> Plan:
    new = {change.key for change in second.changes} - {change.key for change in first.changes}
    return Plan(first.changes + second.changes, max(0, first.unchanged - len(new)))


def _with_health_of(now: Report | None, report: Report) -> Report:
    """The report with the health of a later one, which a stack that has left the repository has not."""
    return replace(report, health=now.health, services=now.services) if now else report
