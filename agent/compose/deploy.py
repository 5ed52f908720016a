"""What a service says of its deployment: replicas, limits and reservations, and when it is started again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agent.compose.amounts import CPUS, DECIMAL, DURATION, SIZE
from agent.compose.devices import RESERVED_DEVICES
from agent.compose.findings import At
from agent.compose.nodes import Map
from agent.compose.shapes import (
    TEXT,
    Field,
    Shape,
    absent_if_null,
    choice,
    integer,
    is_text,
    list_of,
    pairs,
    record,
    whole,
    wrong,
)


class _Bytes(int):
    """A size that was read from a text, and may be read again."""


def _read_memory(value: Any, at: At) -> Any:
    """Here a size is a text: Compose's own schema takes no bare number."""
    if isinstance(value, _Bytes):
        return value
    size = SIZE.read(value, at) if is_text(value) else wrong(value, "a string", at)
    return _Bytes(size) if isinstance(size, int) else size


_MEMORY: Final = Shape("a string", _read_memory, SIZE.write)

_DISCRETE: Final = record({"kind": Field(TEXT, kept=True), "value": Field(whole(), kept=True)})


def _write_discrete(value: Any) -> Any:
    """Compose prints both, whether they are written or not."""
    return {"kind": "", "value": 0, **_DISCRETE.write(value)}


_GENERIC: Final = record({"discrete_resource_spec": Field(replace(_DISCRETE, write=_write_discrete), kept=True)})

_LIMITS: Final = record({"cpus": Field(CPUS), "memory": Field(_MEMORY), "pids": Field(integer())})

_RESERVATIONS: Final = record(
    {
        "cpus": Field(CPUS),
        "memory": Field(_MEMORY),
        "devices": Field(RESERVED_DEVICES),
        "generic_resources": Field(list_of(_GENERIC)),
    }
)

_RESOURCES: Final = record({"limits": Field(_LIMITS, kept=True), "reservations": Field(_RESERVATIONS, kept=True)})

_RESTART_POLICY: Final = record(
    {
        "condition": Field(TEXT),
        "delay": Field(DURATION, kept=True),
        "max_attempts": Field(integer(0), kept=True),
        "window": Field(DURATION, kept=True),
    }
)

_PLACEMENT: Final = record(
    {
        "constraints": Field(list_of(TEXT)),
        "preferences": Field(list_of(record({"spread": Field(TEXT)}))),
        "max_replicas_per_node": Field(integer(0)),
    }
)

_UPDATE: Final = record(
    {
        "parallelism": Field(integer(0), kept=True),
        "delay": Field(DURATION),
        "failure_action": Field(TEXT),
        "monitor": Field(DURATION),
        "max_failure_ratio": Field(DECIMAL),
        "order": Field(choice("start-first", "stop-first")),
    }
)


def _write_update(value: Map) -> Any:
    """Here, unlike elsewhere, a duration of zero is one that nobody set."""
    return {key: one for key, one in _UPDATE.write(value).items() if one != "0s"}


_ROLLOUT: Final = replace(_UPDATE, write=_write_update)

_DEPLOY: Final = record(
    {
        "mode": Field(TEXT),
        "replicas": Field(whole(0), kept=True),
        "labels": Field(pairs()),
        "update_config": Field(_ROLLOUT, kept=True),
        "rollback_config": Field(_ROLLOUT, kept=True),
        "resources": Field(_RESOURCES, kept=True),
        "restart_policy": Field(_RESTART_POLICY, kept=True),
        "placement": Field(_PLACEMENT, kept=True),
        "endpoint_mode": Field(TEXT),
    }
)


def _write_deploy(value: Map) -> Any:
    """Compose prints the two parts that are no pointers in its own types even where nobody wrote them."""
    complete = Map(value.place)
    complete.update({"resources": Map(value.place), "placement": Map(value.place)}, **value)
    return _DEPLOY.write(complete)


DEPLOY: Final = absent_if_null(replace(_DEPLOY, write=_write_deploy))
