"""What a command has at hand between a plan and its being carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.account import Look
from agent.cli.needs import Planned
from agent.desired import Reading
from agent.directives import Orders
from agent.freeze import Freezes
from agent.guard import Consent
from agent.model import Plan, Scope
from agent.occasions import Trigger
from agent.pulls import Pulls
from agent.reconcile import Reconciler, Turn
from agent.statedir import StateDir
from agent.suspension import Suspension
from agent.target import Target


@dataclass(frozen=True)
class Toolkit:
    """What carries a plan out."""

    reconciler: Reconciler
    state: StateDir
    pulls: Pulls


@dataclass(frozen=True)
class Prepared(Planned):
    """A plan with what is needed to carry out just that plan. `files` is how its files are found again, as
    `artefact.target_document` has it."""

    toolkit: Toolkit | None = None
    turn: Turn | None = None
    look: Look | None = None
    target: Target = field(default_factory=Target)
    files: Mapping[str, Any] = field(default_factory=dict)


def by_hand(reading: Reading, scope: Scope, orders: Orders) -> Turn:
    """A turn for every stack of the reading, as far as the standing orders let it."""
    return Turn(
        tuple(stack for _, stack in sorted(reading.stacks.items())),
        scope,
        Trigger.MANUAL,
        suspended=orders.by_stack(scope.stacks),
        consent=Consent(orders.approved, reading.snapshot.revision.allow_prune, reading.snapshot.revision.id),
    )


def suspended_in(plan: Plan, orders: Orders) -> Mapping[str, Suspension]:
    """The stacks that the plan would change although they are suspended, and why they are."""
    found = {name: orders.of(name).whole for name in sorted({change.stack for change in plan.pending})}
    return {name: why for name, why in found.items() if why is not None}


def frozen_in(plan: Plan, freeze: Freezes, now: float) -> Mapping[str, Suspension]:
    """The stacks that the plan would change while new content of them waits in the agent, and why it does."""
    found = {name: freeze.of(name, now) for name in sorted({change.stack for change in plan.pending})}
    return {name: why for name, why in found.items() if why is not None}
