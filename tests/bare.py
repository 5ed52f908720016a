"""A host with nothing on it in the place of the real one, for commands that look and decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agent.account import Look
from agent.assembly import Assembly
from agent.model import Plan
from agent.reconcile import Turn


@dataclass
class Bare:
    """An engine and a reconciler, and what was asked of it."""

    turns: list[Turn] = field(default_factory=list)

    def version(self) -> dict[str, str]:
        return {"Version": "27.0", "ApiVersion": "1.46"}

    def info(self) -> dict[str, str]:
        return {"ID": "ABCD:EFGH"}

    def look(self, turn: Turn) -> Look:
        self.turns.append(turn)
        return Look({}, Plan(()))


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> Bare:
    bare = Bare()
    monkeypatch.setattr("agent.parts.make_engine", lambda *_, **__: bare)
    monkeypatch.setattr(Assembly, "_toolkit", lambda *_: SimpleNamespace(reconciler=bare))
    return bare
