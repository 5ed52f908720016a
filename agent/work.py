"""What the loop knows of one stack: what is wanted of it, what is due, and what came of it last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.model import Failure, Key, Report, Stack
from agent.trial import Trial


@dataclass
class Work:
    """Touched by the loop's own thread only."""

    name: str
    desired: Stack | None = None  # None: gone from the source, to be pruned
    broken: Failure | None = None  # the source's newest says something wrong; `desired` is the last good
    trigger: str | None = None  # set: a turn is due
    busy: bool = False
    not_before: float = 0.0
    accepted: str = ""
    keys: frozenset[Key] = frozenset()  # of what is wanted: an event about one of them concerns this stack
    known: frozenset[Key] = frozenset()  # those of them that were there when the stack last converged
    last: Report | None = None
    coming: Stack | None = None  # new content, which waits for other stacks
    trial: Trial | None = None  # of the content that is not known to be good yet

    def is_about(self, keys: frozenset[Key], id: str) -> bool:
        """Whether it wants an object of one of the keys, or has the one of the engine's id."""
        return (self.last is not None and id in self.last.ids) or not keys.isdisjoint(self.keys)

    @property
    def is_due(self) -> bool:
        """Whether a turn may begin once its time has come."""
        only_waits = self.desired is None and self.coming is not None
        return self.trigger is not None and not self.busy and not only_waits

    def want(self, stack: Stack | None) -> None:
        if stack is None or self.desired is None or stack.resources != self.desired.resources:
            self.trial = None
        self.desired = stack
        self.keys = frozenset(resource.key for resource in stack.resources) if stack else frozenset()

    def moved_on(self) -> Callable[[], bool]:
        """Tells from now on whether other content is wanted by then. A worker may ask: only the loop sets `desired`."""
        wanted = self.desired

        def moved_on() -> bool:
            now = self.desired
            return now is not wanted and (now is None or wanted is None or now.resources != wanted.resources)

        return moved_on
