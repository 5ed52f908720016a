"""What has to have run to its end before anything else of its stack is touched: the stack's `pre_deploy`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agent.handling import Stage
from agent.model import Action, Cause, Key
from agent.planning.cascade import Step
from agent.planning.situation import Situation


class Links(NamedTuple):
    """What one step comes behind, by the indexes of steps, see `Change`. `prepared` names a stack when the step is also
    behind all that is prepared for that stack; spelled out for every step, these links would be as many as the square
    of the steps."""

    after: frozenset[int]
    follows: frozenset[int]
    prepared: str | None


def runs_first(situation: Situation, key: Key) -> bool:
    resource = situation.wanted.get(key)
    hook = resource.handling.hook if resource else None
    return hook is not None and hook.stage is Stage.PRE_DEPLOY and not hook.rests


def put_first(
    situation: Situation, steps: Sequence[Step], links: Sequence[Links], prepared: Mapping[str, frozenset[int]]
) -> list[Links]:
    """The links, with every step of a stack behind its pre_deploy hooks, except the steps that those hooks wait for
    themselves, and what only mends: that brings nothing new, and must not lie until a hook has ended."""
    first: dict[str, set[int]] = {}
    for index, step in enumerate(steps):
        if step.action is not Action.HOLD and step.action is not Action.REMOVE and runs_first(situation, step.key):
            first.setdefault(step.stack, set()).add(index)
    if not first:
        return list(links)
    needed = _before(links, prepared, (index for indexes in first.values() for index in indexes))
    return [
        link._replace(after=link.after | first[step.stack])
        if step.stack in first and index not in needed and step.action is not Action.HOLD and not _mends(step)
        else link
        for index, (step, link) in enumerate(zip(steps, links, strict=True))
    ]


def _mends(step: Step) -> bool:
    return step.action is Action.UPDATE and step.verdict.cause is Cause.DRIFT and not step.restarts


def _before(links: Sequence[Links], prepared: Mapping[str, frozenset[int]], roots: Iterable[int]) -> set[int]:
    """The roots, and every step that one of them is behind."""
    found = set(roots)
    queue = list(found)
    while queue:
        link = links[queue.pop()]
        earlier = link.after | link.follows
        if link.prepared is not None:
            earlier |= prepared[link.prepared]
        queue += earlier - found
        found |= earlier
    return found
