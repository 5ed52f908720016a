"""What happens to the containers of a stack meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.engine.events import Event
from tests.kinds.rig import Rig


def ids(rig: Rig) -> set[str]:
    return {entry["Id"] for entry in rig.engine.list_containers() if rig.stack in entry["Names"][0]}


class Seen(list[tuple[str, str]]):
    """What happened, and to whom; `at` is when, in seconds by the engine's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[tuple[str, str], float] = {}

    def note(self, event: Event) -> None:
        self.append((event.action, event.id))
        self.at[event.action, event.id] = event.nano / 1e9

    @property
    def actions(self) -> list[str]:
        return [what for what, _ in self]


@contextmanager
def watched(rig: Rig, *actions: str) -> Iterator[Seen]:
    """What happens to the stack's containers while the block runs: that they start and stop, or other actions."""
    wanted = actions or ("start", "die")
    seen = Seen()
    opened, marked = threading.Event(), threading.Event()

    def note(event: Event) -> None:
        ours = event.attributes.get("com.docker.compose.project") == rig.stack
        told = (event.action, event.id) in seen  # the engine may say a thing twice
        if event.action in wanted and ours and not told:
            seen.note(event)
        if event.action == "update" and ours:
            marked.set()

    threading.Thread(target=lambda: rig.engine.events(note, on_open=opened.set), daemon=True).start()
    assert opened.wait(10)
    yield seen
    rig.engine.update_container(ids(rig).pop(), {"RestartPolicy": {"Name": "no"}})  # as it is: for the event alone
    assert marked.wait(10), "what the engine has said before that is here by now"
