"""Which services of a model are hooks of their stack, by `x-windlass.hooks`, and whether they can be.

A hook is on because it is named there, whatever its profiles: so a profile keeps `docker compose up` from starting it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from agent.compose.extension import EXTENSION
from agent.compose.findings import At, Findings, did_you_mean, path_to
from agent.compose.nodes import Map
from agent.compose.sharing import dependency
from agent.compose.units import nanoseconds
from agent.handling import Hook, Stage

_ONCE: Final = "a hook runs once"


class Named(NamedTuple):
    """A service that is named as a hook, and where."""

    service: str
    stage: Stage
    number: int
    at: At


def hooks(model: Map) -> dict[str, Hook]:
    """The hooks of a model by their services. What rests until something fails is told apart by `rests`."""
    said = _said(model)
    timeout = nanoseconds(said["timeout"]) / 1e9 if said.get("timeout") else 0.0
    return {
        one.service: Hook(one.stage, one.number, timeout or Hook.timeout, rests=one.stage is Stage.ON_FAILURE)
        for one in _named(model, Findings())
    }


def check_hooks(model: Map, on: Collection[str], everything: Collection[str], findings: Findings) -> None:
    """Reports what cannot be a hook, and who waits for one. `on` are the services that are on, `everything` all
    names."""
    taken: dict[str, str] = {}
    for one in _named(model, findings):
        if one.service in taken:
            one.at.problem(f'the service "{one.service}" is named already, at {taken[one.service]}')
        elif one.service not in everything:
            if not findings.lacks("services"):
                one.at.problem(f'there is no service "{one.service}"', did_you_mean(one.service, everything))
        elif not findings.is_lost("services", one.service):
            _check_service(model["services"], one.service, findings)
        taken.setdefault(one.service, one.at.path)
    for name in on if taken else ():
        _check_dependencies(model["services"], name, taken, findings)


def _check_service(services: Map, name: str, findings: Findings) -> None:
    service, at = services[name], At(path_to("services", name), services.key_place(name), findings)
    deploy = service.get("deploy") or Map(service.place)
    for holder, key, below in ((service, "scale", at), (deploy, "replicas", at.of(service, "deploy"))):
        if holder.get(key, 1) != 1:
            below.of(holder, key).problem(f"{_ONCE}, so it has one container", "leave it out")
    if (service.get(EXTENSION) or {}).get("schedule"):
        at.of(service, EXTENSION).problem(f"{_ONCE} for each content, so it has no schedule", "make two services of it")
    if service.get("restart", "no") != "no":
        at.of(service, "restart").problem(f"{_ONCE}, so nothing restarts it", 'write "no", or leave it out')
    if "restart_policy" in deploy and deploy["restart_policy"].get("condition") not in ("none", "no"):
        below = at.of(service, "deploy").of(deploy, "restart_policy")
        below.problem(f"{_ONCE}, so nothing restarts it", "leave it out")


def _check_dependencies(services: Map, name: str, hooked: Collection[str], findings: Findings) -> None:
    """What runs at a time of its own is nothing to wait for."""
    service, at = services[name], At(path_to("services", name), services.key_place(name), findings)
    for target in service.get("depends_on") or ():
        if target in hooked:
            hint = "they run in the order in which they are named" if name in hooked else "leave it out: see pre_deploy"
            dependency(service, target, at).problem(f'the service "{target}" is a hook: nothing can depend on it', hint)


def _named(model: Map, findings: Findings) -> Iterator[Named]:
    said = _said(model)
    above = At("", model.place, findings)
    above = above.of(model, EXTENSION) if EXTENSION in model else above
    holder = model.get(EXTENSION) or Map(model.place)
    for stage in Stage:
        for number, service in enumerate(said.get(stage) or ()):
            yield Named(service, stage, number, above.of(holder, "hooks").of_item(said, stage, number))


def _said(model: Map) -> Map:
    said: Map = (model.get(EXTENSION) or {}).get("hooks") or Map(model.place)
    return said
