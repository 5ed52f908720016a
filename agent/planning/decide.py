"""What has to be done about each wanted object, looked at by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.held import NAME_CONFLICT
from agent.model import Action, Cause, FieldChange, Key, Observed, Owner, Remedy, Resource
from agent.planning import causes, words
from agent.planning.masking import field_change
from agent.planning.situation import Situation


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one object, why, and which fields that changes. An object without a verdict is left
    alone. `restarts`: mending it in place takes a restart."""

    action: Action
    cause: Cause
    reason: str
    fields: tuple[FieldChange, ...] = ()
    code: str = ""  # why it is held
    approval: str = ""  # the hash by which somebody lets it be done
    restarts: bool = False

    def held(self, code: str, reason: str) -> Verdict:
        return replace(self, action=Action.HOLD, reason=reason, code=code, approval="")


def hold(code: str, cause: Cause, reason: str, approval: str = "") -> Verdict:
    return Verdict(Action.HOLD, cause, reason, code=code, approval=approval)


def judge_wanted(situation: Situation, known: frozenset[Key]) -> dict[Key, Verdict]:
    verdicts = {}
    for key, resource in situation.wanted.items():
        seen = situation.actual.get(key)
        if seen is None:
            in_use = bool(situation.users.get(key)) and not resource.on_demand  # so it was there
            verdict: Verdict | None = _judge_absent(situation, resource, key in known or in_use)
        else:
            verdict = _judge_present(situation, resource, seen)
        if verdict:
            verdicts[key] = verdict
    return _as_the_others(situation, verdicts)


def _as_the_others(situation: Situation, verdicts: Mapping[Key, Verdict]) -> dict[Key, Verdict]:
    """Where the settings are the cause of all changes in a stack of which the revision is known, they are the cause
    also for what is not there yet or does not tell its revision: what changes a container may add a network as well."""
    told: dict[str, set[Cause]] = {}
    for key, verdict in verdicts.items():
        seen = situation.actual.get(key)
        dated = seen is not None and seen.revision
        if verdict.cause is Cause.SETTINGS or (dated and verdict.cause is Cause.COMMIT):
            told.setdefault(situation.wanted[key].stack, set()).add(verdict.cause)
    by_settings = {stack for stack, causes_told in told.items() if causes_told == {Cause.SETTINGS}}
    return {
        key: replace(verdict, cause=Cause.SETTINGS)
        if verdict.cause is Cause.COMMIT and situation.wanted[key].stack in by_settings
        else verdict
        for key, verdict in verdicts.items()
    }


def _judge_absent(situation: Situation, resource: Resource, was_there: bool) -> Verdict:
    if resource.external:
        return hold(f"External{resource.key.kind.title()}Missing", Cause.COMMIT, words.external_missing(resource.key))
    if resource.handling.hook is not None:  # one that has run need not be there
        return Verdict(Action.CREATE, Cause.COMMIT, words.RUNS_ONCE)
    if was_there:
        return Verdict(Action.CREATE, Cause.DRIFT, words.REMOVED_OUTSIDE)
    cause = causes.of_new(situation, resource)
    is_content = cause in {Cause.SECRET, Cause.FILE}
    return Verdict(Action.CREATE, cause, words.NEW_CONTENT if is_content else words.NOT_THERE)


def _judge_present(situation: Situation, resource: Resource, seen: Observed) -> Verdict | None:
    if resource.external:
        return None
    if seen.owner is Owner.FOREIGN:
        return hold(NAME_CONFLICT, Cause.COMMIT, words.name_taken(resource.key))
    if not seen.differences:
        return None  # see `adoptions` for what is only to be taken over
    verdict = Verdict(
        _action(seen),
        causes.of_change(situation, resource, seen),
        words.changed(seen.differences, adopted=seen.owner is Owner.ADOPTABLE and _is_declared(seen)),
        tuple(field_change(difference, resource.hidden) for difference in seen.differences),
        restarts=any(difference.remedy is Remedy.RESTART for difference in seen.differences),
    )
    if seen.obstacle is not None and verdict.action is Action.REPLACE:
        return verdict.held(seen.obstacle.reason, seen.obstacle.message)
    if verdict.action is Action.HOLD:
        return verdict.held(f"{seen.key.kind.title()}Immutable", _why_not(seen))
    return verdict


def _is_declared(seen: Observed) -> bool:
    """Whether something is not as declared, rather than changed since it was taken over."""
    return any(difference.declared for difference in seen.differences)


def _action(seen: Observed) -> Action:
    remedies = {difference.remedy for difference in seen.differences}
    if Remedy.NEVER in remedies or (Remedy.REPLACE in remedies and seen.keeps_data):
        return Action.HOLD
    return Action.REPLACE if Remedy.REPLACE in remedies else Action.UPDATE


def _why_not(seen: Observed) -> str:
    in_the_way = [one for one in seen.differences if one.remedy in {Remedy.REPLACE, Remedy.NEVER}]
    return words.data_in_the_way(seen.key, in_the_way) if seen.keeps_data else words.unchangeable(in_the_way)
