"""From what is wanted and what is there to a plan. Pure: no clock, no file, no engine, and no kind known by its name.

Holds are decided before the cascade and the cascade before the order; each of the other ways round has been seen to
plan a step that the engine refuses. A second pass over a finished one finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.model import Cause, Key, Observed, Plan, Scope, Stack
from agent.planning.able import hold_whole
from agent.planning.adoptions import take_over
from agent.planning.cascade import stops_for_others, take_along
from agent.planning.claims import Demands
from agent.planning.decide import judge_wanted
from agent.planning.demand import drop_unneeded, renew
from agent.planning.holds import hold_back
from agent.planning.jobs import Errand, errands, let_run
from agent.planning.makers import Claimed
from agent.planning.meanwhile import as_it_was, mend_meanwhile
from agent.planning.order import arrange
from agent.planning.prune import Policy, Removal, judge_unwanted
from agent.planning.restart import start_anew
from agent.planning.situation import survey
from agent.planning.suspend import hold_still, let_rest
from agent.provenance import Provenance

__all__ = [
    "Demands",
    "Errand",
    "Policy",
    "Removal",
    "as_it_was",
    "hold_whole",
    "make_plan",
    "stops_for_others",
]


def make_plan(
    stacks: Sequence[Stack],
    actual: Mapping[Key, Observed],
    scope: Scope,
    policy: Policy,
    known: frozenset[Key] = frozenset(),
    *,
    asked: Mapping[Key, Errand] | None = None,
    demands: Demands | None = None,
    claimed: Claimed | None = None,
    traced: Mapping[str, Provenance] | None = None,
) -> Plan:
    """Every step from `actual` to what `stacks` want, each behind the steps that it needs.

    `actual` holds what is wanted and there, and what is ours inside `scope`. `known` are the keys that were there and
    as wanted at the end of the last pass: if one is gone now, no commit removed it. `asked` is what jobs are to do now,
    `demands` are the ports that other stacks are to have, and `claimed` what they are to make; `traced` tells by stack
    which commit brought what it wants, as far as that is known.
    """
    situation = survey(stacks, actual, policy.suspended, traced or {}, claimed or {})
    # verdicts: what is to be done about each object
    verdicts = judge_wanted(situation, known)  # 1. what is wanted, each object by itself
    verdicts |= judge_unwanted(situation, scope, policy)  # 2. what is ours and no longer wanted
    verdicts = hold_still(situation, verdicts)  # 3. what is suspended stays as it is
    verdicts = let_rest(situation, policy, verdicts)  # 4. so does what was healed too often, or whose rollout is paused
    verdicts = let_run(situation, verdicts)  # 5. and a job with a run under way
    verdicts = hold_back(situation, verdicts, demands or {})  # 6. what may not be done, and what waits for that
    # steps: a verdict may take several, and bring others along
    steps, taken = take_along(situation, verdicts)  # 7. what has to make way for a replacement
    steps = mend_meanwhile(situation, policy, steps)  # 8. what goes on as it is while its change is held
    steps = start_anew(situation, steps)  # 9. what is restarted with something else
    steps = drop_unneeded(situation, steps)  # 10. no image is pulled that nobody needs now
    steps = renew(situation, steps)  # 11. one that is to be pulled each time is pulled
    steps = errands(situation, asked or {}, steps)  # 12. jobs whose time has come, or is over
    steps = take_over(situation, steps)  # 13. what `docker compose` made and is as wanted is ours from now on
    changes = arrange(situation, steps, taken)  # 14. what comes before what
    changed = {change.key for change in changes if change.cause is not Cause.SCHEDULE}
    return Plan(changes, len(situation.wanted.keys() - changed))
