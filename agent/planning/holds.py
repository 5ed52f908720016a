"""What may not be done, and what therefore has to wait or has to stay.

Holds spread from an object that is held, or is not ours, in three directions: up, to what requires it, for a change
that needs it has to wait; down, to what it uses, for that can neither be removed nor be replaced under it; and to
whoever is to have a port of the host that it keeps. Holds are only ever added, so this ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from agent.held import BACKS_OFF, PORT_IN_USE, WAITS
from agent.jobs import JOB_RUNS
from agent.model import Action, Cause, Key, Observed, Owner
from agent.planning import words
from agent.planning.claims import GIVING, TAKING, Claim, Demands, claims, given, swapped
from agent.planning.decide import Verdict
from agent.planning.situation import Situation
from agent.suspension import SUSPENDED


def hold_back(situation: Situation, verdicts: Mapping[Key, Verdict], demands: Demands) -> dict[Key, Verdict]:
    holding = _Holding(situation, verdicts, demands)
    for key in situation.actual:
        if key in situation.still or key in situation.running or holding.cannot_make_way(key):
            holding.pin(key)
        else:
            holding.visit(key)
    for key in (*situation.requirers, *verdicts):
        if holding.blocks(key):
            holding.pin(key)
    return holding.spread()


class _Holding:
    """The verdicts while holds spread through them. What is pinned stays where it is: it cannot even be removed for a
    moment and made again."""

    def __init__(self, situation: Situation, verdicts: Mapping[Key, Verdict], demands: Demands) -> None:
        self._situation, self._demands = situation, demands
        self._verdicts = dict(verdicts)
        self._claims = claims(situation)
        self._pinned: set[Key] = set()
        self._queue: deque[Key] = deque()

    def visit(self, key: Key) -> None:
        self._queue.append(key)

    def pin(self, key: Key) -> None:
        if key not in self._pinned:
            self._pinned.add(key)
            self._queue.append(key)

    def spread(self) -> dict[Key, Verdict]:
        while self._queue:
            key = self._queue.popleft()
            if self.blocks(key):
                self._make_requirers_wait(key)
            self._let_nothing_new_on(key)
            for used in self._situation.uses.get(key, ()):
                self._keep(used, key)
            self._keep_ports(key)
        return self._verdicts

    def cannot_make_way(self, key: Key) -> bool:
        """Whether it cannot be removed and made again, as far as the object itself tells."""
        if self._is(key, Action.REMOVE):
            return False
        resource, seen = self._situation.wanted.get(key), self._situation.actual[key]
        stays = resource is None or resource.external or seen.owner is Owner.FOREIGN or seen.keeps_data
        return stays or seen.obstacle is not None

    def blocks(self, key: Key) -> bool:
        """Whether what requires it has to wait: it is held, or it is not there and nobody makes it."""
        missing = key not in self._situation.wanted and key not in self._situation.actual
        return missing or self._is(key, Action.HOLD)

    def _make_requirers_wait(self, key: Key) -> None:
        for requirer in self._situation.requirers.get(key, ()):
            verdict = self._verdicts.get(requirer)
            if verdict is None or self._mends(verdict, key):
                self.pin(requirer)  # it goes on as it is, but it could not be made again now
            elif verdict.action is not Action.HOLD:
                self._hold(requirer, *self._why_to_wait(key))

    def _let_nothing_new_on(self, key: Key) -> None:
        """Hold what would be put on something external that cannot take it; what is there goes on."""
        resource, seen = self._situation.wanted.get(key), self._situation.actual.get(key)
        if resource is None or not resource.external or seen is None or seen.obstacle is None:
            return
        for requirer in self._situation.requirers.get(key, ()):
            if _is_put_on(self._verdicts.get(requirer), self._situation.actual.get(requirer), key):
                self._hold(requirer, seen.obstacle.reason, seen.obstacle.message)

    def _why_to_wait(self, key: Key) -> tuple[str, str]:
        """Code and words. Who waits for what is suspended is so itself: no fault of anybody's."""
        verdict = self._verdicts.get(key)
        if verdict is not None and verdict.code == SUSPENDED:
            return SUSPENDED, words.waits_for_suspended(key)
        if verdict is not None and verdict.code in {JOB_RUNS, BACKS_OFF}:
            return verdict.code, words.waits_for(key, held=True)
        return WAITS, words.waits_for(key, held=self._is(key, Action.HOLD))

    def _why_to_stay(self, user: Key) -> tuple[str, str]:
        seen = self._situation.actual.get(user)
        if seen is not None and seen.obstacle is not None:
            return seen.obstacle.reason, f"{words.in_use(user)}: {seen.obstacle.message}"
        return self._code(user, "InUse"), words.in_use(user)

    def _code(self, stays: Key, otherwise: str) -> str:
        """Of a hold because of something that stays."""
        if stays in self._situation.still:
            return SUSPENDED
        return JOB_RUNS if stays in self._situation.running else otherwise

    def _keep(self, used: Key, user: Key) -> None:
        """Hold what would be taken from under its user."""
        lets_go = user in self._verdicts and not self._is(user, Action.HOLD)
        if self._is(used, Action.REMOVE) and not lets_go:
            self._hold(used, *self._why_to_stay(user))
        if user in self._pinned:
            if self._is(used, Action.REPLACE) and not self._situation.wanted[used].prepares:
                self._hold(used, *self._why_to_stay(user))
            self.pin(used)

    def _keep_ports(self, holder: Key) -> None:
        """Hold who would take a port that the holder does not give up."""
        for claim in self._claims.get(holder, ()):
            verdict, own = self._verdicts.get(claim.taker), self._verdicts.get(holder)
            goes = own is not None and own.action in GIVING and claim.port in given(self._situation, holder)
            if verdict is not None and verdict.action in TAKING and claim.certain and not goes:
                self._hold(claim.taker, self._code(holder, PORT_IN_USE), self._why_in_use(claim, holder))

    def _why_in_use(self, claim: Claim, holder: Key) -> str:
        stack = self._situation.wanted[claim.taker].stack
        if mine := swapped(self._situation, self._demands, stack, claim, holder):
            return words.ports_swapped(claim.port, mine, holder)
        return words.port_in_use(claim.port, holder)

    def _hold(self, key: Key, code: str, reason: str) -> None:
        self._verdicts[key] = self._verdicts[key].held(code, reason)
        self._pinned.add(key)
        self._queue.append(key)

    def _mends(self, verdict: Verdict, required: Key) -> bool:
        """Whether the verdict only puts right what happened outside git and what it requires is there: then it need not
        wait."""
        seen = self._situation.actual.get(required)
        usable = seen is not None and seen.owner is not Owner.FOREIGN and not seen.leftover
        return usable and verdict.cause is Cause.DRIFT and verdict.action is not Action.REMOVE

    def _is(self, key: Key, action: Action) -> bool:
        verdict = self._verdicts.get(key)
        return verdict is not None and verdict.action is action


def _is_put_on(verdict: Verdict | None, seen: Observed | None, required: Key) -> bool:
    """Whether it is made, or that moves in what is `seen` of it by which it is on what it requires."""
    if verdict is None or verdict.action is not Action.UPDATE:
        return verdict is not None and verdict.action in {Action.CREATE, Action.REPLACE}
    where = f"{required.kind}s.{required.name}"
    return seen is not None and any(where in (one.path, *one.above) for one in seen.differences)
