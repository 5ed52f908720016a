"""This host as everything above sees it: one look, one change, one question. Behind it are the kinds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, nullcontext, suppress

from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.kinds.base import (
    UNCHECKED,
    Adopting,
    Attentive,
    Demanding,
    Forgiving,
    Kind,
    Limited,
    Remarking,
    Runs,
    RunsOnce,
    Speaking,
    Tidy,
)
from agent.kinds.remarks import Remarks
from agent.model import Action, Change, Condition, Key, Observed, Owner, Plan, Requirement, Resource, Scope, Stack
from agent.probe import Gate, Probe
from agent.rollout import Pace, let_pass
from agent.stand_ins import ignore


class Host:
    """Sends each object to the kind that knows it. Raises what that raises: `Refused`, `Overtaken`, `Unreachable`.

    `reach` raises `Unreachable` where the engine ends. What is refused meanwhile, or stops, does so for that alone.
    """

    def __init__(self, kinds: Iterable[Kind], reach: Callable[[], None] = ignore) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._reach = reach

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> dict[Key, Observed]:
        """Everything wanted that is there, and everything else of ours inside the scope, by key."""
        found: dict[Key, Observed] = {}
        for name, kind in self._kinds.items():
            of_kind = [resource for resource in wanted if resource.key.kind == name]
            found.update((observed.key, observed) for observed in kind.observe(of_kind, scope))
        return _known_once(found, {resource.key for resource in wanted})

    @contextmanager
    def aside(self) -> Iterator[None]:
        """See `Attentive.aside`."""
        with ExitStack() as looking:
            for kind in self._kinds.values():
                if isinstance(kind, Attentive):
                    looking.enter_context(kind.aside())
            yield

    def unable(self, plan: Plan) -> dict[Key, str]:
        """What the plan is to make and this engine cannot, each with the reason."""
        found: dict[Key, str] = {}
        for change in plan.pending:
            kind, makes = self._kinds[change.key.kind], change.action in {Action.CREATE, Action.REPLACE}
            if makes and change.wanted and isinstance(kind, Demanding) and (why := kind.unable(change.wanted)):
                found[change.key] = why
        return found

    def perform(self, change: Change, revision: str, pace: Pace) -> str:
        """Carry out one change; `revision` is noted on what is made, and waiting is done with `pace`. Returns what is
        to be said of it beside that it was done, "" where that is nothing."""
        kind = self._kinds[change.key.kind]
        let_pass(change.delay, "time between one container and the next", pace)
        if change.delay and pace.stop():
            raise Overtaken("not begun, for the agent ends or newer content is wanted", reason="Stopped")
        remarks = kind.remarks if isinstance(kind, Remarking) else Remarks()
        remarks.take()  # of a change that failed in this thread
        try:
            with kind.place(change, pace) if isinstance(kind, Limited) else nullcontext():
                self._perform(kind, change, revision, pace)
        except Refused as refused:
            self._hold_to(refused.message)
            raise
        for other in self._kinds.values():
            if other is not kind and isinstance(other, Attentive):
                other.renewed(change)
        return remarks.take()

    def _perform(self, kind: Kind, change: Change, revision: str, pace: Pace) -> None:
        if isinstance(kind, RunsOnce) and kind.runs_once(change):
            kind.run_once(change, revision, pace)
            return
        match change.action:
            case Action.CREATE:
                kind.create(change, revision)
            case Action.UPDATE:
                kind.update(change, revision)
            case Action.REPLACE:
                kind.replace(change, revision, pace)
            case Action.REMOVE:
                kind.remove(change)
            case Action.RUN if isinstance(kind, Runs):
                kind.run(change)
            case Action.STOP if isinstance(kind, Runs):
                kind.cut_short(change)
            case Action.ADOPT if isinstance(kind, Adopting):
                kind.adopt(change)
            case _:
                return  # what is held is left alone

    def probe(self, requirement: Requirement) -> Probe:
        """Whether the required condition holds by now, and in words why not."""
        if requirement.condition is Condition.GOOD:
            return self.health(requirement.key)
        return self._held_to(self._kinds[requirement.key.kind].probe(requirement.key, requirement.condition))

    def health(self, key: Key) -> Probe:
        """Whether the object is good: healthy by its check, completed, or up where it has no check."""
        kind = self._kinds[key.kind]
        found = kind.probe(key, Condition.HEALTHY)
        if found.detail == UNCHECKED:
            return kind.probe(key, Condition.STARTED)
        ended = kind.probe(key, Condition.COMPLETED) if found.gate is Gate.FAILED else found
        return self._held_to(ended if ended.gate is Gate.PASSED else found)

    def _held_to(self, found: Probe) -> Probe:
        if found.gate is Gate.FAILED:
            self._hold_to(found.detail)
        return found

    def _hold_to(self, said: str) -> None:
        """Raises `Unreachable` where the engine ends: it is that which speaks."""
        try:
            self._reach()
        except Trouble as gone:
            raise Unreachable(f"{said}; and the engine ends: {gone.message}", reason="EngineUnavailable") from gone

    def words(self, stack: Stack, service: str) -> str:
        """The last lines of what is not good of a service, each on a new line; "" where nothing can be read."""
        for one in stack.resources:
            kind = self._kinds[one.key.kind]
            if one.service != service or not isinstance(kind, Speaking):
                continue
            with suppress(Trouble):  # it is ill all the same
                if self.health(one.key).gate is not Gate.PASSED and (said := kind.words(one.key)):
                    return said
        return ""

    def tidy(self, stack: str, keep: Collection[Key], *, stays: bool = False) -> None:
        """Clear away what was made for the stack and is none of `keep`; `stays`: see `Tidy`."""
        for kind in self._kinds.values():
            if isinstance(kind, Tidy):
                kind.tidy(stack, keep, stays=stays)

    def forgive(self, wanted: Iterable[Resource] | None = None) -> None:
        """Try at once what was refused a short while ago: somebody asks for it, or for new content that has these."""
        keys = None if wanted is None else {resource.key for resource in wanted}
        for name, kind in self._kinds.items():
            if isinstance(kind, Forgiving):
                kind.forgive(None if keys is None else {key.name for key in keys if key.kind == name})


def _known_once(found: dict[Key, Observed], wanted: Set[Key]) -> dict[Key, Observed]:
    """Without those that look like somebody else's to one kind, by the name that they were given by hand, and that
    another kind knows for its own."""
    strangers = {key for key, seen in found.items() if seen.owner is Owner.FOREIGN and key not in wanted}
    if not strangers:
        return found
    ours = {(key.kind, seen.id) for key, seen in found.items() if key not in strangers}
    return {key: seen for key, seen in found.items() if key not in strangers or (key.kind, seen.id) not in ours}
