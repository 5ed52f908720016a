"""Ports of the host, each of which one container at most can hold. Values, read from what the engine is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound
PROCESS = "process"  # stands where the kind of an object could, for who holds a port and is none

Bindings = Mapping[str, Sequence[Mapping[str, Any]] | None]  # by `80/tcp`, as the Engine API has them


class HostPort(NamedTuple):
    """`address` is the one of the host that it is bound to, "" for all of them. One that is not `certain` is likely to
    be held, which tells who had better come first and no more."""

    number: int
    protocol: str = "tcp"
    address: str = ""
    certain: bool = True

    def __str__(self) -> str:
        port = f"{self.number}/{self.protocol}"
        if not self.address:
            return port
        return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"

    @property
    def anywhere(self) -> tuple[int, str]:
        """What two that clash have in common."""
        return self.number, self.protocol

    def clashes(self, other: HostPort) -> bool:
        """Whether two containers cannot hold the one and the other at a time."""
        shared = self.address == other.address or not (self.address and other.address)
        return shared and self.anywhere == other.anywhere


def asked_for(host: Mapping[str, Any], exposed: Iterable[str]) -> frozenset[HostPort]:
    """What a container with this HostConfig holds whenever it runs. Where the engine may choose it takes what is free,
    so a range is none of these, and neither is port 0.

    On the network of the host itself a container binds what it likes, and nothing is published: most likely that is
    what it exposes.
    """
    if host.get("NetworkMode") == "host":
        named = map(_target, exposed)
        return frozenset(HostPort(int(port), protocol, certain=False) for port, protocol in named if port.isdecimal())
    return frozenset(bound(host.get("PortBindings") or {}))


def bound(bindings: Bindings) -> Iterator[HostPort]:
    """Every single port of the host in the bindings."""
    for target, hosts in bindings.items():
        for one in hosts or ():
            number, address = str(one.get("HostPort") or "0"), str(one.get("HostIp") or "")
            if number.isdecimal() and int(number):
                yield HostPort(int(number), _target(target)[1], "" if address in _EVERYWHERE else address)


def _target(name: str) -> tuple[str, str]:
    """`80/udp` taken apart."""
    number, _, protocol = name.partition("/")
    return number, protocol or "tcp"
