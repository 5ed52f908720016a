"""The change of a container that runs once: it is made, started and waited for, all in one step.

So who comes behind it waits for its end, and a run that fails is a step that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Refused
from agent.handling import Hook, Stage
from agent.held import NAME_CONFLICT
from agent.kinds.base import Report, seen_of, wanted_of
from agent.kinds.container_once import hook_of
from agent.kinds.container_rollout import put_down
from agent.kinds.table import look
from agent.model import Action, Change, Owner, Resource
from agent.rollout import Pace
from agent.twins import NEXT, OLD

if TYPE_CHECKING:
    from agent.kinds.container import ContainerKind


def run_once(kind: ContainerKind, change: Change, revision: str, pace: Pace) -> None:
    """Raises `Refused` (`HookFailed`, `HookTimeout`) with the last words of a run that failed, which is cleared away:
    the next one begins anew. One for a failure is not repeated, whatever came of it."""
    if change.action is Action.REMOVE:
        _let_end(kind, change, pace)
        kind.remove(change)
    else:
        _make_and_wait(kind, change, wanted_of(change), revision, pace)


def _make_and_wait(kind: ContainerKind, change: Change, resource: Resource, revision: str, pace: Pace) -> None:
    hook = hook_of(resource) or Hook(Stage.PRE_DEPLOY)
    report = _ours(kind, resource, change)
    goes_on = report is not None and change.action is Action.UPDATE and kind.once.is_for(resource, report)
    if report is not None and not goes_on:
        kind.once.let_end(hook, report, pace)
        _clear(kind, report)
    if not hook.rests:
        _run(kind, resource, hook, pace, report["Id"] if report and goes_on else _make(kind, resource, revision))
    kind.once.note(resource)


def _let_end(kind: ContainerKind, change: Change, pace: Pace) -> None:
    """Before one is removed that content does without by now: wait for a run that is under way."""
    report = kind.engine.inspect_container(seen_of(change).id)
    if report is not None:
        hook = hook_of(change.wanted) if change.wanted else None
        kind.once.let_end(hook or Hook(Stage.PRE_DEPLOY), report, pace)


def _run(kind: ContainerKind, resource: Resource, hook: Hook, pace: Pace, container: str) -> None:
    report = kind.once.seen(container, pace)
    try:
        match look(report, "State.Status"):  # one that has ended meanwhile is not begun again
            case "created":
                kind.hooks.start(resource, container)
            case "running" | "paused":
                kind.go_on(resource, report or {})
            case _:
                pass
        kind.once.await_end(hook, container, pace)
    except Refused:
        if hook.stage is Stage.ON_FAILURE:
            kind.once.note(resource)
        else:
            put_down(kind, container)  # it may run, where what is to run after its start has failed
        raise


def _make(kind: ContainerKind, resource: Resource, revision: str) -> str:
    for leftover in (resource.key.name + NEXT, resource.key.name + OLD):
        kind.clear(leftover, resource.key.name)
    return kind.make(resource, revision, resource.key.name)


def _ours(kind: ContainerKind, resource: Resource, change: Change) -> Report | None:
    """The container that is there. Raises `Refused` (`NameConflict`) where it is somebody else's."""
    seen = change.seen.id if change.seen else ""
    report = kind.engine.inspect_container(seen or resource.key.name)
    if report is not None and kind.comparisons.owner(resource, report) is Owner.FOREIGN:
        raise Refused(f"another container is called {resource.key.name}", reason=NAME_CONFLICT)
    return report


def _clear(kind: ContainerKind, report: Report) -> None:
    """Make room for the next run."""
    kind.stop(report)
    kind.discard(report["Id"])
