"""Whether a network could not be made anew, since another network of the host overlaps with its addresses.

The engine says so only once the old network is gone, and with it all that was attached to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from agent.held import SUBNET_OVERLAP
from agent.kinds.base import Report
from agent.kinds.table import Spec, look
from agent.model import Failure

_OWN_SPACE = "default"  # the address management of the engine, which has one space for all networks of a host

Pool = ipaddress.IPv4Network | ipaddress.IPv6Network


def overlap(spec: Spec, own: Report, listed: Iterable[Report]) -> Failure | None:
    """What is in the way of a network of this body in the place of its `own` report, None where nothing is."""
    if said := overlapping(spec, own, listed):
        how = "choose another subnet, or remove that network first"
        return Failure(SUBNET_OVERLAP, f"{said}, so nothing is removed for it: {how}")
    return None


def overlapping(spec: Spec, own: Report, listed: Iterable[Report]) -> str:
    """In words, which network overlaps with one of this body in the place of its `own` report, "" where none does."""
    wanted = list(_pools(spec)) if spec.get("Driver") != "overlay" else []
    others = [one for one in listed if one.get("Id") != own.get("Id") and one.get("Scope") in (None, "local")]
    for pool in wanted:
        for other in others:
            taken = next((one for one in _pools(other) if _overlap(pool, one)), None)
            if taken is not None:
                return f"its subnet {pool} overlaps with {taken} of network {other.get('Name')}"
    return ""


def _pools(body: Report) -> Iterator[Pool]:
    """The subnets of the body or the report of a network, but for what has an address space of its own."""
    if (look(body, "IPAM.Driver") or _OWN_SPACE) != _OWN_SPACE:
        return
    for pool in look(body, "IPAM.Config") or ():
        try:
            yield ipaddress.ip_network(str(pool.get("Subnet") or ""), strict=False)
        except ValueError:
            continue  # it has none, and gets a free one


def _overlap(one: Pool, other: Pool) -> bool:
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.overlaps(other)
    return isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network) and one.overlaps(other)
