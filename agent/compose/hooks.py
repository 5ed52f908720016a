"""Commands around the life of a container (`pre_start`, `post_start`, `pre_stop`), and what `develop` watches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agent.compose.shapes import (
    BOOLEAN,
    COMMAND,
    STRICT_BOOLEAN,
    TEXT,
    Field,
    Fields,
    Shape,
    absent_if_null,
    choice,
    list_of,
    one_or_list,
    pairs,
    record,
)

_ENVIRONMENT: Final = pairs(null=None)


def _with_command(fields: Fields) -> Shape:
    """A hook. Compose prints its command also where there is none."""
    hook = record(fields)
    return replace(hook, write=lambda value: {"command": None, **hook.write(value)})


_HOOK: Final = _with_command(
    {
        "command": Field(COMMAND, required=True, kept=True),
        "user": Field(TEXT),
        "privileged": Field(BOOLEAN),
        "working_dir": Field(TEXT),
        "environment": Field(_ENVIRONMENT),
    }
)
_FIRST_HOOK: Final = _with_command(
    {
        "command": Field(COMMAND, kept=True),
        "image": Field(TEXT),
        "user": Field(TEXT),
        "privileged": Field(BOOLEAN),
        "working_dir": Field(TEXT),
        "environment": Field(_ENVIRONMENT),
        "per_replica": Field(BOOLEAN),
    }
)
HOOKS: Final = list_of(_HOOK)
FIRST_HOOKS: Final = list_of(_FIRST_HOOK)

WATCH_ACTIONS: Final = ("rebuild", "sync", "restart", "sync+restart", "sync+exec")
_TRIGGER: Final = record(
    {
        "path": Field(TEXT, required=True, kept=True),
        "action": Field(choice(*WATCH_ACTIONS), required=True, kept=True),
        "target": Field(TEXT),
        "exec": Field(_HOOK, kept=True),
        "include": Field(one_or_list(TEXT)),
        "ignore": Field(one_or_list(TEXT)),
        "initial_sync": Field(STRICT_BOOLEAN),
    }
)


def _write_trigger(value: Any) -> Any:
    """Compose prints what is to be executed also where nothing is."""
    written = {"exec": {"command": None}, **_TRIGGER.write(value)}
    return {key: written[key] for key in ("path", "action", "target", "exec", *written) if key in written}


DEVELOP: Final = absent_if_null(record({"watch": Field(list_of(replace(_TRIGGER, write=_write_trigger)))}))
