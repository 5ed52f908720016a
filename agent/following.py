"""What becomes of a reading of the source: which stacks take up what it says now, which wait with that, and which go.

New content waits for the stacks that it is to come after, and for the end of a freeze window; what was wanted before is
kept and healed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from agent.account import longest_wait
from agent.desired import Reading
from agent.guard import Consent
from agent.model import Failure, Report
from agent.occasions import Trigger
from agent.printable import listed
from agent.stack_order import earlier_first, gets_on, is_ready
from agent.suspension import Suspension
from agent.work import Work, differ

WAITS_FOR_STACK = "WaitsForStack"
HIDDEN = "MayBeHidden"  # it seems to have left the source, and something there cannot be read
_MOST_NAMED = 10  # directories


class Dispatch(Protocol):
    """What the loop is told to do."""

    def fresh(self, work: Work, trigger: str) -> None:
        """New content is tried at once."""

    def mark(self, work: Work, trigger: str) -> None:
        """A turn is due."""

    def tell(self, report: Report) -> None: ...

    def work_of(self, name: str) -> Work:
        """What is known of the stack, from now on if nothing was."""


class Following:
    """Touched by the loop's own thread only. `stacks` is the loop's, `wall` gives seconds since the epoch."""

    def __init__(self, stacks: Mapping[str, Work], dispatch: Dispatch, wall: Callable[[], float]) -> None:
        self._stacks, self._dispatch, self._wall = stacks, dispatch, wall
        self._leaving: frozenset[str] = frozenset()
        self.reading: Reading | None = None

    def consent(self, approved: frozenset[str], free: frozenset[str]) -> Consent:
        """To removing much at once, with what the newest commit says."""
        revision = self.reading.snapshot.revision if self.reading else None
        return Consent(approved, revision.allow_prune, revision.id, free) if revision else Consent(approved, free=free)

    def follow(self, reading: Reading, on_host: frozenset[str]) -> None:
        """Make the reading what is wanted. A stack that is broken in it keeps its last good state."""
        moved = self.reading is None or reading.snapshot.revision.id != self.reading.snapshot.revision.id
        self.reading = reading
        for name, stack in reading.stacks.items():
            work = self._dispatch.work_of(name)
            if moved or work.desired is None or work.lag.failure:
                work.offer(stack)
        left = (on_host | frozenset(self._stacks)) - reading.names
        kept = self._that_may_be_hidden(left, reading, on_host)
        self._leaving = left - kept
        for name in sorted(kept):
            self._keep(self._dispatch.work_of(name), reading)
        # first: what an earlier reading had of it is not taken up any more
        for name, failure in reading.broken.items():
            work = self._dispatch.work_of(name)
            if work.refuse(failure, reading.rejected.get(name, ""), reading.blamed.get(name)):
                self._tell(work, failure)
        self.take_up()

    def take_up(self) -> None:
        """Want what is coming, unless it is new and has to wait; let go of what has left the source."""
        for name in earlier_first(work.lag.coming for work in self._works()):
            self._take_up(self._stacks[name])
        for name in sorted(self._leaving):
            self._let_go(self._dispatch.work_of(name))

    def thaw(self) -> None:
        """Go on with what waited for the end of a freeze window."""
        now = self._wall()
        frozen = [work.lag.frozen for work in self._works() if work.lag.frozen]
        if any(one.until is not None and one.until <= now for one in frozen):
            self.take_up()

    def someone_gets_on(self, seconds: float) -> bool:
        """Whether a stack that another one waits for may be ready before long, although nothing has changed for so many
        seconds."""
        awaited = {name for work in self._works() if work.lag.coming for name in work.lag.coming.after}
        found = [work.last for name, work in self._stacks.items() if name in awaited and work.last]
        return any(one.on_trial or (gets_on(one) and seconds < longest_wait([one])) for one in found)

    def has_news(self, name: str) -> bool:
        """Whether a turn of the stack is under way or due in which whoever asked may be interested."""
        work = self._stacks.get(name)
        return work is not None and work.has_news

    def may_be_taken_up(self, name: str) -> bool:
        """Whether new content of the stack waits for others, each of which may be ready before long, perhaps after
        those that it waits for itself."""
        left, seen = [name], {name}
        while left:
            late = self._awaited_by(self._stacks.get(left.pop()))
            if late is None or not all(map(self._gets_on, late)):
                return False
            waiting = {work.name for work in late if work.lag.coming is not None} - seen
            seen |= waiting
            left += waiting
        return True

    def _awaited_by(self, work: Work | None) -> list[Work] | None:
        """The stacks that new content of this one waits for, None where none of it waits for stacks."""
        if work is None or work.lag.coming is None or work.lag.frozen:
            return None
        return [self._stacks[name] for name in work.lag.coming.after if not self._is_ready(name)]

    def _gets_on(self, work: Work) -> bool:
        """Whether the stack may be ready before long: it is about to be looked at, gets on, or waits for others
        itself."""
        if work.suspended.whole or work.lag.frozen:
            return False
        return work.lag.coming is not None or work.has_news or work.is_overtaken or gets_on(work.last)

    def _works(self) -> tuple[Work, ...]:
        return tuple(self._stacks.values())

    def _take_up(self, work: Work) -> None:
        stack = work.lag.coming
        if stack is None:
            return
        changed = differ(stack, work.desired)
        if changed and self._is_frozen(work):
            return
        if changed and (late := [name for name in stack.after if not self._is_ready(name)]):
            failure = Failure(WAITS_FOR_STACK, f"new content waits for {', '.join(late)} to be synced and healthy")
            if work.wait(failure):
                self._tell(work, failure, waits=True)
            return
        work.want(stack)
        if changed:
            self._dispatch.fresh(work, Trigger.GIT)
        else:
            self._dispatch.mark(work, Trigger.INTERVAL)

    def _let_go(self, work: Work) -> None:
        if work.has_left and work.last is not None:
            self._leaving -= {work.name}
            return
        work.offer(None)
        if not self._is_frozen(work):
            self._leaving -= {work.name}
            work.want(None)
            self._dispatch.fresh(work, Trigger.GIT)

    def _is_frozen(self, work: Work) -> bool:
        """Whether what is new of the stack waits for the end of a freeze window; told when it begins to."""
        why = self._freeze_of(work.name)
        if why is not None and work.freeze(why):
            self._tell(work, None)
        return why is not None

    def _freeze_of(self, name: str) -> Suspension | None:
        return self.reading.freeze.of(name, self._wall()) if self.reading else None

    def _is_ready(self, name: str) -> bool:
        """Whether the stack is good at what is wanted of it now. Nobody waits for one that is not in the source."""
        work = self._stacks.get(name)
        if work is None or self.reading is None or name not in self.reading.names:
            return True
        wanted, last = work.desired, work.last
        if work.lag or wanted is None or last is None:
            return False
        return wanted.revision == last.revision and is_ready(last)

    def _that_may_be_hidden(self, left: frozenset[str], reading: Reading, on_host: frozenset[str]) -> frozenset[str]:
        """Of the stacks that seem to have left the source, those that may be there all the same: a broken stack that
        was never here may have their name, by its `name:`, and so may one in a directory that cannot be read."""
        known = (self._stacks.get(name) for name in reading.broken if name not in on_host)
        if not reading.unread and all(work is not None and work.desired is not None for work in known):
            return frozenset()
        return frozenset(name for name in left if name in on_host or self._stacks[name].desired is not None)

    def _keep(self, work: Work, reading: Reading) -> None:
        """Leave a stack that may be hidden as it is, and tell why once. What it waited to take up is no longer in the
        source."""
        failure = Failure(HIDDEN, f"is not in the source any more, and is kept until {_hiding(reading)}")
        work.offer(None)
        if work.wait(failure):
            self._tell(work, failure, waits=True)

    def _tell(self, work: Work, failure: Failure | None, *, waits: bool = False) -> None:
        """Report once, now, why the newest is not what is wanted."""
        if self.reading is not None:
            revision = self.reading.snapshot.revision
            self._dispatch.tell(work.not_followed(revision, failure, self._wall(), waits=waits))


def _hiding(reading: Reading) -> str:
    """What has to come about before a stack that is not to be seen is known to be gone."""
    if reading.unread:
        places = listed((problem.place.file for problem in reading.unread), _MOST_NAMED)
        return f"the agent may read {places}, where it may lie ({reading.unread[0].hint})"
    return f"{', '.join(sorted(reading.broken))} can be read, which may be it under another name"
