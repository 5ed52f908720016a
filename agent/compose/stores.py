"""Secrets and configs: what the top level defines, and how a service or a build refers to it.

The value of one with `environment` is no part of what is printed; see `Project.supplied`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

from agent.compose.elements import EXTERNAL, LABELS, OPTIONS, mapped
from agent.compose.findings import At
from agent.compose.nodes import Map
from agent.compose.paths import is_absolute
from agent.compose.shapes import TEXT, Field, Fields, Shape, is_text, list_of, record, wrong

SECRETS_DIRECTORY: Final = "/run/secrets"
SECRET_SOURCES: Final = ("file", "environment")
CONFIG_SOURCES: Final = (*SECRET_SOURCES, "content")
_LARGEST_MODE: Final = 2**63

# --- the top level ----------------------------------------------------------------------------------------------

_CONFIG_FIELDS: Final[Fields] = {
    "name": Field(TEXT),
    "file": Field(TEXT),
    "environment": Field(TEXT),
    "content": Field(TEXT),
    "external": Field(EXTERNAL),
    "labels": Field(LABELS),
    "template_driver": Field(TEXT),
}
_SECRET_FIELDS: Final[Fields] = {
    "name": Field(TEXT),
    "file": Field(TEXT),
    "environment": Field(TEXT),
    "external": Field(EXTERNAL),
    "labels": Field(LABELS),
    "driver": Field(TEXT),
    "driver_opts": Field(OPTIONS),
    "template_driver": Field(TEXT),
}
CONFIG: Final = record(_CONFIG_FIELDS)
SECRET: Final = record(_SECRET_FIELDS)

# --- the use in a service ---------------------------------------------------------------------------------------


def _read_mode(value: Any, at: At) -> Any:
    """A number as YAML reads it (0440 is octal there), or a text of octal digits."""
    if is_text(value):
        try:
            mode = int(value, 8) if value.lstrip("+-").isdecimal() else None
        except ValueError:
            mode = None
        if mode is None:
            return at.problem(f"{at.shown(value)} is no mode", 'write octal digits such as "0440"')
    elif isinstance(value, int) and not isinstance(value, bool):
        mode = value
    else:
        return wrong(value, "a whole number or a string", at)
    return mode if -_LARGEST_MODE <= mode < _LARGEST_MODE else at.problem("is too large")


def _write_mode(mode: int) -> str:
    return f"0{mode:o}"


def _short(value: Any, at: At) -> Any:
    return mapped(at, source=value) if is_text(value) else wrong(value, "a string or a mapping", at)


REFERENCE: Final = record(
    {
        "source": Field(TEXT),
        "target": Field(TEXT),
        "uid": Field(TEXT),
        "gid": Field(TEXT),
        "mode": Field(Shape("a whole number or a string", _read_mode, _write_mode), kept=True),
    },
    short=_short,
)


def _mounted_in(directory: str) -> Callable[[Any], Hashable]:
    """Where a reference is mounted, as far as it is written: a later one at the same place replaces it."""

    def target_of(item: Any) -> Hashable:
        return item.get("target") or f"{directory}/{item.get('source')}"

    return target_of


def targets(service: Map, key: str) -> list[str]:
    """Where each secret or config (`key` says which) of a service lies in the container."""
    directory = f"{SECRETS_DIRECTORY}/" if key == "secrets" else "/"
    found = []
    for reference in service.get(key) or ():
        target = reference.get("target") or reference.get("source", "")
        found.append(target if is_absolute(target) else directory + target)
    return found


SERVICE_SECRETS: Final = list_of(REFERENCE, key=_mounted_in(SECRETS_DIRECTORY))
SERVICE_CONFIGS: Final = list_of(REFERENCE, key=_mounted_in(""))
BUILD_SECRETS: Final = list_of(REFERENCE)
