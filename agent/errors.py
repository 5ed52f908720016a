"""Why something failed, told apart by what happens next.

    Trouble
    ├── BadManifest    what the repository says is wrong: wait for a new commit
    ├── BadSettings    what the operator says is wrong: do not start
    ├── Refused        the engine or git said no: others go on, this one backs off
    ├── Overtaken      the world moved since it was looked at: look again at once
    └── Unreachable    nobody answered, or not in time: retry soon

`reason` is a stable CamelCase code for metrics, history and alerts (`PortInUse`, `ImagePullFailed`); the message is
for people: what, where, why, and what to do. Neither ever holds the value of a secret.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.model import Failure, Problem


class Trouble(Exception):  # noqa: N818 - the word of the design for all that may go wrong
    """The root of everything that may go wrong in ways that were thought of; a bug is not a Trouble. One that was not
    `attempted` was known beforehand, and nobody was asked."""

    def __init__(self, message: str, *, reason: str = "", attempted: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.attempted = attempted
        self.reason = reason or type(self).__name__

    @property
    def problems(self) -> tuple[Problem, ...]:
        return ()

    def failure(self) -> Failure:
        return Failure(self.reason, self.message, self.problems)


class BadManifest(Trouble):
    """The files are wrong. Holds every problem that was found, in the order of the files."""

    def __init__(self, problems: Sequence[Problem], *, reason: str = "ConfigInvalid") -> None:
        self._problems = tuple(problems)
        super().__init__("\n".join(map(str, self._problems)), reason=reason)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class BadSettings(Trouble):
    """The operator's settings or options are wrong."""


class Refused(Trouble):
    """The engine, the registry or the git server understood and said no."""


class Overtaken(Trouble):
    """The object that was looked at is gone or has changed."""


class Unreachable(Trouble):
    """The engine, the registry or the git server did not answer, or not in time. The outcome may be unknown."""
