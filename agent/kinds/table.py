"""The field table: one row per field of a kind, read by comparison, plans, fingerprints, adoption and tests alike.

A row says where a field is declared, what it comes to on this host once the image's and the daemon's defaults are
added, what the engine reports, how it may change, and whether it may be shown. What the engine reports decides whether
an object is as wanted; the fingerprint tells only who moved, and stands in where the report cannot tell (a default of
the daemon that it does not publish, a limit that the kernel does not have).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from itertools import accumulate
from typing import Any, Generic, TypeVar

from agent.kinds.base import Identity, heeded, make_fingerprint, our_labels, read_fingerprint
from agent.model import Difference, Owner, Remedy, Resource
from agent.secrecy import looks_secret

Facts = TypeVar("Facts")
Spec = Mapping[str, Any]

AS_MADE = "(as it was made)"  # shown where the engine does not report a value

SECRET_VALUE = re.compile(r"://[^/@\s]+:[^/@\s]+@|-----BEGIN")


def holds_secret(name: str, *values: Any) -> bool:
    """Whether a setting is to be masked: by its name, or because a value holds credentials."""
    return looks_secret(name) or any(isinstance(text, str) and SECRET_VALUE.search(text) for text in values)


def never_secret(_name: str, *_values: Any) -> bool:
    return False


def replaced(_seen: Any, _wanted: Any) -> Remedy:
    return Remedy.REPLACE


def kept(_seen: Any, _wanted: Any) -> Remedy:
    return Remedy.NEVER


def in_place(_seen: Any, _wanted: Any) -> Remedy:
    return Remedy.IN_PLACE


def started_anew(_seen: Any, _wanted: Any) -> Remedy:
    return Remedy.RESTART


def in_place_unless_cleared(_seen: Any, wanted: Any) -> Remedy:
    """For what the engine can set but not clear, since it takes zero for "leave it as it is"."""
    return Remedy.IN_PLACE if wanted else Remedy.REPLACE


@dataclass(frozen=True)
class Row(Generic[Facts]):
    """One field. `depth` is how many levels of keys below `path` are told apart: `labels.x`, `networks.front.aliases`.

    `told` says whether the engine's report shows what was asked for; where it does not, `wanted` falls back on what is
    seen, and a changed digest is the difference.
    """

    path: str
    declared: Callable[[Spec], Any]
    wanted: Callable[[Facts], Any]
    seen: Callable[[Facts], Any]
    remedy: Callable[[Any, Any], Remedy] = replaced
    depth: int = 0
    told: Callable[[Facts], bool] = lambda _facts: True
    secret: Callable[..., bool] = never_secret


def fingerprint(table: Sequence[Row[Any]], spec: Spec, key: bytes) -> dict[str, str]:
    """What is declared, one keyed digest per row that is set."""
    return make_fingerprint({row.path: row.declared(spec) for row in table}, key)


def compare(
    table: Sequence[Row[Facts]],
    facts: Facts,
    made_from: Mapping[str, str] | None,
    wanted_from: Mapping[str, str],
    *,
    adopted: bool = False,
) -> tuple[Difference, ...]:
    """Every field in which an object is not as wanted, in the order of the table.

    `made_from` is the fingerprint that the object carries, None where there is none that can be read: then nobody
    knows who moved, and it counts as drift, but for an object that is only being adopted.
    """
    found: list[Difference] = []
    for row in table:
        moved = made_from is not None and made_from.get(row.path) != wanted_from.get(row.path)
        declared = adopted if made_from is None else moved
        fields = list(_unlike(_above(row.path), row.path, row.seen(facts), row.wanted(facts), row.depth))
        if not fields and moved and not row.told(facts):
            fields = [(_above(row.path), row.path, AS_MADE, row.wanted(facts))]
        found += [
            Difference(path, seen, wanted, row.remedy(seen, wanted), declared, row.secret(path, seen, wanted), above)
            for above, path, seen, wanted in fields
        ]
    return tuple(found)


def differences(
    table: Sequence[Row[Facts]],
    facts: Facts,
    resource: Resource,
    labels: Mapping[str, str],
    *,
    key: bytes,
    owner: Owner,
) -> tuple[Difference, ...]:
    """Every field in which an object with these labels is not as wanted, but for what may be as it is."""
    made_from, wanted_from = read_fingerprint(labels, key), fingerprint(table, resource.spec, key)
    return heeded(resource, compare(table, facts, made_from, wanted_from, adopted=owner is Owner.ADOPTABLE))


def labelled(table: Sequence[Row[Any]], identity: Identity, resource: Resource, revision: str) -> dict[str, Any]:
    """What the engine is asked for where `spec` is the body of that: it, with our labels."""
    ours = our_labels(identity, resource, revision, fingerprint(table, resource.spec, identity.key))
    return {**resource.spec, "Labels": {**(resource.spec.get("Labels") or {}), **ours}}


def _above(path: str) -> tuple[str, ...]:
    """What a row is a part of: ("logging",) of `logging.options`."""
    return tuple(accumulate(_keys(path)[:-1], "{}.{}".format))


def _unlike(
    above: tuple[str, ...], path: str, seen: Any, wanted: Any, depth: int
) -> Iterator[tuple[tuple[str, ...], str, Any, Any]]:
    """The places where two values differ, `depth` levels of keys down, each behind the paths that it is a part of; None
    stands for what is not there."""
    if seen == wanted:
        return
    if depth and isinstance(seen, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*seen, *wanted}):
            yield from _unlike((*above, path), f"{path}.{key}", seen.get(key), wanted.get(key), depth - 1)
    else:
        yield above, path, seen, wanted


def look(values: Any, path: str) -> Any:
    """The value at a dotted path, or None; an engine may leave anything out."""
    for key in _keys(path):
        if not isinstance(values, dict):  # JSON, and by far the most frequent question of a comparison
            values = dict(values) if isinstance(values, Mapping) else {}
        values = values.get(key)
    return values


def moment(values: Any, path: str) -> float | None:
    """A time that the engine tells, in seconds since the epoch: before that where it never came, for which the engine
    writes the year 1. None where there is none or it cannot be read."""
    try:
        return datetime.fromisoformat(str(look(values, path))).timestamp()
    except ValueError:
        return None


@cache
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def ip_text(text: Any) -> str:
    """An IP address in the one spelling that newer engines report it in; any other text as it is."""
    try:
        return str(ip_address(str(text or "")))
    except ValueError:
        return str(text or "")


def set_or_none(value: Any) -> Any:
    """A declared value, None where it is as good as unset."""
    return None if value in (None, "", 0, [], {}, ()) else value
