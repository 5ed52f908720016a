"""What a command has at hand between a plan and its being carried out."""

from __future__ import annotations

from dataclasses import dataclass

from agent.account import Look
from agent.cli.parts import Planned
from agent.pulls import Pulls
from agent.reconcile import Reconciler, Turn
from agent.statedir import StateDir


@dataclass(frozen=True)
class Works:
    """What carries a plan out."""

    reconciler: Reconciler
    state: StateDir
    pulls: Pulls


@dataclass(frozen=True)
class Prepared(Planned):
    """A plan with what is needed to carry out just that plan."""

    works: Works | None = None
    turn: Turn | None = None
    look: Look | None = None
