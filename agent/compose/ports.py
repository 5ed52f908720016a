"""The short notation of ports, with ranges: `[[HOST_IP:]PUBLISHED:]TARGET[/PROTOCOL]`, by docker/go-connections."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

PROTOCOLS: Final = ("tcp", "udp", "sctp")
MOST_PORT: Final = 65535
_RANGE = re.compile(r"0*([0-9]{1,5})(?:-0*([0-9]{1,5})(?:-.*)?)?", re.ASCII)  # what follows a range is forgotten


class PortRange(NamedTuple):
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class ShortPort(NamedTuple):
    """One entry, taken apart but not yet expanded. `host` is None where the engine picks the port."""

    host_ip: str
    host: PortRange | None
    container: PortRange
    protocol: str


def parse(text: str) -> ShortPort:
    """Raises `ValueError`, whose message continues "the port … "."""
    head, _, container = text.rpartition(":")
    host_ip, _, host = head.rpartition(":")
    container, _, protocol = container.partition("/")
    protocol = protocol.partition("/")[0].lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise ValueError("has an unknown protocol: it is one of tcp, udp, sctp")
    if not container:
        raise ValueError("names no container port")
    ports = parse_range(container)
    published = parse_range(host) if host else None
    if published and ports.size not in (published.size, 1):
        raise ValueError("has ranges of different lengths")
    return ShortPort(_bare_ip(host_ip), published, ports, protocol)


def parse_range(text: str) -> PortRange:
    """`80` or `80-90`. Raises `ValueError`, whose message continues "the port … "."""
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError("is no port number or range")
    first, last = int(match[1]), int(match[2] or match[1])
    if last > MOST_PORT or last < first:
        raise ValueError("is not between 0 and 65535" if last > MOST_PORT else "has a range that ends before it starts")
    return PortRange(first, last)


def expand(port: ShortPort) -> list[dict[str, Any]]:
    """One long entry for each container port, in the order of Compose: by the port's digits as text."""
    entries = []
    for offset in range(port.container.size):
        entry: dict[str, Any] = {"mode": "ingress"}
        if port.host_ip:
            entry["host_ip"] = port.host_ip
        entry["target"] = port.container.first + offset
        if port.host:
            entry["published"] = _published(port.host, port.container, offset)
        entry["protocol"] = port.protocol
        entries.append(entry)
    return sorted(entries, key=lambda entry: str(entry["target"]))


def is_ip(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return "%" not in text


def _published(host: PortRange, container: PortRange, offset: int) -> str:
    if container.size == 1 and host.size > 1:
        return f"{host.first}-{host.last}"  # the engine picks a free one of them
    return str(host.first + offset)


def _bare_ip(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if text and (not is_ip(bare) or (":" in bare and bare == text)):
        raise ValueError("has no valid IP address before the ports (an IPv6 address stands in brackets)")
    return bare
