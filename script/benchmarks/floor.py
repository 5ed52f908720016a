"""The floor: the calls that Windlass was seen to make, made again bare, side by side, and nothing else.

What may not be side by side is kept apart: looking before the first change, the networks before the containers, the
calls about one container one after the other (looks at a new one among them), the networks' removal after that, looking
again at the end.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from script.benchmarks.bare import BenchError, Engine, side_by_side
from script.benchmarks.recorder import Call

_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_TARGET = re.compile(r"/v[0-9.]+/(containers|networks)/([^/]+)")
_TWIN = re.compile(r"\.(next|old)$")

BUSY = 403  # what the engine says of a network with endpoints
ATTEMPTS, PAUSE = 20, 0.25  # seconds

Chain = tuple[Call, ...]


@dataclass(frozen=True)
class Script:
    """The calls of one scene. Each stage is done when all its chains are; a chain is made in its order."""

    before: tuple[Chain, ...]
    changes: tuple[tuple[Chain, ...], ...]
    after: tuple[Chain, ...]


def script_of(calls: Sequence[Call], names: dict[str, str]) -> Script:
    """Sort out what was recorded. `names` (id: container) is added to as containers appear in it."""
    known = frozenset(names)
    changing = [number for number, call in enumerate(calls) if call.method != "GET"]
    last = changing[-1] if changing else len(calls)
    before: list[Chain] = []
    after = [(call,) for call in calls[last:] if call.method == "GET"]
    made: list[Chain] = []
    dropped: list[Chain] = []
    chains: dict[str, list[Call]] = {}
    for call in calls[: last + 1]:
        if call.method == "GET" and not _is_of_new(call, names.keys() - known):
            before.append((call,))
            continue
        kind, container = _subject(call, names)
        if kind == "networks" and not container:
            (dropped if call.method == "DELETE" else made).append((call,))
        else:
            chains.setdefault(container, []).append(call)
    stages = (tuple(made), tuple(tuple(chain) for _, chain in sorted(chains.items())), tuple(dropped))
    return Script(tuple(before), tuple(stage for stage in stages if stage), tuple(after))


def _is_of_new(call: Call, new: Collection[str]) -> bool:
    """Whether it asks for a container that was not there before: that is asked in the container's own chain."""
    matched = _TARGET.match(call.path)
    return matched is not None and matched[2] in new


def _subject(call: Call, names: dict[str, str]) -> tuple[str, str]:
    """ "containers" or "networks", and the container that the call is about ("" for a network by itself)."""
    parts = urlsplit(call.path)
    matched = _TARGET.match(parts.path)
    if matched is None:
        raise BenchError(f"the floor knows no such call: {call.method} {call.path}")
    kind, target = matched.groups()
    if kind == "networks":
        attached = json.loads(call.body or b"{}").get("Container", "")
        return kind, names.get(attached, attached)
    if target == "create":
        name = _TWIN.sub("", parse_qs(parts.query)["name"][0])
        names[str(json.loads(call.answer)["Id"])] = name
        return kind, name
    return kind, _TWIN.sub("", names.get(target, target))


@dataclass
class Replay:
    """Makes recorded calls again. Objects made anew have ids of their own, which take the place of the recorded."""

    engine: Engine
    threads: int
    _ids: dict[bytes, bytes] = field(default_factory=dict)

    def run(self, script: Script) -> tuple[float, float]:
        """Seconds for all the calls, and for those alone that change something."""
        reading = self._seconds(script.before)
        changing = sum(self._seconds(stage) for stage in script.changes)
        return reading + changing + self._seconds(script.after), changing

    def follow(self, chain: Iterable[Call]) -> None:
        """Make the calls of a chain. Raises `BenchError` where the engine answers otherwise than it did."""
        for call in chain:
            path, body = self._now(call.path.encode()).decode(), self._now(call.body)
            status, answer = self._answered(call.method, path, body)
            if status != call.status:
                raise BenchError(f"{call.method} {path}: {status} instead of {call.status}: {answer[:200]!r}")
            if path.partition("?")[0].endswith("/create"):
                self._ids[_id_in(call.answer)] = _id_in(answer)

    def _answered(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The engine's answer. A network whose endpoints it has not freed yet is asked for again, as Windlass does."""
        status, answer = self.engine.wire().call(method, path, body)
        for _ in range(ATTEMPTS if method == "DELETE" else 0):
            if status != BUSY:
                break
            time.sleep(PAUSE)
            status, answer = self.engine.wire().call(method, path, body)
        return status, answer

    def _seconds(self, chains: Sequence[Chain]) -> float:
        began = time.perf_counter()
        if chains:
            side_by_side(min(self.threads, len(chains)), self.follow, chains)
        return time.perf_counter() - began

    def _now(self, text: bytes) -> bytes:
        return _ID.sub(lambda found: self._ids.get(found[0], found[0]), text)


def _id_in(answer: bytes) -> bytes:
    return str(json.loads(answer)["Id"]).encode()


def until_started(chain: Chain) -> Iterator[Call]:
    """The calls of a chain up to the one that starts the container."""
    for call in chain:
        yield call
        if urlsplit(call.path).path.endswith("/start"):
            return
