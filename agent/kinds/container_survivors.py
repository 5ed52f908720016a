"""Processes that outlived their container: the engine counts it as ended or knows it no more, and they run on.

They are left when an engine dies while it starts a container or looks after one. The engine cannot stop them any more,
and they may hold a port or write to a volume beside whatever comes next. They are found and reported; only a person
ends one.

`/proc` is searched only where there is a reason: at the first look, after the engine was lost, when a start failed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from agent.engine import Engine
from agent.engine.peer import process_behind
from agent.errors import Refused, Trouble
from agent.held import PORT_IN_USE
from agent.host_ports import PROCESS, HostPort
from agent.kinds.base import INSTANCE, STACK, Report, in_scope
from agent.kinds.container_report import listed_labels, listed_name
from agent.kinds.table import look
from agent.model import Health, Key, Observed, Owner, Scope
from agent.processes import SURVIVING_PROCESS, Process, Processes
from agent.twins import base_name

GONE = 200  # containers that are gone and have not been asked about yet, at most
_UP = frozenset({"running", "paused"})  # what waits to be restarted has no process
_SHOWN = 5  # processes that are named
_PORT = re.compile(r":(\d{1,5})\b")


class Survivor(NamedTuple):
    """The processes that outlived one container. With `on_host` their ports are those of the host."""

    container: str
    name: str
    labels: Mapping[str, str]
    on_host: bool
    processes: tuple[Process, ...]

    def is_of(self, seen: Observed) -> bool:
        """Whether it belongs to this container, or to an earlier one of the same name."""
        return self.container == seen.id or self.place == seen.key.name

    @property
    def place(self) -> str:
        """The name of the container, whatever it was called while it was replaced."""
        return base_name(self.name)

    @property
    def _first(self) -> list[Process]:
        """The processes that were started by none of the others."""
        pids = {process.pid for process in self.processes}
        return [process for process in self.processes if process.parent not in pids][:_SHOWN]

    def __str__(self) -> str:
        numbers = ", ".join(str(process.pid) for process in self._first)
        noun = "process" if len(self._first) == 1 else "processes"
        return f"{noun} {numbers} ({self._first[0].name}) of container {self.place} ({self.container[:12]})"

    @property
    def told(self) -> str:
        verb = "runs" if len(self._first) == 1 else "run"
        return f"{self} still {verb}, and the engine does not know: {self.advice}"

    @property
    def advice(self) -> str:
        numbers = " ".join(str(process.pid) for process in self._first)
        return f"end it (kill {numbers}, or kill -9 {numbers}), which Windlass never does by itself"


class Survivors:
    """Those of one instance. Any thread may call."""

    def __init__(self, engine: Engine, instance: str, processes: Processes | None = None) -> None:
        self._engine, self._instance = engine, instance
        self._processes = processes or Processes()
        self._lock = threading.Lock()
        self._listed: dict[str, Report] = {}
        self._gone: dict[str, Report] = {}
        self._losses = -1  # of the engine, when it was last searched
        self._found: tuple[Survivor, ...] = ()

    def look(self, listed: Sequence[Report], losses: int) -> None:
        """Take in what the engine lists of ours. `losses` is how often the engine had been lost by then."""
        with self._lock:
            self._note(listed)
            if losses == self._losses:
                self._found = tuple(self._alive(self._found))
                return
            self._search()
            self._losses = losses

    def told(self, seen: Observed) -> Observed:
        """The container, with what still runs of it or of the one before it; a leftover is returned as it is, for that
        is told of the container whose place it had."""
        found = next((survivor for survivor in self._found if survivor.is_of(seen)), None)
        if found is None or seen.leftover:
            return seen
        return replace(seen, health=Health.DEGRADED, detail=found.told, survivor=found.told)

    def of_nobody(self, known: Collection[Key], scope: Scope) -> Iterator[Observed]:
        """What still runs of containers of the scope that are gone and that nobody wants; `known` are those that are
        there or wanted. Nothing can be done about it, so it is only reported."""
        for survivor in self._found:
            key = Key("container", survivor.place)
            if key not in known and in_scope(scope, survivor.labels):
                stack = survivor.labels.get(STACK, "")
                seen = Observed(key, survivor.container, Owner.FOREIGN, stack=stack, health=Health.DEGRADED)
                yield replace(seen, detail=survivor.told, survivor=survivor.told)

    def holding(self, ports: Iterable[HostPort]) -> Iterator[Observed]:
        """The programs that are no containers and have one of these ports on the engine's host. None where the agent
        cannot see the network of that host: then the engine refuses the start."""
        asked = list(ports)
        pid = process_behind(self._engine.url) if asked else 0
        taken = sorted(self._processes.taken(pid)) if pid else []
        found: dict[str, set[HostPort]] = {}
        for port in asked:
            if other := next((one for one in taken if _is_in_the_way(one, port)), None):
                found.setdefault(self._named(other.number), set()).add(other)
        for name, had in sorted(found.items()):
            yield Observed(Key(PROCESS, name), "", Owner.FOREIGN, ports=frozenset(had))

    @contextmanager
    def explaining(self, container: str) -> Iterator[None]:
        """While a container is started: a refusal that comes of such a process says so."""
        try:
            yield
        except Refused as error:
            with suppress(Trouble):  # then it stays with what the engine said
                listed = self._engine.list_containers(f"{INSTANCE}={self._instance}")
                with self._lock:
                    self._note(listed)
                    self._search()
            explained = self._explained(error, container)
            if explained is error:
                raise
            raise explained from error

    def _explained(self, error: Refused, container: str) -> Refused:
        if error.reason == PORT_IN_USE:
            said = self._holder(error.message)
            return Refused(f"{error.message}, {said}", reason=PORT_IN_USE) if said else error
        found = next((survivor for survivor in self._found if survivor.container == container), None)
        return Refused(f"{error.message}; {found.told}", reason=SURVIVING_PROCESS) if found else error

    def _holder(self, message: str) -> str:
        """Who has the port that the message is about."""
        ports = _PORT.findall(message)
        for survivor, surely in self._having(int(ports[-1])) if ports else ():
            return f"{'by' if surely else 'maybe by'} {survivor}: {survivor.advice}"
        return ""

    def _having(self, port: int) -> Iterator[tuple[Survivor, bool]]:
        """Those that have the port of the host, and whether that is sure; none with a network of its own has it."""
        for survivor in self._found:
            have = {self._processes.has_port(one, port) for one in survivor.processes if survivor.on_host}
            if have - {False}:
                yield survivor, True in have

    def _named(self, port: int) -> str:
        """Who has the port, in words."""
        for survivor, surely in self._having(port):
            return f"{'' if surely else 'maybe '}{survivor}, which the engine does not know: {survivor.advice}"
        return f"a program that is no container (ss -lntup 'sport = :{port}' shows which)"

    def _note(self, listed: Sequence[Report]) -> None:
        now = {str(entry["Id"]): entry for entry in listed}
        if left := self._listed.keys() - now.keys():
            gone = {**self._gone, **{container: self._listed[container] for container in left}}
            self._gone = dict([*gone.items()][-GONE:])
        self._listed = now

    def _search(self) -> None:
        """Search `/proc`. The engine is asked about each find afterwards, and the process has to be alive still after
        that: a container may have begun or ended meanwhile, and of one that it is just starting the engine says
        nothing.
        """
        down = {**self._gone, **{container: entry for container, entry in self._listed.items() if not _is_up(entry)}}
        seen = self._processes.of(down) if down else {}
        found = [
            _survivor(down[container], processes)
            for container, processes in sorted(seen.items())
            if not self._engine_has_up(container)
        ]
        again = {survivor.container for survivor in found}
        known = [survivor for survivor in self._found if survivor.container not in again]
        self._found, self._gone = tuple(self._alive([*known, *found])), {}

    def _alive(self, survivors: Iterable[Survivor]) -> Iterator[Survivor]:
        for survivor in survivors:
            if processes := tuple(filter(self._processes.lives, survivor.processes)):
                yield survivor._replace(processes=processes)

    def _engine_has_up(self, container: str) -> bool:
        report = self._engine.inspect_container(container)
        return bool(look(report, "State.Running")) and not look(report, "State.Restarting")


def _is_in_the_way(taken: HostPort, port: HostPort) -> bool:
    """Whether the engine cannot have the port for a container. What has one at a single address of IPv6 need not be in
    the way of who wants all that there are: that is for the engine to say."""
    return port.clashes(taken) and (port.address == taken.address or ":" not in taken.address)


def _is_up(entry: Report) -> bool:
    return entry.get("State") in _UP


def _survivor(entry: Report, processes: tuple[Process, ...]) -> Survivor:
    is_on_host = bool(look(entry, "HostConfig.NetworkMode") == "host")
    return Survivor(str(entry["Id"]), listed_name(entry), listed_labels(entry), is_on_host, processes)
