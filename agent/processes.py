"""The processes of this host and the containers that they are of, as the kernel tells in `/proc`.

Nothing here knows an engine, and nothing ends a process. Where the agent has a process namespace of its own, as in a
container without `pid: host`, it sees its own processes only: then none is found, which says nothing.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from agent.host_ports import HostPort
from agent.printable import printable

SURVIVING_PROCESS = "OrphanProcess"  # the code, as users know it, where one has outlived its container

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_ENDED = frozenset("ZXx")  # it is dead, and nobody has waited for it yet
_BOUND = frozenset({"0A", "07"})  # the states of a TCP socket that listens and of a UDP socket that has its port


class Process(NamedTuple):
    """`began` counts the kernel's ticks since it was booted: by it one is told from a later one of the same number."""

    pid: int
    began: int
    name: str
    parent: int


def containers_of(cgroups: str) -> frozenset[str]:
    """The full ids of the containers in the text of a `/proc/PID/cgroup`, of cgroup v1 (a line a controller) or v2 (one
    line), whichever driver made the groups: `…:/docker/ID`, `0::/system.slice/docker-ID.scope/…`. One that runs in
    another is of both."""
    return frozenset(_ID.findall(cgroups))


def process_of(stat: str) -> Process | None:
    """What the text of a `/proc/PID/stat` says; None of one that has ended. Whoever runs chooses the name: it may hold
    blanks, brackets and what a terminal obeys."""
    pid, _, rest = stat.partition(" (")
    name, _, facts = rest.rpartition(") ")
    fields = facts.split()
    if len(fields) < 20 or fields[0] in _ENDED:
        return None
    return Process(int(pid), int(fields[19]), printable(name), int(fields[1]))


def sockets_at(port: int, table: str) -> frozenset[str]:
    """The inodes of the sockets that have the port, in the text of a `/proc/PID/net/tcp` or one of its siblings."""
    rows = (line.split() for line in table.splitlines()[1:])
    ending = f":{port:04X}"
    return frozenset(row[9] for row in rows if len(row) > 9 and row[1].endswith(ending) and row[3] in _BOUND)


def taken_in(table: str, protocol: str) -> Iterator[HostPort]:
    """The ports that sockets have, each with its address, in the text of a `/proc/PID/net/tcp` or a sibling of it."""
    for row in (line.split() for line in table.splitlines()[1:]):
        if len(row) > 9 and row[3] in _BOUND:
            address, _, number = row[1].partition(":")
            yield HostPort(int(number, 16), protocol, _address(address))


def _address(text: str) -> str:
    """As people write it, "" for all of them; the kernel writes each four bytes as one number."""
    words = (int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8))
    found = ipaddress.ip_address(b"".join(words))
    found = getattr(found, "ipv4_mapped", None) or found
    return "" if found.is_unspecified else str(found)


class Processes:
    """Asks the kernel anew each time; what it does not let the agent see is not there."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def of(self, containers: Collection[str]) -> dict[str, tuple[Process, ...]]:
        """The live processes of these containers, by id; it takes a look at each process of the host."""
        found: dict[str, list[Process]] = {}
        asked = frozenset(containers)
        for pid in self._pids():
            for container in containers_of(self._text(pid, "cgroup")) & asked:
                if process := process_of(self._text(pid, "stat")):
                    found.setdefault(container, []).append(process)
        return {container: tuple(sorted(processes)) for container, processes in found.items()}

    def lives(self, process: Process) -> bool:
        now = process_of(self._text(process.pid, "stat"))
        return now is not None and now.began == process.began

    def has_port(self, process: Process, port: int) -> bool | None:
        """Whether it listens there, or has the port for UDP, in the network namespace that it is in. None where it may:
        somebody there does, and only root may know who."""
        tables = (self._text(process.pid, f"net/{name}") for name in ("tcp", "tcp6", "udp", "udp6"))
        sockets = frozenset[str]().union(*(sockets_at(port, table) for table in tables))
        if not sockets:
            return False
        try:
            return not sockets.isdisjoint(self._sockets(process.pid))
        except PermissionError:
            return None

    def taken(self, pid: int) -> frozenset[HostPort]:
        """The ports that anybody has in the network namespace of a process; none where they are not for us to see."""
        found = ((name.rstrip("6"), self._text(pid, f"net/{name}")) for name in ("tcp", "tcp6", "udp", "udp6"))
        return frozenset(port for protocol, table in found for port in taken_in(table, protocol))

    def _pids(self) -> list[int]:
        try:
            return sorted(int(entry.name) for entry in self._proc.iterdir() if entry.name.isdecimal())
        except OSError:
            return []

    def _sockets(self, pid: int) -> Iterator[str]:
        """The inodes of the sockets that it has open."""
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended, or has closed one meanwhile
            for handle in (self._proc / str(pid) / "fd").iterdir():
                kind, _, inode = str(handle.readlink()).partition(":[")
                if kind == "socket":
                    yield inode.removesuffix("]")

    def _text(self, pid: int, name: str) -> str:
        try:
            return (self._proc / str(pid) / name).read_text("utf-8", "replace")
        except OSError:  # it has ended, or is not for us to see
            return ""
