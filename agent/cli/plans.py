"""A plan as people read it. Pure; what scripts read is in `documents`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from agent.cli.needs import Planned
from agent.cli.text import clean, columns, count, pad, value_text, width
from agent.held import NEEDS_APPROVAL
from agent.model import Action, Cause, Change, Plan, Revision, Stack
from agent.printable import listed

_SYMBOLS = {
    Action.CREATE: " + ",
    Action.UPDATE: " ~ ",
    Action.REPLACE: "-/+",
    Action.REMOVE: " - ",
    Action.HOLD: " ! ",
    Action.ADOPT: " = ",
    Action.RUN: " > ",
    Action.STOP: " x ",
}
_COLORS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "yellow",
    Action.REMOVE: "red",
    Action.HOLD: "magenta",
    Action.ADOPT: "cyan",
    Action.RUN: "blue",
    Action.STOP: "blue",
}
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_MOST_NAMED = 5  # containers
NO_CHANGES = "No changes. The host is as the source says."


def plan_lines(planned: Planned, *, verbose: bool = False) -> list[str]:
    """The whole plan. With `verbose`, each step also tells its number, what it waits for and the reason."""
    lines = heading_lines(planned)
    if not planned.plan.changes:
        return [*lines, "", NO_CHANGES]
    layout = _Columns.of(planned.plan.changes)
    stacks = {stack.name: stack for stack in planned.stacks}
    for name in sorted({change.stack for change in planned.plan.changes}):
        stack = stacks.get(name)
        revision = stack.revision if stack else planned.revision
        lines += ["", layout.stack_line(name, stack)]
        for change in planned.plan.changes:
            if change.stack == name:
                lines += [layout.change_line(change, cause_text(change, revision)), *_detail_lines(change, verbose)]
    return [*lines, "", f"{_title(planned)}: {summary_text(planned.plan)}.", interruption_text(planned.plan)]


def _title(planned: Planned) -> str:
    """ "Plan 3f9c1a2b": the beginning of its hash is enough to tell it by."""
    return f"Plan {planned.hash[:8]}".rstrip()


def heading_lines(planned: Planned) -> list[str]:
    """Where the files come from, and what they are held against."""
    resources = sum(len(stack.resources) for stack in planned.stacks)
    size = f"{count(len(planned.stacks), 'stack')}, {count(resources, 'resource')}"
    engine = f"Engine {planned.engine.version} (API {planned.engine.api})"
    source = "  ".join(filter(None, (clean(planned.url), clean(planned.ref), clean(str(planned.revision)))))
    return [f"Source  {source}", f"Host    {clean(planned.host)} · {clean(engine)} · {size}"]


def summary_text(plan: Plan) -> str:
    """ "1 to create, 2 to replace; 12 unchanged": what there is none of is left out."""
    counts = summary(plan)
    words = [
        f"{number} {'held' if action == 'hold' else f'to {action}'}" for action, number in counts.items() if number
    ]
    return f"{', '.join(words)}; {plan.unchanged} unchanged"


def summary(plan: Plan) -> dict[str, int]:
    """How many steps of each action, every action named that the plan of a command may hold: it runs no job. What is
    stopped gives up a port for another one, or is attached to what is replaced."""
    actions = [action for action in Action if action is not Action.RUN]
    return {action.value: sum(change.action is action for change in plan.changes) for action in actions}


def differs(plan: Plan) -> bool:
    """Whether the host is not as the source says. What outlives its use, and is held for that, is no difference; what
    would go if somebody approved it is one."""
    return any(
        change.action is not Action.HOLD or change.cause is not Cause.PRUNE or change.code in NEEDS_APPROVAL
        for change in plan.changes
    )


def approvals(plan: Plan) -> set[str]:
    """The hashes by which somebody lets go what is held, one for each removal."""
    return {change.approval for change in plan.changes if change.approval}


def interruption_text(plan: Plan) -> str:
    """Which containers will be away for a moment when the plan is carried out."""
    names = [clean(change.key.name) for change in plan.changes if change.interruption]
    return f"Expected interruption: {listed(names, _MOST_NAMED) or 'none'}."


def cause_text(change: Change, revision: Revision) -> str:
    """Why this step: the commit in full, or what was found. A held step tells what holds it."""
    if change.action is Action.HOLD:
        return change.reason
    if change.cause is not Cause.COMMIT:
        return f"{change.cause}: {change.reason}" if change.reason else change.cause.value
    commit = change.commit or revision
    told = change.fields or change.action is Action.CREATE or not change.reason
    return str(commit) if told else f"{commit}: {change.reason}"


class _Columns(NamedTuple):
    """How wide the columns of a plan's change lines are."""

    kind: int
    name: int
    action: int

    @classmethod
    def of(cls, changes: Iterable[Change]) -> _Columns:
        rows = [(width(change.key.kind), width(clean(change.key.name)), len(change.action)) for change in changes]
        return cls(*(max(column) for column in zip(*rows, strict=True)))

    @property
    def before_cause(self) -> int:
        return len("  -/+ ") + self.kind + 1 + self.name + 3 + self.action + 3

    def change_line(self, change: Change, cause: str) -> str:
        symbol = click.style(_SYMBOLS[change.action], fg=_COLORS[change.action], bold=True)
        kind, name = pad(change.key.kind, self.kind), pad(clean(change.key.name), self.name)
        return f"  {symbol} {kind} {name}   {pad(change.action.value, self.action)}   {clean(cause)}".rstrip()

    def stack_line(self, name: str, stack: Stack | None) -> str:
        where = "not in the source" if stack is None else clean(stack.place.file) if stack.place else ""
        title = click.style(f"stack {clean(name)}", bold=True)
        return f"{pad(title, self.before_cause - 1)} {where}".rstrip()


def _detail_lines(change: Change, verbose: bool) -> list[str]:
    rows = [(clean(field.path), f"{value_text(field.before)} → {value_text(field.after)}") for field in change.fields]
    lines = columns(rows) if rows else []
    if change.wanted and change.action in _MAKES and (schedule := change.wanted.handling.schedule):
        lines.append(f"runs at {clean(f'{schedule.cron} {schedule.zone}'.strip())}, and not for this")
    if change.wanted and change.action in _MAKES and (hook := change.wanted.handling.hook) and not hook.rests:
        lines.append(f"runs once, to its end: {hook.stage}")
    if change.interruption:
        lines.append(f"interruption: {clean(change.interruption)}")
    if verbose:
        waits = ", ".join(map(str, sorted(change.after | change.follows)))
        lines.append(f"step {change.number}{f' after {waits}' if waits else ''}: {clean(change.reason)}")
    return [f"        {line}" for line in lines]
