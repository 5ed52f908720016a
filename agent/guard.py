"""How much would go at once: what nobody on the whole host wants any more, and whether somebody has said that it may.

A turn is about one stack, so it cannot tell how much goes: ten stacks that leave with one commit are ten turns. So a
turn that would remove a service counts, at that moment and on the host itself, all that is to go with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Trouble
from agent.held import EMPTY_DESIRED_STATE
from agent.jsonfile import JsonFile
from agent.model import Action, Cause, Observed, Owner, Plan, Scope, Stack
from agent.planning import Removal
from agent.provenance import NoPast

# by stack, its wanted services; a stack whose wanted state is unknown is left out
Wanted = Mapping[str, frozenset[str]]
Said = Callable[[str, frozenset[str]], Mapping[str, int]]  # see `agent.provenance.Past.allowances`

_KEPT = 200  # commits of which is noted what went with them
_COMMIT = 40  # digits, of which the hash of a removal has fewer


@dataclass(frozen=True)
class Consent:
    """`approved` are the hashes of removals that may be done; `allowed` is how many services the newest commit says
    may go; `newest` is its id, by which those before it are found that count too. What is `free` needs nobody's word:
    services, each as STACK/SERVICE, that were brought by content that is no good."""

    approved: frozenset[str] = frozenset()
    allowed: int = 0
    newest: str = ""
    free: frozenset[str] = frozenset()


NO_CONSENT = Consent()


def services_of(stack: Stack | None) -> frozenset[str]:
    """The services that are wanted in a stack; none in one that has left the source."""
    return frozenset(one.service for one in stack.resources if one.service) if stack else frozenset()


def new_services(stack: Stack | None, before: Stack) -> frozenset[str]:
    """The services, each as STACK/SERVICE, that a stack has and as it was before has not."""
    return frozenset(f"{before.name}/{service}" for service in services_of(stack) - services_of(before))


def must_count(plan: Plan) -> bool:
    """Whether what this plan may do depends on how much else would be removed on the host."""
    return any(
        change.cause is Cause.PRUNE
        and (change.code == EMPTY_DESIRED_STATE or (change.action is Action.REMOVE and _service_of(change.seen)))
        for change in plan.changes
    )


def removal_of(everything: Iterable[Observed], scope: Scope, wanted: Wanted) -> Removal:
    """What goes of `everything` that is ours: in the stacks of `wanted` and of the scope, what these do not want. What
    is left over from a replacement that was cut may be all that there is of its service."""
    there = [seen for seen in everything if seen.owner is Owner.OURS and _service_of(seen)]
    going = frozenset(
        _service_of(seen)
        for seen in there
        if (seen.stack in wanted or scope.has(seen.stack, seen.origin))
        and seen.service not in wanted.get(seen.stack, ())
        and not (seen.protected or seen.unsure)
    )
    return Removal(going, len({_service_of(seen) for seen in there}))


def _service_of(seen: Observed | None) -> str:
    return f"{seen.stack}/{seen.service}" if seen and seen.service else ""


@dataclass
class Acknowledgements:
    """Remembers what the approved hashes stood for: once some of it has gone, what is left has another hash and is
    approved all the same, as long as the approval lasts. Also what went with the word of each commit, which is for so
    many services and no more, whenever they go. Any thread may ask. What is remembered outlives the process where there
    is a file; without it, what is left has to be approved once more. `said` finds the commits."""

    file: JsonFile = field(default_factory=JsonFile)
    said: Said = NoPast().allowances
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cover(self, removal: Removal, consent: Consent) -> bool:
        """Whether somebody has said that this may go. Notes nothing, so that whoever only looks may ask."""
        services = removal.services - consent.free
        if not services or removal.hash in consent.approved:
            return True
        known = self.file.look().kept
        if known is None:
            return False  # a commit's word may have been used up
        if any(services <= frozenset(known.get(one) or ()) for one in consent.approved):
            return True
        return _is_said(services, self._said(services, consent), known)

    def remember(self, removal: Removal, consent: Consent) -> None:
        """Note what an approved hash stands for, and what goes with the word of a commit, before some of it goes. For
        whoever changes this host alone: of two processes that note at once, one's note would be lost."""
        with self._lock:
            known = self.file.look().kept
            new = self._to_note(removal, consent, known)
            if all((known or {}).get(one) == services for one, services in new.items()):
                return
            with suppress(Trouble):  # what cannot be noted costs an approval more, and nothing that runs
                self.file.change(lambda kept: _still_needed(kept, consent, but=new) | new)

    def _to_note(self, removal: Removal, consent: Consent, known: Mapping[str, Any] | None) -> dict[str, list[str]]:
        if removal.hash in consent.approved:
            return {removal.hash: sorted(removal.services)}
        services = removal.services - consent.free
        said = self._said(services, consent)
        if known is None or services <= _used(said, known) or not _is_said(services, said, known):
            return {}
        return {commit: sorted(services.union(known.get(commit) or ())) for commit in said}

    def _said(self, services: frozenset[str], consent: Consent) -> Mapping[str, int]:
        """By commit, how many services may go with it: of the newest one, and of those before it that are new to all
        the stacks concerned."""
        newest = {consent.newest: consent.allowed} if consent.allowed else {}
        stacks = frozenset(service.partition("/")[0] for service in services)
        return newest | dict(self.said(consent.newest, stacks) if consent.newest and stacks else {})


def _is_said(services: frozenset[str], said: Mapping[str, int], known: Mapping[str, Any]) -> bool:
    """Whether commits let so many services go, with those that went with their word before."""
    used = _used(said, known)
    return bool(said) and (services <= used or len(services | used) <= sum(said.values()))


def _used(said: Mapping[str, int], known: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(service for commit in said for service in known.get(commit) or ())


def _still_needed(kept: Mapping[str, Any], consent: Consent, but: Collection[str]) -> dict[str, Any]:
    """What is noted, as it was noted one after the other, but for what is noted anew."""
    commits = [one for one in kept if len(one) >= _COMMIT][-_KEPT:]
    return {one: kept[one] for one in kept if (one in consent.approved or one in commits) and one not in but}
