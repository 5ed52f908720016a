"""What was asked by hand, and whether it has been done: the source read since, and each stack looked at for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from agent.occasions import Trigger
from agent.ports import AskSource, LookAt
from agent.wishes import EVERYTHING, Asked


class Prospects(Protocol):
    """What is still to come for a stack, as the loop knows it."""

    def has_news(self, name: str) -> bool:
        """Whether a turn of it is under way or due in which whoever asked may be interested."""

    def may_be_taken_up(self, name: str) -> bool:
        """Whether new content of it waits for other stacks, of which each may be ready before long."""


class Answering:
    """Touched by the loop's own thread only. `tell` hears of when was asked what has been done by now.

    A stack that was asked for and waits for others is waited for too, as long as these get on.
    """

    def __init__(self, tell: Callable[[float], None], prospects: Prospects) -> None:
        self._tell, self._prospects = tell, prospects
        self._heard: Mapping[str, Asked] = {}
        self._at = 0.0  # of what was asked last
        self._asked = set[str]()  # what was asked for and is not answered
        self._left = set[str]()  # the stacks that have still to have their turn
        self._reads = False  # the source is still to be read

    def heed(self, asked: Mapping[str, Asked], stacks: Iterable[str]) -> Iterator[AskSource | LookAt]:
        """The reasons to look, as of a SIGHUP, that come of what is new in `asked`."""
        new = {what: one for what, one in asked.items() if self._heard.get(what) != one}
        self._heard = asked
        if not new:
            return
        names = [name for name in stacks if name in new or EVERYTHING in new]
        self._at, self._reads = max(self._at, *(one.at for one in new.values())), True
        self._left.update(names)
        self._asked.update(new)
        yield AskSource(Trigger.MANUAL)
        hard = any(one.hard for one in new.values())
        yield from (LookAt(Trigger.MANUAL, stack=name, afresh=hard) for name in names)

    def source_read(self, stacks: Iterable[str]) -> None:
        """Since somebody asked; these are all that there are by now."""
        if self._reads:
            self._reads = False
            self._left.update(stacks)
            self.tell_if_done()

    def tell_if_done(self) -> None:
        """Something has come of a stack: forget those for which nothing more is to come for now."""
        if not self._asked:
            return
        self._left = {name for name in self._left if self._is_to_come(name)}
        if not (self._left or self._reads):
            self._asked.clear()
            self._tell(self._at)

    def _is_to_come(self, name: str) -> bool:
        is_asked = name in self._asked or EVERYTHING in self._asked
        return self._prospects.has_news(name) or (is_asked and self._prospects.may_be_taken_up(name))
