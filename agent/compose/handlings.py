"""What a project says of how its objects are dealt with: in `x-windlass`, and in Compose's `deploy.update_config` and
`rollback_config`.

In a service, `x-windlass` says more than at the top of the file, and `x-windlass.rollout` more than `update_config`. Of
going back, `rollback_config` says more than both; without one it is as any other rollout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.compose.extension import EXTENSION, ROLLOUT
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.stages import hooks
from agent.compose.units import nanoseconds
from agent.compose.validate import replicas_of
from agent.handling import Handling, OnFailure, Order, Overlap, Rollout, Schedule

FOLLOW_EVERY = 300.0  # seconds


def of_stack(project: Project) -> Handling:
    """For what belongs to no one service: networks and volumes."""
    said = _said(project.model)
    return Handling(tuple(said.get("ignore") or ()), bool(said.get("protect")))


def of_service(project: Project, name: str) -> Handling:
    """For the containers of a service."""
    service, stack = project.services[name], _said(project.model)
    own = _said(service)
    deploy, layers = service.get("deploy") or {}, (stack.get("rollout"), own.get("rollout"))
    rollout = _rollout([layers[0], deploy.get("update_config"), layers[1]])
    rollback = _rollback(layers, deploy["rollback_config"]) if deploy.get("rollback_config") else None
    schedule = schedule_of(service)
    return Handling(
        ignore=(*(stack.get("ignore") or ()), *(own.get("ignore") or ())),
        protect=bool(own.get("protect", stack.get("protect"))),
        heal_unhealthy=bool(own.get("heal_unhealthy", stack.get("heal_unhealthy"))) and schedule is None,
        rollout=_possible(rollout, service),
        rollback=rollback and _possible(rollback, service),
        schedule=schedule,
        hook=hooks(project.model).get(name),
    )


def schedule_of(service: Mapping[str, Any]) -> Schedule | None:
    """When the service runs as a job; None for one that is to run all the time."""
    said, usual = _said(service).get("schedule"), Schedule("")
    if not said:
        return None
    return Schedule(
        said["cron"],
        said.get("timezone") or usual.zone,
        _seconds(said.get("timeout")) or usual.timeout,
        Overlap(said.get("overlap") or usual.overlap),
    )


def image_policy(project: Project, service: Mapping[str, Any]) -> str:
    """ "pinned", "digest", or "" for neither."""
    return str(_said(service).get("image_policy") or _said(project.model).get("image_policy") or "")


def image_interval(project: Project, service: Mapping[str, Any]) -> float:
    """Seconds between two questions for what a tag stands for that is followed."""
    said = _said(service).get("image_interval") or _said(project.model).get("image_interval")
    return _seconds(said) or FOLLOW_EVERY


def after(project: Project) -> tuple[str, ...]:
    """The stacks that have to be healthy before this one is changed."""
    return tuple(dict.fromkeys(_said(project.model).get("after") or ()))


def _said(element: Mapping[str, Any]) -> Mapping[str, Any]:
    said: Mapping[str, Any] = element.get(EXTENSION) or {}
    return said


def _rollout(layers: list[Mapping[str, Any] | None]) -> Rollout:
    """`layers` say more and more."""
    said = {key: value for layer in layers for key, value in (layer or {}).items() if key in ROLLOUT}
    usual = Rollout()
    return Rollout(
        order=Order(said.get("order") or usual.order),
        parallelism=said.get("parallelism", usual.parallelism),
        delay=_seconds(said.get("delay")),
        monitor=_seconds(said.get("monitor")) or usual.monitor,  # in Compose's files, 0s is what nobody set
        timeout=_seconds(said.get("timeout")),
        drain=_seconds(said.get("drain")),
        on_failure=_on_failure(said.get("failure_action")),
        max_failure_ratio=float(said.get("max_failure_ratio") or 0.0),
    )


def _rollback(layers: Sequence[Mapping[str, Any] | None], said: Mapping[str, Any]) -> Rollout:
    """There is nothing to go back to from there: what fails on the way is left, or the others are gone on with."""
    known = {key: value for key, value in said.items() if key != "monitor" or _seconds(value)}
    action = OnFailure.CONTINUE if said.get("failure_action") == OnFailure.CONTINUE else OnFailure.PAUSE
    return replace(_rollout([*layers, known]), on_failure=action)


def _possible(rollout: Rollout, service: Map) -> Rollout:
    """Without start-first where something is in the way of that."""
    if rollout.order is Order.START_FIRST and (obstacle := _obstacle(service, rollout.parallelism)):
        return replace(rollout, order=Order.STOP_FIRST, obstacle=obstacle)
    return rollout


def _seconds(text: str | None) -> float:
    return nanoseconds(text) / 1e9 if text else 0.0


def _obstacle(service: Map, parallelism: int) -> str:
    """Why old and new containers of the service cannot run side by side, in words; "" where nothing is in the way."""
    if schedule_of(service):
        return "nothing of it runs while it is replaced"
    if obstacle := _obstacle_of_ports(service, parallelism):
        return obstacle
    mode = str(service.get("network_mode") or "")
    if mode == "host":
        return "it uses the network of the host"
    if mode.startswith(("service:", "container:")):
        return "it shares the network of another container"
    for key, network in (service.get("networks") or {}).items():
        fixed = [field for field in ("ipv4_address", "ipv6_address", "mac_address") if (network or {}).get(field)]
        if fixed:
            return f"its {fixed[0]} in the network {key} can be held by one container only"
    return "its mac_address can be held by one container only" if service.get("mac_address") else ""


def _on_failure(word: str | None) -> OnFailure:
    """Of `update_config` any text passes Compose; what is none of the three means nothing."""
    return OnFailure(word) if word in tuple(OnFailure) else OnFailure.ROLLBACK


def _obstacle_of_ports(service: Map, parallelism: int) -> str:
    """Of a range, each container that is there has a port, and each that takes the place of one needs another."""
    scale = replicas_of(service)
    most = scale + min(parallelism or scale, scale)
    for port in service.get("ports") or ():
        published = str(port.get("published") or "0")
        first, _, last = published.partition("-")
        if first == "0" or not (first + last).isdecimal():
            continue
        if not last:
            return f"its port {published} can be published by one container only"
        if int(last) - int(first) + 1 < most:
            return f"its ports {published} are too few for old and new containers"
    return ""
