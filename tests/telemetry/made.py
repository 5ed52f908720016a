"""Reports to tell of, for the tests of everything that tells."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    FieldChange,
    Health,
    Key,
    Outcome,
    Place,
    Plan,
    Problem,
    Report,
    Result,
    Revision,
    Scope,
    ServiceState,
    Stack,
    Status,
)
from agent.reconcile import Turn
from agent.telemetry.metrics import Metrics

REVISION = Revision("9f2c1ab" + "0" * 33, "bump api to 2.4.1", "anna", timestamp=1000.0)
OLDER = Revision("31c09de" + "0" * 33, "first", "bert", timestamp=400.0)
BROKEN = Failure(
    "ConfigInvalid",
    "two mistakes",
    (
        Problem(Place("web/compose.yaml", 7, 5), 'unknown key "restrat"', "services.web", 'did you mean "restart"?'),
        Problem(Place("web/compose.yaml", 9, 1), "expected a list"),
    ),
)
UNREACHABLE = Failure("EngineUnavailable", "nobody answers at /run/docker.sock")
API = Key("container", "web-api-1")


def change(
    number: int = 1,
    *,
    action: Action = Action.CREATE,
    key: Key = API,
    cause: Cause = Cause.COMMIT,
    reason: str = "is not there",
    stack: str = "web",
    commit: Revision | None = None,
) -> Change:
    fields = (FieldChange("image", "api:1", "api:2"),)
    return Change(number, action, key, stack, cause, reason, fields, commit=commit)


def report(**facts: Any) -> Report:
    """A pass with nothing to do over the healthy stack `web`; `facts` say what is otherwise."""
    usual: dict[str, Any] = {
        "run_id": "r1",
        "stack": "web",
        "trigger": "git",
        "revision": REVISION,
        "result": Result.NOOP,
        "started": 5000.0,
        "seconds": 2.0,
        "synced": True,
        "health": Health.HEALTHY,
        "services": (ServiceState("api", 2, 2, Health.HEALTHY),),
    }
    return Report(**(usual | facts))


def did(*outcomes: Outcome, **facts: Any) -> Report:
    """A pass that planned these steps and carried them out."""
    plan = Plan(tuple(outcome.change for outcome in outcomes))
    return report(**({"result": Result.SUCCESS, "plan": plan, "outcomes": outcomes} | facts))


def done(made: Change, status: Status = Status.DONE, **facts: Any) -> Outcome:
    return Outcome(made, status, **facts)


def failed(failure: Failure, **facts: Any) -> Report:
    """A pass that did not get to see the host."""
    unseen = {"result": Result.ERROR, "failure": failure, "synced": False, "health": Health.UNKNOWN, "services": ()}
    return report(**(unseen | facts))


def samples(metrics: Metrics) -> dict[str, float]:
    """Every series as it stands in the text, labels sorted: `name{a="b"}` to its value."""
    found = {}
    for family in parse_text(metrics.render("")[1].decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def turn(revision: Revision | None = REVISION, stack: str = "web") -> Turn:
    stacks = (Stack(stack, (), revision),) if revision else ()
    return Turn(stacks, Scope("default", "git:1", frozenset({stack})), "git")
