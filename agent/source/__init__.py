"""Where the wanted state comes from: one repository or one directory, seen as snapshots that never change.

The one thing to know: a `Snapshot` stays readable, from any thread, however far its source has moved on since.
"""

from __future__ import annotations

from typing import Protocol

from agent.model import Snapshot
from agent.provenance import Past


class Source(Protocol):
    """A place that is asked again and again for its newest revision."""

    @property
    def origin(self) -> str:
        """A stable name of the place: `git:` or `dir:` and 12 hex digits. The branch or tag is no part of it."""

    @property
    def past(self) -> Past:
        """What led to its revisions."""

    def sync(self) -> Snapshot:
        """The newest revision; the very same object as before when nothing moved.

        Raises `Unreachable` when the place did not answer and `Refused` when it did but what it offers cannot be
        taken. Either way `last` and `good` are as they were.
        """

    def last(self) -> Snapshot | None:
        """The newest revision known on this machine, without the network. None before the first `sync`."""

    def good(self, stack: str) -> Snapshot | None:
        """The revision that `accept` recorded for the stack, None where there is none. Raises `Trouble` where that
        cannot be told for now, or the revision cannot be read."""

    def accept(self, stack: str, revision: str) -> None:
        """Record that the stack converged at this revision (`Revision.id`)."""

    def forget(self, stack: str) -> None:
        """Take away that record: the stack is gone for good."""
