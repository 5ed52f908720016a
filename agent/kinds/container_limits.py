"""What a container may use of its host, as far as that changes while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.kinds.container_fields import LIVE
from agent.model import Resource


def limits(resource: Resource, report: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The body of an update: what is to be mended; memory and swap go together, since each is checked against the
    other, and one that may be as it is stays so if it can."""
    host, there = resource.spec["body"].get("HostConfig") or {}, report.get("HostConfig") or {}
    members = {LIVE[path] for path in paths if path in LIVE}
    found = {member: host.get(member) for member in sorted(members)}
    if members & {"Memory", "MemorySwap"}:
        memory = (host if "memory" in paths else there).get("Memory") or 0
        swap = host.get("MemorySwap") or 2 * (host.get("Memory") or 0)
        if "memswap_limit" not in paths and (kept := there.get("MemorySwap") or 0):
            swap = kept if kept < 0 else max(kept, memory)
        found |= {"Memory": memory, "MemorySwap": swap}
    if "RestartPolicy" in members and not (found["RestartPolicy"] or {}).get("Name"):
        found["RestartPolicy"] = {"Name": "no"}
    if "PidsLimit" in members:
        found["PidsLimit"] = host.get("PidsLimit") or -1
    return found
