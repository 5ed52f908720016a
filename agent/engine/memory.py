"""What the engine has answered, for as long as nothing calls the answer into question.

While its events are followed, an object that none of them has named is as it was when it was asked about. The stream
is lossy, so this spares questions and decides nothing: whoever keeps the agent's rhythm clears it for each full look,
and every end of the stream does. Where the engine then says the same as before, the answer is the very same object, by
which whoever held it against something knows that he need not again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.engine.events import Event

LOOKS = 8  # that may pass by what nobody asks about any more before it is let go


@dataclass(frozen=True)
class Kept:
    answer: Any
    witness: Any  # what else was seen at that time and has to be the same now


def lasting(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a list says of a container, without the words that tell the time since its start."""
    return {key: value for key, value in entry.items() if key != "Status"}


class Memory:
    """Answers by key, a kind and a name or id. Any thread may call; an answer is shared, so nobody may change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.losses = 0  # how often the events broke off
        self._followed = False
        self._doubts = 0  # how often something was forgotten: an answer from before that may be old
        self._kept: dict[tuple[str, str], Kept] = {}
        # what was called into question, and how often all was since: one look may begin while another is under way
        self._before: dict[tuple[str, str], tuple[Kept, int]] = {}

    # --- the events ---

    def follow(self) -> None:
        """From now on, whatever happens is heard."""
        self.clear()
        self._followed = True

    def lose(self) -> None:
        """Nothing is heard any more."""
        self._followed = False
        self.losses += 1
        self.clear()

    def hear(self, event: Event) -> None:
        if event.kind == "container":
            self.forget("container", event.id)
        elif event.kind == "network":
            self.forget("container", event.attributes.get("container", ""))
        elif event.kind in ("image", "daemon"):
            self.forget_all(event.kind)

    # --- the answers ---

    def known(self, kind: str, name: str, witness: Any = None) -> Any:
        """The answer as it was, where `witness` is what it was too; None where the engine has to be asked."""
        kept = self._kept.get((kind, name))
        return kept.answer if kept is not None and kept.witness == witness else None

    def learn(self, kind: str, name: str, ask: Callable[[], Any], witness: Any = None) -> Any:
        """The answer now, kept unless something was called into question while it was on its way."""
        doubts, (before, _) = self._doubts, self._before.get((kind, name), (None, 0))
        answer = ask()
        if before is not None and before.answer == answer:
            answer = before.answer
        with self._lock:
            if self._followed and self._doubts == doubts and answer is not None:
                self._kept[kind, name] = Kept(answer, witness)
        return answer

    def forget(self, kind: str, name: str) -> None:
        """One object may have changed by now."""
        with self._lock:
            self._doubts += 1
            self._kept.pop((kind, name), None)

    def forget_all(self, kind: str) -> None:
        """Every object of the kind may have changed by now."""
        with self._lock:
            self._doubts += 1
            self._kept = {key: kept for key, kept in self._kept.items() if key[0] != kind}

    def clear(self) -> None:
        """Everything may have changed by now."""
        with self._lock:
            self._doubts += 1
            if self._kept:
                left = {key: (kept, age + 1) for key, (kept, age) in self._before.items() if age < LOOKS}
                self._before = left | {key: (kept, 0) for key, kept in self._kept.items()}
                self._kept = {}
