"""A stack that somebody brings along: what it is, one thing that is changed in it, and what that moves."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOP = """
x-base: &base
  image: IMAGE
  command: ["sh", "-c", "trap 'exit 0' TERM INT; while true; do sleep 1 & wait; done"]
  stop_grace_period: 1s
x-windlass: {rollout: {monitor: 300ms}}
"""


@dataclass(frozen=True)
class Brought:
    """`old` in the file becomes `new`, by which the `fields` of each container change, by service; "" for all of one
    that is made anew without a field of its own. `data` are directories of containers, by service, what lies in which
    is to stay."""

    text: str
    old: str
    new: str
    moves: dict[str, set[str]]
    data: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def compose(self) -> str:
        return LOOP + self.text
