"""Short ways to say what is wanted and what is there, for tests of the planner and of what carries plans out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

from agent.handling import Handling, Rollout
from agent.model import (
    Condition,
    Difference,
    Key,
    Observed,
    Owner,
    Plan,
    Remedy,
    Requirement,
    Resource,
    Revision,
    Scope,
    Stack,
)
from agent.planning import Policy, make_plan
from agent.provenance import Provenance

ORIGIN = "git:0123456789ab"
WEB = "container/web"
IN_PLACE = Remedy.IN_PLACE


def key(text: str) -> Key:
    """`key("network/front")`"""
    kind, _, name = text.partition("/")
    return Key(kind, name)


def want(text: str, *requires: str | Requirement, stack: str = "web", **more: Any) -> Resource:
    """A wanted object. Images are fetched on demand and files written beforehand, as the real ones are."""
    of = key(text)
    facts: dict[str, Any] = {"spec": {}}
    if of.kind == "image":
        facts |= {"prepares": True, "on_demand": True}
    if of.kind == "file":
        facts |= {"prepares": True, "spec": {"content": {"": (0o644, b"x")}}}
    if of.kind == "container":
        facts |= {"service": of.name.split("-")[-1]}
    needs = tuple(one if isinstance(one, Requirement) else Requirement(key(one)) for one in requires)
    return Resource(key=of, stack=stack, requires=needs, **(facts | more))


NET = [want(WEB, "network/front"), want("network/front")]


def rolled(**over: Any) -> Handling:
    return Handling(rollout=Rollout(**over))


def waits(
    text: str, condition: Condition = Condition.HEALTHY, *, optional: bool = False, restart: bool = False
) -> Requirement:
    return Requirement(key(text), condition, optional, restart)


def there(text: str, *differences: Difference, uses: Iterable[str] = (), stack: str = "web", **more: Any) -> Observed:
    """An object that is there, ours unless said otherwise; volumes keep data."""
    of = key(text)
    facts: dict[str, Any] = {"id": f"id-{of.name}", "owner": Owner.OURS, "origin": ORIGIN}
    facts |= {"keeps_data": of.kind == "volume"}
    used = frozenset(map(key, uses))
    return Observed(key=of, stack=stack, differences=differences, uses=used, **(facts | more))


def differs(
    path: str,
    seen: Any = "old",
    wanted: Any = "new",
    remedy: Remedy = Remedy.REPLACE,
    *,
    drift: bool = False,
    secret: bool = False,
    above: tuple[str, ...] = (),
) -> Difference:
    return Difference(path, seen, wanted, remedy, declared=not drift, secret=secret, above=above)


def plan(
    wanted: Iterable[Resource],
    actual: Iterable[Observed] = (),
    *,
    policy: Policy | None = None,
    scope: Scope | None = None,
    known: Iterable[str] = (),
    traced: Mapping[str, Provenance] | None = None,
) -> Plan:
    """The plan for the resources, put into their stacks; in scope is the stack `web` and whatever is wanted."""
    by_stack: dict[str, list[Resource]] = {}
    for resource in wanted:
        by_stack.setdefault(resource.stack, []).append(resource)
    stacks = [Stack(name, tuple(resources), Revision("0" * 40)) for name, resources in by_stack.items()]
    inside = scope or Scope("host-1", ORIGIN, frozenset({"web", *by_stack}), whole=True)
    seen = {observed.key: observed for observed in actual}
    return make_plan(stacks, seen, inside, policy or Policy(), frozenset(map(key, known)), traced=traced)


def check(found: Plan, expected: str) -> None:
    """The plan, as text, is this; the indentation of the expected text is no matter."""
    assert str(found) == cleandoc(expected)
