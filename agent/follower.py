"""A source and its reader as the loop asks them: what is newest, what was good, what was tried and was no good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from agent.desired import Reader, Reading
from agent.errors import Refused, Trouble
from agent.jsonfile import JsonFile, part_of
from agent.model import Failure, Revision, Snapshot, Stack
from agent.provenance import PATIENCE, Tracer
from agent.rejections import Rejections, content_of, is_doubt
from agent.source import Source
from agent.stand_ins import ignore
from agent.timing import Measured, Timed, measured

KEPT = 4  # readings of older revisions that are at hand: stacks mostly were good at one of few


class Follower:
    """A source and its reader as the loop asks them. Used by one worker of the loop at a time; what is about one stack,
    by any."""

    def __init__(
        self,
        source: Source,
        reader: Reader,
        asked: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
        rejections: Rejections | None = None,
        *,
        applied: JsonFile | None = None,
        timed: Timed = ignore,
    ) -> None:
        """`asked(result, seconds)` hears of each time that the source was asked: "success" or "error". `applied` is
        what commands noted since the last agent ran, see `_heed_applied`."""
        self._timed = timed
        self._source, self._reader, self._asked, self._clock = source, reader, asked, clock
        self._rejections = rejections or Rejections()
        self._applied = applied
        self._tracer = Tracer(source.past)
        self._blamed: dict[tuple[str, str], Revision | None] = {}  # by revision and stack
        self._newest: Reading | None = None
        self._older: dict[str, Reading] = {}  # by revision, the one that was asked for last behind the others
        self._good: dict[str, Stack] = {}  # by name, what `last_good` has found or `accept` was given
        self._reading = threading.Lock()

    def newest(self) -> Reading:
        """The newest revision, read once however often it is asked for. Raises `Trouble`."""
        snapshot = self._sync()
        self._heed_applied()
        if self._newest is None or self._newest.snapshot.revision.id != snapshot.revision.id:
            with measured(Measured.RENDER, self._timed, self._clock):
                self._newest = self._reader.read(snapshot)
        return self._with_blame(self._without_rejected(self._newest))

    def _heed_applied(self) -> None:
        """What a command has left good is good from now on: where its content has to wait, for another stack or for the
        end of a freeze window, what was good before would take its place again. From then on it is this agent's word
        that counts."""
        if self._applied is None:
            return
        notes = self._applied.read()
        for stack in sorted(notes):
            with suppress(Trouble):  # as in `accept`
                self._source.accept(stack, str(part_of(notes, stack).get("rev")))
        if notes:
            with suppress(Trouble):
                self._applied.change(lambda _: {})
        self._applied = None

    def _without_rejected(self, reading: Reading) -> Reading:
        """What was tried and did not become good counts as broken, as long as there is something to go back to."""
        rejected = {
            name: failure
            for name, stack in reading.stacks.items()
            if (failure := self._rejections.of(stack)) and self._counts(stack)
        }
        if not rejected:
            return reading
        kept = {name: stack for name, stack in reading.stacks.items() if name not in rejected}
        digests = {name: content_of(reading.stacks[name]) for name, why in rejected.items() if not is_doubt(why)}
        read = {**reading.read, **{name: reading.stacks[name].inputs for name in rejected}}
        return replace(reading, stacks=kept, broken={**reading.broken, **rejected}, rejected=digests, read=read)

    def _with_blame(self, reading: Reading) -> Reading:
        """With the commits that broke what is broken, each looked for once; what there is no time for is left to the
        next reading."""
        revision, before, until = reading.snapshot.revision.id, self._blamed, self._clock() + PATIENCE
        self._blamed = {
            (revision, name): before[revision, name] if (revision, name) in before else self._blame(reading, name)
            for name in reading.read
            if (revision, name) in before or self._clock() < until
        }
        blamed = {name: commit for (_, name), commit in self._blamed.items() if commit}
        return replace(reading, blamed=blamed) if blamed else reading

    def _blame(self, reading: Reading, name: str) -> Revision | None:
        """The commit that broke a stack; None where it is read from just what it was when it was good, and so something
        else broke it."""
        revision, paths = reading.snapshot.revision.id, reading.read[name]
        with suppress(Trouble):  # what it was when it was good cannot be told for now
            good = self.last_good(name)
            if good is not None and self._tracer.is_same(good.revision.id, revision, paths):
                return None
        return self._tracer.last_change(revision, paths)

    def _counts(self, stack: Stack) -> bool:
        """Whether a rejection counts: there is something else to go back to. That may be there and not be readable."""
        try:
            good = self.last_good(stack.name)
        except Trouble:
            return True
        return good is not None and content_of(good) != content_of(stack)

    def _sync(self) -> Snapshot:
        began, result = self._clock(), "error"
        try:
            snapshot = self._source.sync()
            result = "success"
        finally:
            self._asked(result, seconds := self._clock() - began)
            self._timed(Measured.FETCH, seconds)
        return snapshot

    def fallback(self) -> Reading | None:
        """What was fetched before this process began. None where there is nothing or it cannot be read."""
        try:
            snapshot = self._source.last()
            return self._with_blame(self._without_rejected(self._read(snapshot))) if snapshot else None
        except Trouble:
            return None  # `newest` has failed as well, and its reason is the one that is told

    def last_good(self, stack: str) -> Stack | None:
        """The stack as it last converged, read once; None where it never did. Raises `Trouble` where it did and cannot
        be read now, or nobody can tell."""
        if known := self._good.get(stack):
            return known
        snapshot = self._source.good(stack)
        if snapshot is None:
            return None
        found = self._read(snapshot).stacks.get(stack)
        if found is None:
            said = f"stack {stack} as it was good at {snapshot.revision.short} can be read no more"
            raise Refused(said, reason="LastGoodUnreadable")
        return self._good.setdefault(stack, found)

    def _read(self, snapshot: Snapshot) -> Reading:
        """The whole revision: its other stacks will be asked for as well."""
        with self._reading:
            name, newest = snapshot.revision.id, self._newest
            if newest is not None and newest.snapshot.revision.id == name:
                return newest
            found = self._older.pop(name, None) or self._reader.read(snapshot)
            self._older[name] = found
            while len(self._older) > KEPT:
                del self._older[next(iter(self._older))]
            return found

    def accept(self, stack: Stack) -> None:
        """Remember that the stack converged. Where that cannot be noted, an older good state is kept."""
        with suppress(Trouble):  # losing the note costs a fallback, never the deploy that it is about
            self._source.accept(stack.name, stack.revision.id)
            self._good[stack.name] = stack
            if self._is_no_longer_rejected(stack):
                self._rejections.forgive(stack.name)

    def _is_no_longer_rejected(self, good: Stack) -> bool:
        """Whether the newest is not what was rejected, or has just proved good after all: that what was good before
        proves good again mends nothing."""
        newest = self._newest.stacks.get(good.name) if self._newest else None
        if newest is None:
            return False
        return self._rejections.of(newest) is None or content_of(newest) == content_of(good)

    def reject(self, stack: Stack, failure: Failure) -> None:
        """Remember that the stack's content did not become good. Where that cannot be noted, it is tried again by the
        next process."""
        with suppress(Trouble):
            self._rejections.note(stack, failure)

    def forget(self, stack: str) -> None:
        """The stack is gone for good: nobody wants it to go back to what it was long ago, should it come back. Where
        that cannot be noted, it does."""
        self._good.pop(stack, None)
        with suppress(Trouble):
            self._source.forget(stack)
        self.forgive(stack)

    def forgive(self, stack: str) -> bool:
        """Let content that was rejected be tried again. Returns whether there was any."""
        try:
            return self._rejections.forgive(stack)
        except Trouble:
            return False
