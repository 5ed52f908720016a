"""What a project says of how its objects are dealt with: in `x-windlass`, and in Compose's `deploy.update_config`.

In a service, `x-windlass` says more than at the top of the file, and `x-windlass.rollout` more than `update_config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.compose.extension import EXTENSION, ROLLOUT
from agent.compose.project import Project
from agent.compose.units import nanoseconds
from agent.handling import Handling, OnFailure, Order, Rollout

_SECONDS: Final = ("delay", "monitor", "timeout", "drain")


def of_stack(project: Project) -> Handling:
    """For what belongs to no one service: networks and volumes."""
    said = _said(project.model)
    return Handling(tuple(said.get("ignore") or ()), bool(said.get("protect")))


def of_service(project: Project, name: str) -> Handling:
    service, stack = project.services[name], _said(project.model)
    own = _said(service)
    return Handling(
        ignore=(*(stack.get("ignore") or ()), *(own.get("ignore") or ())),
        protect=bool(own.get("protect", stack.get("protect"))),
        heal_unhealthy=bool(own.get("heal_unhealthy", stack.get("heal_unhealthy"))),
        rollout=_rollout(
            [stack.get("rollout"), (service.get("deploy") or {}).get("update_config"), own.get("rollout")]
        ),
    )


def after(project: Project) -> tuple[str, ...]:
    """The stacks that have to be healthy before this one is changed."""
    return tuple(dict.fromkeys(_said(project.model).get("after") or ()))


def _said(element: Mapping[str, Any]) -> Mapping[str, Any]:
    said: Mapping[str, Any] = element.get(EXTENSION) or {}
    return said


def _rollout(layers: list[Mapping[str, Any] | None]) -> Rollout:
    said = {key: value for layer in layers for key, value in (layer or {}).items() if key in ROLLOUT}
    seconds = {key: nanoseconds(said[key]) / 1e9 for key in _SECONDS if key in said}
    if not seconds.get("monitor", 1.0):  # Compose's files have 0s where nobody means it
        del seconds["monitor"]
    usual = Rollout()
    return Rollout(
        order=Order(said.get("order") or usual.order),
        parallelism=said.get("parallelism", usual.parallelism),
        on_failure=_on_failure(said.get("failure_action")),
        max_failure_ratio=float(said.get("max_failure_ratio") or 0.0),
        **seconds,
    )


def _on_failure(word: str | None) -> OnFailure:
    """Of `update_config` any text passes Compose; what is none of the three means nothing."""
    return OnFailure(word) if word in tuple(OnFailure) else OnFailure.ROLLBACK
