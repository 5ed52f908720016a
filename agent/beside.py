"""What drifts while a turn is under way and is mended beside its steps, for a turn may wait for hours: for a job, a
hook, an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace

from agent.errors import Trouble
from agent.model import Action, Cause, Change, Key, Plan
from agent.planning import as_it_was

AGAIN = 60.0  # seconds for which what was mended is left alone: somebody may change it back at once, over and over


@dataclass
class Beside:
    """Called by a turn now and then while it waits. `look` says what there would be to do now, and may raise `Trouble`;
    `heard` counts the reasons to look that have come since the turn began. Times are seconds by `clock`."""

    look: Callable[[], Plan]
    heard: Callable[[], int]
    clock: Callable[[], float]
    _heard: int = 0
    _mended: dict[Key, float] = field(default_factory=dict)

    def __call__(self, busy: Set[Key], idle: Set[Key], first: int) -> Sequence[Change]:
        """Further steps of the turn, with numbers from `first` on. What is `busy` is left alone, but for what is
        `idle`: it is to be replaced, and runs as it was made until then."""
        before, self._heard = self._heard, self.heard()
        if self._heard == before:
            return ()
        try:
            plan = self.look()
        except Trouble:  # the turn itself will meet it
            return ()
        now = self.clock()
        rests = {key for key, at in self._mended.items() if now - at < AGAIN}
        found = mending(plan, busy | rests, idle - rests, first)
        self._mended |= {change.key: now for change in found}
        return found


def mending(plan: Plan, busy: Set[Key], idle: Set[Key], first: int) -> tuple[Change, ...]:
    """The steps of the plan that put right what drifted, and that need none of the others; what would be replaced or
    started anew waits for a turn of its own, or (what is `idle`) is only put right as it was made."""
    numbers: dict[int, int] = {}
    found = []
    for one in plan.pending:
        change = as_it_was(one) if one.key in idle else one if one.key not in busy else None
        if change is not None and change.after <= numbers.keys() and _mends(change):
            numbers[change.number] = first + len(numbers)
            found.append(change)
    return tuple(
        replace(
            change,
            number=numbers[change.number],
            after=frozenset(numbers[one] for one in change.after),
            follows=frozenset(numbers[one] for one in change.follows & numbers.keys()),
        )
        for change in found
    )


def _mends(change: Change) -> bool:
    is_hook = change.wanted is not None and change.wanted.handling.hook is not None
    mends = change.action in {Action.CREATE, Action.UPDATE} and not change.restarts
    return mends and change.cause is Cause.DRIFT and not is_hook
