"""Networks that share their name with another one, which the engine allows.

It starts no new container that is to be on one of them by that name. So a container is told, beside the name, the id of
the one that is meant: then it is reported like any other, also to `docker compose`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from agent.engine import Engine
from agent.kinds.base import Report
from agent.kinds.container_networks import wanted_endpoints
from agent.kinds.namesakes import chosen


class Namesakes:
    def __init__(self, engine: Engine, instance: str, shared: Callable[[], frozenset[str]]) -> None:
        """`shared` are the names that more than one network had when they were last listed: only of these is anything
        asked."""
        self._engine, self._instance, self._shared = engine, instance, shared

    def told_apart(self, stack: str, body: Report) -> dict[str, Any]:
        """The body of a container of the stack, with the ids of the networks whose names others have too. Raises
        `Refused` (`NameAmbiguous`)."""
        shared = self._shared() & wanted_endpoints(body).keys()
        if not shared:
            return {**body}
        networking = body.get("NetworkingConfig") or {}
        endpoints = {name: {**endpoint} for name, endpoint in wanted_endpoints(body).items()}
        for name in sorted(shared):
            endpoints[name]["NetworkID"] = self.meant_by(stack, name, ())
        return {**body, "NetworkingConfig": {**networking, "EndpointsConfig": endpoints}}

    def meant_by(self, stack: str, name: str, known: Collection[str]) -> str:
        """What a network is to be called by: one of the ids that are `known` of it, else its name, unless another one
        has that too. Raises `Refused` (`NameAmbiguous`)."""
        if name in self._shared():
            return chosen(name, stack, self._engine.list_networks(), self._instance)
        return min(known, default=name)
