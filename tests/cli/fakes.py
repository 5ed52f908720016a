"""A made-up agent for the command line: every answer is given beforehand, and what was asked is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agent.cli.errors import NoAgent
from agent.cli.needs import USUALLY, Applied, Checked, Engine, Orphans, Patience, Planned, Pulling, Records, Rendered
from agent.cli.planfiles import KIND
from agent.converge import Event
from agent.directives import Directives
from agent.errors import Trouble
from agent.model import (
    Action,
    Cause,
    Change,
    FieldChange,
    Key,
    Place,
    Plan,
    Resource,
    Revision,
    Stack,
)
from agent.target import Target

T = TypeVar("T")
COMMIT = Revision("9f2c1ab" + "0" * 33, "bump api to 2.4.1", "anna")


def resource(kind: str, name: str, stack: str = "web") -> Resource:
    return Resource(Key(kind, name), stack, {})


WEB = Stack(
    "web",
    (resource("container", "web-api-1"), resource("container", "web-redis-1"), resource("network", "web_metrics")),
    COMMIT,
    ("api", "redis"),
    Place("stacks/web/compose.yaml"),
)

CREATE = Change(1, Action.CREATE, Key("network", "web_metrics"), "web", Cause.COMMIT, "is not there")
REPLACE = Change(
    2,
    Action.REPLACE,
    Key("container", "web-api-1"),
    "web",
    Cause.COMMIT,
    "image, env.LOG_LEVEL changed",
    (
        FieldChange("image", "ghcr.io/acme/api:2.4.0", "ghcr.io/acme/api:2.4.1"),
        FieldChange("env.LOG_LEVEL", '"info"', '"debug"'),
        FieldChange("env.DB_PASS", "*** (before)", "*** (after)"),
    ),
    after=frozenset({1}),
    interruption="away while it is replaced",
)
UPDATE = Change(
    3,
    Action.UPDATE,
    Key("container", "web-redis-1"),
    "web",
    Cause.DRIFT,
    "changed outside git",
    (FieldChange("restart", '"no"', '"unless-stopped"'),),
    follows=frozenset({2}),
)
REMOVE = Change(4, Action.REMOVE, Key("container", "cron-1"), "cron", Cause.PRUNE, "no longer wanted")
HOLD = Change(5, Action.HOLD, Key("volume", "cron_data"), "cron", Cause.PRUNE, "volumes are never removed")
ADOPT = Change(6, Action.ADOPT, Key("container", "web-cache-1"), "web", Cause.COMMIT, "made by docker compose")

ARTEFACT = {"kind": KIND, "format": "1", "hash": "3f9c1a2b" + "0" * 56}
FULL_PLAN = Plan((CREATE, REPLACE, UPDATE, REMOVE, HOLD), unchanged=12)


def planned(plan: Plan = FULL_PLAN, **over: Any) -> Planned:
    facts: dict[str, Any] = {
        "plan": plan,
        "stacks": (WEB,),
        "revision": COMMIT,
        "url": "git@github.com:acme/fleet.git",
        "host": "edge-01",
        "engine": Engine("27.3.1", "1.47"),
        "ref": "main",
        "artefact": ARTEFACT,
    }
    return Planned(**(facts | over))


@dataclass
class Agent:
    """Follows `agent.cli.needs.Parts`. An answer that is a `Trouble` is raised."""

    checked: Checked | Trouble = field(default_factory=lambda: Checked(1))
    rendered: Rendered | Trouble = field(default_factory=lambda: Rendered({}))
    planned: Planned | BaseException = field(default_factory=planned)
    applied: Applied | BaseException = field(default_factory=lambda: Applied((), healthy=True))
    events: tuple[Event | Pulling, ...] = ()
    on_apply: Callable[[Callable[[], bool]], None] = lambda stop: None
    stored: Records | Trouble | None = None
    run_code: int = 0
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    said: Directives | None = None
    orphaned: Orphans | None = None

    def check(self, target: Target) -> Checked:
        self.asked.append(("check", target))
        return _answer(self.checked)

    def render(self, target: Target) -> Rendered:
        self.asked.append(("render", target))
        return _answer(self.rendered)

    def calls(self, target: Target, api: tuple[int, int] | None) -> Rendered:
        self.asked.append(("calls", target, api))
        return _answer(self.rendered)

    def plan(self, target: Target) -> Planned:
        self.asked.append(("plan", target))
        return _answer(self.planned)

    def plan_again(self, target: Target, artefact: Mapping[str, Any]) -> Planned:
        self.asked.append(("plan again", target, dict(artefact)))
        return _answer(self.planned)

    def apply(
        self,
        planned: Planned,
        on_event: Callable[[Event | Pulling], None],
        stop: Callable[[], bool],
        patience: Patience = USUALLY,
    ) -> Applied:
        self.asked.append(("apply", planned, patience))
        for event in self.events:
            on_event(event)
        self.on_apply(stop)
        return _answer(self.applied)

    def run(self, config: Path | None, given: Mapping[str, str | None], *, once: bool) -> int:
        self.asked.append(("run", config, dict(given), once))
        return self.run_code

    def directives(self, target: Target) -> Directives:
        assert self.said
        return self.said

    def orphans(self, target: Target) -> Orphans:
        assert self.orphaned
        return self.orphaned

    def records(self, target: Target) -> Records:
        self.asked.append(("records", target.state_dir))
        return _answer(self.stored or NoAgent("/state/windlass.db"))

    def version(self, target: Target) -> Mapping[str, str]:
        return {"windlass": "0.1.0", "python": "3.11.7"}


def _answer(answer: T | BaseException) -> T:
    if isinstance(answer, BaseException):
        raise answer
    return answer
