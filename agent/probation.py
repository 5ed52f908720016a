"""What becomes of new content after a turn: noted as good, watched on, or given up for what was good before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from agent.errors import Trouble
from agent.model import Failure, Health, Report, Revision, Stack
from agent.ports import Desires
from agent.reconcile import Turn
from agent.trial import Judgement, State, counts_as_good, judge, other_than
from agent.work import Standing

Words = Callable[[Stack, str], str]
UNTOLD = 30.0  # seconds after which it is asked again what was good before, where that could not be told


@dataclass(frozen=True)
class Verdict:
    """`good` is what the stack has to go back to, None where it goes on as it is."""

    judgement: Judgement
    good: Stack | None = None


def stands_good(turn: Turn, report: Report, before: Standing, verdict: Verdict | None) -> bool:
    """Whether what the stack runs after the turn is known to be good: it has just proved so, or did before."""
    if verdict is not None:
        return verdict.judgement.state is State.GOOD
    known = bool(turn.stacks) and turn.stacks[0].revision.id == before.accepted
    return known and report.can_be_judged and report.health is Health.HEALTHY


def verdict_on(
    desires: Desires, turn: Turn, report: Report, before: Standing, now: float, *, words: Words
) -> Verdict | None:
    """In a worker: what the turn says of the stack's content. None where that is known, or cannot be told.
    `words`: see `Turns.words`."""
    if not turn.stacks or turn.stacks[0].revision.id == before.accepted or turn.superseded() or not turn.act:
        return None
    stack = turn.stacks[0]
    try:
        good = desires.last_good(stack.name)
    except Trouble:
        return _without_earlier(desires, stack, judge(stack, report, before.trial, now), before)
    earlier = other_than(stack, good)
    judgement = judge(stack, report, before.trial, now, earlier)
    if counts_as_good(judgement, first=good is None):
        desires.accept(stack)
    judgement = judgement.with_words(partial(words, stack)) if earlier else judgement
    if judgement.state is not State.FAILED or judgement.failure is None:
        return Verdict(judgement)
    if earlier is None:
        return None  # there is nothing else to go back to: it is tried on
    failure = _given_up(report.commit or stack.revision, judgement.failure)
    desires.reject(stack, failure)
    return Verdict(replace(judgement, failure=failure), earlier)


def _without_earlier(desires: Desires, stack: Stack, judgement: Judgement, before: Standing) -> Verdict:
    """The verdict while nobody can tell what was good before. What has not proved good does not take its place, and
    what is no good is looked at again before long, when there may be something to go back to."""
    if counts_as_good(judgement, first=False):
        desires.accept(stack)
    if judgement.state is State.FAILED:
        return Verdict(Judgement(State.UNDER_WAY, before.trial, again_in=UNTOLD))
    return Verdict(judgement)


def _given_up(brought: Revision, failure: Failure) -> Failure:
    """The failure as it is told for as long as the stack stays at what was good before, with the commit that `brought`
    what was tried: the newest one may be about other stacks alone."""
    said = f"{brought.short} was taken back, and `windlass sync` tries it again"
    return replace(failure, message=f"{said}: {failure.message}")
