"""What was asked by hand, and whether it has been done: the source read since, and each stack looked at for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from agent.ports import AskSource, LookAt
from agent.reconcile import ASKED
from agent.wishes import EVERYTHING, Asked


class Answering:
    """Touched by the loop's own thread only. `tell` hears of when was asked what has been done by now."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._heard: Mapping[str, Asked] = {}
        self._at = 0.0  # of what was asked last
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
        yield AskSource(ASKED)
        hard = any(one.hard for one in new.values())
        yield from (LookAt(ASKED, stack=name, afresh=hard) for name in names)

    def source_read(self, stacks: Iterable[str]) -> None:
        """Since somebody asked; these are to have another turn for it."""
        if self._reads:
            self._reads = False
            self._left.update(stacks)
            self._tell_if_done()

    def had_turn(self, stack: str) -> None:
        """And is to have none for now that is any news."""
        if stack in self._left:
            self._left.remove(stack)
            self._tell_if_done()

    def _tell_if_done(self) -> None:
        if not (self._left or self._reads):
            self._tell(self._at)
