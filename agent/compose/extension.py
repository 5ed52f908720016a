"""`x-windlass`, at the top of a file and in a service: what Windlass is to know that Compose has no word for.

Each option stands here once, with its shape and with what `windlass schema` tells of it. What stands at the top holds
for every service that does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from agent.compose.amounts import SHARE, SPAN
from agent.compose.schedules import CRON, TIMEOUT, TIMEZONE, short_schedule
from agent.compose.shapes import BOOLEAN, TEXT, Field, Shape, choice, integer, one_or_list, record

EXTENSION: Final = "x-windlass"


class Option(NamedTuple):
    """One key: how it is read, what it is for, and what JSON Schema says of its value."""

    shape: Shape
    meaning: str
    schema: Mapping[str, Any]


Options = Mapping[str, Option]

_DURATION_SCHEMA: Final = {"type": "string", "examples": ["500ms", "30s", "5m"]}
_TEXTS_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TEXTS: Final = one_or_list(TEXT)

ROLLOUT: Final[Options] = {
    "order": Option(
        choice("start-first", "stop-first"),
        "Whether a new container starts before or after the old one is stopped.",
        {"enum": ["start-first", "stop-first"]},
    ),
    "parallelism": Option(
        integer(0), "How many containers of a service are replaced at once; 0 for all.", {"type": "integer"}
    ),
    "delay": Option(SPAN, "The time between one container and the next.", _DURATION_SCHEMA),
    "monitor": Option(
        SPAN, "How long a container without a health check has to run to count as good.", _DURATION_SCHEMA
    ),
    "timeout": Option(
        SPAN, "How long a container may take to become healthy; by its health check by default.", _DURATION_SCHEMA
    ),
    "drain": Option(SPAN, "With start-first: how long the old container goes on beside the new one.", _DURATION_SCHEMA),
    "failure_action": Option(
        choice("rollback", "pause", "continue"),
        "What is done when a new container does not become good.",
        {"enum": ["rollback", "pause", "continue"]},
    ),
    "max_failure_ratio": Option(
        SHARE, "The share of containers that may fail.", {"type": "number", "minimum": 0, "maximum": 1}
    ),
}

HOOKS: Final[Options] = {
    "pre_deploy": Option(
        _TEXTS, "Services that run to their end before anything of new content is made or replaced.", _TEXTS_SCHEMA
    ),
    "post_deploy": Option(_TEXTS, "Services that run to their end once new content is up and healthy.", _TEXTS_SCHEMA),
    "on_failure": Option(
        _TEXTS, "Services that run to their end once new content failed and was taken back.", _TEXTS_SCHEMA
    ),
    "timeout": Option(TIMEOUT, "How long each of them may take; 10m by default.", _DURATION_SCHEMA),
}

SCHEDULE: Final[Options] = {
    "cron": Option(
        CRON,
        "When it runs: minute, hour, day of the month, month, day of the week.",
        {"type": "string", "examples": ["0 3 * * *", "*/15 * * * *"]},
    ),
    "timezone": Option(
        TIMEZONE,
        "The time zone of cron; that of the host by default.",
        {"type": "string", "examples": ["Europe/Berlin"]},
    ),
    "timeout": Option(
        TIMEOUT, "How long a run may take before it is stopped and has failed; 1h by default.", _DURATION_SCHEMA
    ),
    "overlap": Option(
        choice("skip", "replace"),
        "What is done when the last run has not ended: skip the new one (the default), or stop the old one for it.",
        {"enum": ["skip", "replace"]},
    ),
}


def _record(options: Options) -> Shape:
    return record({key: Field(option.shape) for key, option in options.items()})


def _schema(options: Options) -> dict[str, Any]:
    properties = {key: {"description": option.meaning, **option.schema} for key, option in options.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


_ANYWHERE: Final[Options] = {
    "ignore": Option(
        _TEXTS, "Fields that may be on the host as they are, named as `windlass plan` does.", _TEXTS_SCHEMA
    ),
    "protect": Option(BOOLEAN, "Never remove it, even when it is no longer wanted.", {"type": "boolean"}),
    "heal_unhealthy": Option(BOOLEAN, "Start a container anew when its health check fails.", {"type": "boolean"}),
    "image_policy": Option(
        choice("pinned", "digest"),
        "pinned: every image has to be named by its digest. digest: a tag is followed when it moves in its registry.",
        {"enum": ["pinned", "digest"]},
    ),
    "image_interval": Option(
        SPAN,
        "With image_policy digest: how often to ask for what a tag stands for; 5m by default.",
        _DURATION_SCHEMA,
    ),
    "rollout": Option(_record(ROLLOUT), "How containers are replaced.", _schema(ROLLOUT)),
}
STACK_OPTIONS: Final[Options] = {
    **_ANYWHERE,
    "after": Option(_TEXTS, "Stacks that have to be synced and healthy before this one is changed.", _TEXTS_SCHEMA),
    "hooks": Option(
        _record(HOOKS), "Services that run once for each new content instead of all the time.", _schema(HOOKS)
    ),
}
SERVICE_OPTIONS: Final[Options] = {
    **_ANYWHERE,
    "schedule": Option(
        record(
            {key: Field(option.shape, required=key == "cron") for key, option in SCHEDULE.items()},
            short=short_schedule,
            expects="a cron expression or a mapping",
        ),
        "Run it as a job at these times, to its end, and not in between.",
        {"anyOf": [{"type": "string"}, {**_schema(SCHEDULE), "required": ["cron"]}]},
    ),
}

STACK_EXTENSION: Final = _record(STACK_OPTIONS)
SERVICE_EXTENSION: Final = _record(SERVICE_OPTIONS)


def schema() -> dict[str, Any]:
    """JSON Schema of a Compose file as far as Windlass adds to it, to be used beside Compose's own."""
    services = {"type": "object", "properties": {EXTENSION: _schema(SERVICE_OPTIONS)}}
    return {
        "type": "object",
        "properties": {
            EXTENSION: _schema(STACK_OPTIONS),
            "services": {"type": "object", "additionalProperties": services},
        },
    }
