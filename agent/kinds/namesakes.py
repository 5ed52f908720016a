"""Which of several networks of one name is meant, for whoever looks at networks and whoever puts containers on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.errors import Refused
from agent.held import NAME_AMBIGUOUS
from agent.kinds.base import INSTANCE, PROJECT


def chosen(name: str, stack: str, listed: Sequence[Mapping[str, Any]], instance: str) -> str:
    """Of several networks of that name the id of ours, else of the one that `docker compose` made for the stack; the
    name where there is none. Raises `Refused` where nobody can tell."""
    same = sorted((one for one in listed if one["Name"] == name), key=lambda one: str(one.get("Created") or ""))
    ours = [one for one in same if (one.get("Labels") or {}).get(INSTANCE) == instance]
    composes = [one for one in same if (one.get("Labels") or {}).get(PROJECT) == stack]
    if found := ours or composes or same[: len(same) == 1]:
        return str(found[0]["Id"])
    if not same:
        return name
    ids = " and ".join(str(one["Id"])[:12] for one in same)
    what = f"{len(same)} networks are called {name} ({ids}), and nobody can tell which of them is meant"
    raise Refused(f"{what}: remove all but one by their ids (docker network rm ID)", reason=NAME_AMBIGUOUS)
