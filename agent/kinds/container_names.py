"""How containers are called and labelled in the engine's reports and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.kinds.table import look


def name_of(report: Mapping[str, Any]) -> str:
    return str(report.get("Name") or "").removeprefix("/")


def listed_name(entry: Mapping[str, Any]) -> str:
    """A list gives every name; those with another slash in them are links."""
    for name in entry.get("Names") or ():
        plain = str(name).removeprefix("/")
        if "/" not in plain:
            return plain
    return ""


def labels_of(report: Mapping[str, Any]) -> dict[str, str]:
    return look(report, "Config.Labels") or {}
