"""What the bodies of several calls of the engine have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.compose.nodes import Map

LABEL: Final = "com.docker.compose."  # what the labels begin with that Compose gives to what it makes


def set_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not set: empty, zero or false says the same as nothing."""
    return {key: value for key, value in values.items() if value}


def environment(said: Map) -> list[str]:
    """Of a service or a hook. A name without a value takes the variable out of what the image sets."""
    variables = said.get("environment") or {}
    return [key if value is None else f"{key}={value}" for key, value in sorted(variables.items())]
