"""Jobs: what is begun because its time has come, what is cut short, and what waits until a run has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.handling import Overlap
from agent.jobs import JOB_RUNS
from agent.model import Action, Cause, Key, Owner, Resource
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.decide import Verdict, hold
from agent.planning.situation import Situation
from agent.suspension import SUSPENDED

OVERLAP = "Overlap"  # the code of a run that does not begin, for the one before has not ended


@dataclass(frozen=True)
class Errand:
    """What is asked of a job now: to begin a run (`Action.RUN`) or to end the one under way (`Action.STOP`). `since` is
    when that came to be so, seconds since the epoch, and `why` says it in words."""

    action: Action
    since: float
    why: str


def let_run(situation: Situation, verdicts: Mapping[Key, Verdict]) -> dict[Key, Verdict]:
    """The verdicts, with those held that would end a run which is under way, but for its removal."""
    return {
        key: verdict.held(JOB_RUNS, words.job_runs(verdict.reason))
        if key in situation.running and _would_end_it(verdict)
        else verdict
        for key, verdict in verdicts.items()
    }


def _would_end_it(verdict: Verdict) -> bool:
    return verdict.action is Action.REPLACE or (verdict.action is Action.UPDATE and verdict.restarts)


def errands(situation: Situation, asked: Mapping[Key, Errand], steps: Sequence[Step]) -> list[Step]:
    """The steps, with those for the jobs of which something is asked now."""
    held = {step.key: step.verdict for step in steps if step.action is Action.HOLD}
    more = []
    for key, errand in sorted(asked.items()):
        resource = situation.wanted.get(key)
        if resource is not None and (verdict := _judge(situation, resource, errand, held.get(key))):
            more.append(Step(verdict.action, key, resource.stack, verdict))
    return [*steps, *more]


def _judge(situation: Situation, resource: Resource, errand: Errand, held: Verdict | None) -> Verdict | None:
    """None for a run that is to be ended and has ended by itself."""
    seen = situation.actual.get(resource.key)
    is_running = resource.key in situation.running
    if errand.action is Action.STOP and not is_running:
        return None
    if resource.key in situation.still:
        return hold(SUSPENDED, Cause.SCHEDULE, words.SUSPENDED)
    if held is not None and (seen is None or seen.owner is Owner.FOREIGN):
        return hold(held.code, Cause.SCHEDULE, held.reason)
    schedule = resource.handling.schedule
    if errand.action is Action.RUN and is_running and (schedule is None or schedule.overlap is Overlap.SKIP):
        return hold(OVERLAP, Cause.SCHEDULE, words.OVERLAPS)
    return Verdict(errand.action, Cause.SCHEDULE, errand.why)
