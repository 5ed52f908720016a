"""How containers are called and labelled in the engine's reports and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.kinds.table import look


def name_of(report: Mapping[str, Any]) -> str:
    return str(report.get("Name") or "").removeprefix("/")


def listed_name(entry: Mapping[str, Any]) -> str:
    """A list gives every name; those with another slash in them are links."""
    names = [str(name).removeprefix("/") for name in entry.get("Names") or ()]
    return next((name for name in names if "/" not in name), "")


def labels_of(report: Mapping[str, Any]) -> dict[str, str]:
    return look(report, "Config.Labels") or {}
