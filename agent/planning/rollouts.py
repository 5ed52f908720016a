"""The order between the containers of a service while they are replaced or started anew, and what that interrupts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from agent.handling import OnFailure, Order, Rollout
from agent.model import Action, Condition, Key, Observed, Requirement, Resource
from agent.planning import words
from agent.planning.cascade import Step
from agent.planning.situation import Situation


class Turn(NamedTuple):
    """The index of the step that one comes behind, and whether it has its turn also where that one failed."""

    behind: int
    regardless: bool
    delay: float


def take_turns(situation: Situation, steps: Sequence[Step]) -> Mapping[int, Turn]:
    """By the index of its step, the turn of each container that waits for another one of its service to be replaced or
    restarted. A restart changes nothing, so one that is only restarted has its turn whatever became of the others."""
    turns: dict[int, Turn] = {}
    for indexes in _by_service(situation, steps).values():
        rollout = situation.wanted[steps[indexes[0]].key].handling.rollout
        for place, index in enumerate(indexes):
            if 0 < rollout.parallelism <= place:
                behind = indexes[place - rollout.parallelism]
                regardless = _bears_failures(rollout) or Action.UPDATE in {steps[index].action, steps[behind].action}
                turns[index] = Turn(behind, regardless, rollout.delay)
    return turns


def in_its_turn(resource: Resource, before: Step) -> Resource:
    """What is wanted, behind a container of the same service that is restarted: it waits until that one is good, or is
    known not to be. One that is replaced has proved itself by the end of its step."""
    if before.action is not Action.UPDATE:
        return resource
    return replace(resource, requires=(*resource.requires, Requirement(before.key, Condition.GOOD, optional=True)))


def alone(resource: Resource, attached: Sequence[Key]) -> Resource:
    """What is wanted, replaced stop-first although the file says start-first: others are attached to what is there, and
    can only be attached to one of the two."""
    rollout = resource.handling.rollout
    if rollout.order is not Order.START_FIRST:
        return resource
    rollout = replace(rollout, order=Order.STOP_FIRST, obstacle=words.attached(attached))
    return replace(resource, handling=replace(resource.handling, rollout=rollout))


def interruption(step: Step, resource: Resource | None, seen: Observed | None, *, comes_back: bool) -> str:
    """In words, when what runs will be away because of the step; `comes_back`: another step makes it again."""
    if resource is None or not resource.service or resource.prepares or (seen is not None and seen.over):
        return ""
    if resource.handling.schedule or resource.handling.hook:
        return ""
    rollout = resource.handling.rollout
    match step.action:
        case Action.REPLACE:
            return "" if rollout.order is Order.START_FIRST else words.away(rollout.obstacle)
        case Action.REMOVE if comes_back:
            return words.AWAY_TILL_MADE
        case Action.STOP:
            return words.AWAY_TILL_REPLACED
        case Action.UPDATE if step.restarts:
            return words.AWAY_TO_RESTART
        case _:
            return ""


def _by_service(situation: Situation, steps: Sequence[Step]) -> Mapping[tuple[str, str], list[int]]:
    """The indexes of what interrupts each service, in the order of its containers."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, step in enumerate(steps):
        resource = situation.wanted.get(step.key)
        interrupts = step.action is Action.REPLACE or step.restarts
        if interrupts and resource is not None and resource.service and not resource.prepares:
            found.setdefault((resource.stack, resource.service), []).append(index)
    for indexes in found.values():
        indexes.sort(key=lambda index: (len(steps[index].key.name), steps[index].key.name))
    return found


def _bears_failures(rollout: Rollout) -> bool:
    return rollout.on_failure is OnFailure.CONTINUE or rollout.max_failure_ratio > 0
