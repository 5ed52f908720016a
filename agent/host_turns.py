"""The host as the loop asks it, as `agent.follower` is the source: one turn with the images and the hooks that content
which is gone back to needs, without what a rollout paused at, and what is noted of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from agent.gone_back import gone_back
from agent.good_images import GoodImages
from agent.guard import Consent
from agent.model import Action, Outcome, Report, Scope, Stack, Status
from agent.occasions import Trigger
from agent.paused import Paused
from agent.planning import Removal
from agent.reconcile import Reconciler, Turn
from agent.stand_ins import ignore


@dataclass(frozen=True)
class HostTurns:
    """`under_way` is entered for as long as a turn takes, `ended` told of each one however it ended. `elsewhere` hears
    which stacks there are that this instance made from another source."""

    reconciler: Reconciler
    scope: Scope
    images: GoodImages
    paused: Paused = field(default_factory=Paused)
    look_afresh: Callable[[], None] = ignore
    under_way: Callable[[], AbstractContextManager[None]] = nullcontext
    ended: Callable[[Turn], None] = ignore
    elsewhere: Callable[[frozenset[str]], None] = ignore

    def take(self, turn: Turn) -> tuple[Report, ...]:
        self._heed(turn)
        known = turn.known | self.images.containers(turn.stacks)
        paused = dict(turn.paused)
        for stack in turn.stacks:
            paused |= self.paused.of(stack)
        try:
            with self.under_way():
                reports = self.reconciler.take(replace(turn, stacks=self._bound(turn), known=known, paused=paused))
        finally:
            self.ended(turn)
        self._note(turn, {report.stack: report for report in reports})
        return reports

    def _heed(self, turn: Turn) -> None:
        """Forget what was noted that is not to hold any more."""
        for stack in turn.stacks:
            if turn.trigger == Trigger.MANUAL:
                self.images.forgive(stack.name)
            if turn.trigger == Trigger.MANUAL or turn.resumed:
                self.paused.forget(stack.name)
            elif turn.newest:
                self.paused.follow(stack)

    def _bound(self, turn: Turn) -> tuple[Stack, ...]:
        """The stacks of the turn, bound to the images that they are to run."""
        if not turn.fallback:
            return tuple(map(self.images.spared, turn.stacks))
        pinned = map(self.images.pinned, turn.stacks)
        return tuple(gone_back(stack, turn.rejected) for stack in pinned) if turn.gone_back else tuple(pinned)

    def _note(self, turn: Turn, reports: Mapping[str, Report]) -> None:
        """What the images and rollouts of each stack came to. One that has left needs no notes any more, be it that
        some of it is kept: what of it is wanted again later was not removed behind our back."""
        for stack in turn.stacks:
            if stack.name in reports:
                self.images.heed(stack, reports[stack.name])
                self.paused.heed(stack, reports[stack.name])
        for name, report in reports.items():
            if not turn.stacks and (report.synced or any(map(_was_removed, report.outcomes))):
                self.images.forget(name)
                self.paused.forget(name)

    def note_good(self, stack: str, report: Report) -> None:
        self.images.note(stack, report.images)

    def words(self, stack: Stack, service: str) -> str:
        return self.reconciler.host.words(stack, service)

    def on_host(self) -> Mapping[str, frozenset[str]]:
        """Data that outlives its stack does not keep the stack in mind."""
        everything = self.reconciler.host.observe([], replace(self.scope, whole=True, everywhere=True)).values()
        found: dict[str, frozenset[str]] = {}
        others = set()
        for seen in everything:
            if seen.keeps_data:
                continue
            if seen.origin == self.scope.origin:
                found[seen.stack] = found.get(seen.stack, frozenset()) | ({seen.service} if seen.service else set())
            elif seen.origin:
                others.add(seen.stack)
        self.elsewhere(frozenset(others - found.keys()))
        return found

    def may_go(self, removal: Removal, consent: Consent) -> bool:
        known = self.reconciler.acknowledgements
        known.remember(removal, consent)
        return known.cover(removal, consent)


def _was_removed(outcome: Outcome) -> bool:
    return outcome.change.action is Action.REMOVE and outcome.status is Status.DONE
