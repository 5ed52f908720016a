"""Containers of other stacks that are attached to a network which is made anew.

To another stack of this instance the network is external, and its containers are neither stopped nor made anew for it.
They are detached, and attached again as they were. Where that fails, their own stack finds them detached and mends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.kinds.base import INSTANCE, NAME, STACK, Report, in_scope
from agent.kinds.table import look
from agent.model import Key, Resource, Scope

_KEPT = ("IPAMConfig", "Links", "DriverOpts", "GwPriority")
_SHORT_ID = 12  # characters of an id that an engine may add to the aliases


class Guest(NamedTuple):
    container: str  # its id
    stack: str
    endpoint: Mapping[str, Any]  # the configuration to attach it with


class Guests:
    """Finds them, detaches them, and attaches them again. `instance` is ours."""

    def __init__(self, engine: Engine, instance: str) -> None:
        self._engine = engine
        self._instance = instance
        self._detached: dict[Key, list[Guest]] = {}  # from what is not made anew yet

    def is_one(self, container: str, scope: Scope) -> bool:
        """Whether the container is of another stack of ours, which is not looked at now."""
        labels = look(self._engine.inspect_container(container) or {}, "Config.Labels") or {}
        return self._is_ours(labels) and not in_scope(scope, labels)

    def detach(self, network: str, resource: Resource) -> list[Guest]:
        """Detach all that are of another stack from the network, given by its id and by what is wanted of it."""
        guests = [guest for guest in self._attached(network) if guest.stack != resource.stack]
        self._detached[resource.key] = guests
        for guest in guests:
            with suppress(Overtaken):  # it has gone by itself
                self._engine.disconnect_network(network, guest.container)
        return guests

    def taken_from(self, network: Key) -> list[Guest]:
        """Those that were detached from it, told once."""
        return self._detached.pop(network, [])

    def attach(self, network: str, guests: Iterable[Guest]) -> None:
        """Attach them to the network of that name. One that cannot be attached so is left to its own stack."""
        for guest in guests:
            with suppress(Refused, Overtaken):
                self._engine.connect_network(network, guest.container, guest.endpoint)

    def _attached(self, network: str) -> Iterator[Guest]:
        for container in (self._engine.inspect_network(network) or {}).get("Containers") or {}:
            report = self._engine.inspect_container(container) or {}
            labels = look(report, "Config.Labels") or {}
            if self._is_ours(labels):
                yield Guest(container, str(labels.get(STACK)), _endpoint_of(report, network))

    def _is_ours(self, labels: Mapping[str, str]) -> bool:
        return labels.get(INSTANCE) == self._instance and bool(labels.get(NAME)) and bool(labels.get(STACK))


def _endpoint_of(report: Report, network: str) -> dict[str, Any]:
    """What the container asked for on the network."""
    endpoints = (look(report, "NetworkSettings.Networks") or {}).values()
    found: Mapping[str, Any] = next((one for one in endpoints if one and one.get("NetworkID") == network), {})
    aliases = [one for one in found.get("Aliases") or () if one != str(report.get("Id"))[:_SHORT_ID]]
    return {"Aliases": aliases, **{key: found[key] for key in _KEPT if found.get(key)}}
