"""What is healed over and over, because somebody or something else changes it back. A value, for `agent.model`."""

from __future__ import annotations

from dataclasses import dataclass

from agent.printable import listed

_MOST_FIELDS = 3  # that are named in one line


@dataclass(frozen=True)
class Fight:
    """An object that was healed `times` within `seconds`, and is left alone for `wait` seconds since the last time.
    `fields` are those that came back each time; none where the object itself was gone."""

    kind: str
    name: str
    fields: tuple[str, ...]
    times: int
    seconds: float
    wait: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} healed {self.times} times in {_span(self.seconds)}: {self._why()}"

    def _why(self) -> str:
        if not self.fields:
            return "something else removes it"
        if self.fields == ("state",):
            return "it does not stay up, or something else stops it"
        if self.fields == ("health",):
            return "it does not stay healthy"
        named = listed(self.fields, _MOST_FIELDS)
        return f"{named} {'is' if len(self.fields) == 1 else 'are'} changed back by something else"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
