"""A host small enough to hold in the head: it refuses what a Docker Engine refuses, and no more.

Objects are values under their keys. Each has a `fixed` field, which changes by replacement (never, where data is
kept), and a `live` one, which changes in place. Containers are attached to networks (in place) and to volumes and
containers (by replacement); what they are attached to is remembered by serial number, as the engine does by id. Doing
what no agent may ever do, such as losing data, is an AssertionError and not a refusal. A container that runs holds
ports of the host; two that hold the same one are noted as a clash, and it is for a test to say whether that may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from agent.errors import Overtaken, Refused, Trouble
from agent.host_ports import HostPort
from agent.model import (
    Action,
    Change,
    Condition,
    Difference,
    Key,
    Observed,
    Owner,
    Plan,
    Remedy,
    Requirement,
    Resource,
    Scope,
    Status,
)
from agent.probe import Gate, Probe
from agent.rollout import Pace
from agent.twins import NEXT, OLD

ATTACHABLE = frozenset({"network", "volume", "container"})


class Cut(BaseException):
    """The agent was killed between two writes."""


@dataclass(frozen=True)
class Thing:
    serial: int
    owner: Owner = Owner.OURS
    stack: str = "a"
    origin: str = "here"
    fixed: str = "A"
    live: str = "x"
    made_from: tuple[str, str] = ("A", "x")
    attached: Mapping[Key, int] = field(default_factory=dict)
    ports: frozenset[HostPort] = frozenset()
    runs: bool = True


@dataclass
class World:
    things: dict[Key, Thing] = field(default_factory=dict)
    writes_left: int | None = None  # before the agent is killed
    serial: int = 1000
    clashes: list[tuple[Key, Key]] = field(default_factory=list)  # who was started, and who held its port then

    # --- looking ---

    def observe(self, wanted: Iterable[Resource], scope: Scope) -> dict[Key, Observed]:
        """What is wanted or ours inside the scope, and whatever is attached to that, however indirectly."""
        by_key: dict[Key, Resource] = {}
        for resource in sorted(wanted, key=self._counts):
            by_key.setdefault(resource.key, resource)
        visible = {key for key, thing in self.things.items() if key in by_key or _inside(scope, thing)}
        while more := {key for key in self.things if key not in visible and self._uses(key) & visible}:
            visible |= more
        needed = [port for resource in by_key.values() for port in resource.ports]
        seen = {key: self._observed(key, by_key.get(key)) for key in sorted(visible)}
        return seen | {key: one for key, one in self._holders(needed) if key not in seen}

    def _counts(self, claim: Resource) -> tuple[Key, bool, bool, str]:
        """Of several claims to an object the one of the stack that has it comes first. What is prepared is nobody's."""
        thing = self.things.get(claim.key)
        has_it = claim.prepares or (thing is not None and thing.stack == claim.stack)
        return claim.key, claim.external, not has_it, claim.stack

    def _holders(self, needed: Sequence[HostPort]) -> Iterator[tuple[Key, Observed]]:
        """Whoever holds one of the ports, as somebody who is none of ours."""
        for key, thing in sorted(self.things.items()):
            if thing.runs and any(port.clashes(other) for port in thing.ports for other in needed):
                yield key, Observed(key, str(thing.serial), Owner.FOREIGN, ports=thing.ports)

    def _observed(self, key: Key, resource: Resource | None) -> Observed:
        thing = self.things[key]
        return Observed(
            key=key,
            id=str(thing.serial),
            owner=thing.owner,
            stack=thing.stack,
            origin=thing.origin,
            differences=tuple(self._differences(thing, resource)) if resource and not resource.external else (),
            uses=self._uses(key),
            keeps_data=key.kind == "volume",
            leftover=resource is None and thing.owner is Owner.OURS and key.name.endswith((NEXT, OLD)),
            ports=thing.ports if thing.runs else frozenset(),
            due=thing.ports,
            apart=not thing.ports and all(used.kind == "network" for used in thing.attached),
        )

    def _differences(self, thing: Thing, resource: Resource) -> Iterator[Difference]:
        fixed, live = resource.spec["fixed"], resource.spec["live"]
        if thing.fixed != fixed:
            remedy = Remedy.NEVER if resource.key.kind == "volume" else Remedy.REPLACE
            yield Difference("fixed", thing.fixed, fixed, remedy, declared=thing.made_from[0] != fixed)
        if thing.live != live:
            yield Difference("live", thing.live, live, Remedy.IN_PLACE, declared=thing.made_from[1] != live)
        if thing.ports != resource.ports:
            yield Difference("ports", _names(thing.ports), _names(resource.ports))
        if not thing.runs:
            yield Difference("state", "exited", "running", Remedy.IN_PLACE, declared=False)
        seen, wanted = self._attachments(thing), frozenset(attachments(resource))
        networks = frozenset(key for key in seen ^ wanted if key.kind == "network")
        if networks:
            yield Difference("networks", _names(seen), _names(wanted), Remedy.IN_PLACE)
        if (seen ^ wanted) - networks:
            yield Difference("mounts", _names(seen), _names(wanted), Remedy.REPLACE)

    def _uses(self, key: Key) -> frozenset[Key]:
        return self._attachments(self.things[key])

    def _attachments(self, thing: Thing) -> frozenset[Key]:
        """What it is attached to that is still the same object."""
        return frozenset(
            key for key, serial in thing.attached.items() if key in self.things and self.things[key].serial == serial
        )

    # --- doing ---

    def perform(self, change: Change, _pace: Pace | None = None) -> None:
        match change.action:
            case Action.CREATE:
                self._create(change.key, _wanted(change))
            case Action.UPDATE:
                self._update(self._seen(change), _wanted(change))
            case Action.REPLACE:
                self._replace(self._seen(change), _wanted(change))
            case Action.REMOVE:
                self._remove(self._seen(change))
            case Action.STOP:
                self._stop(self._seen(change))
            case Action.RUN:
                self._start(self._seen(change))
            case Action.HOLD | Action.ADOPT:
                raise AssertionError(f"{change} is not to be performed")

    def _seen(self, change: Change) -> Key:
        assert change.seen is not None
        thing = self.things.get(change.key)
        if thing is None or str(thing.serial) != change.seen.id:
            raise Overtaken(f"{change.key} is another one by now")
        assert thing.owner is not Owner.FOREIGN, f"{change.key} is not ours"
        return change.key

    def _write(self) -> None:
        if self.writes_left == 0:
            raise Cut
        if self.writes_left is not None:
            self.writes_left -= 1

    def _create(self, key: Key, resource: Resource, *, runs: bool = True) -> None:
        if key in self.things:
            raise Refused(f"{key}: the name is taken")
        attached = {used: self._there(used).serial for used in attachments(resource)}
        for requirement in resource.requires:
            if requirement.condition is Condition.EXISTS:
                self._there(requirement.key)
        self._write()
        self.serial += 1
        fixed, live = resource.spec["fixed"], resource.spec["live"]
        self.things[key] = Thing(
            self.serial,
            stack=resource.stack,
            fixed=fixed,
            live=live,
            made_from=(fixed, live),
            attached=attached,
            ports=resource.ports,
            runs=runs,
        )
        if runs:
            self._note_clashes(key)

    def _update(self, key: Key, resource: Resource) -> None:
        thing, live = self.things[key], resource.spec["live"]
        if thing.live != live:
            self._write()
            thing = self.things[key] = replace(thing, live=live, made_from=(thing.made_from[0], live))
        networks = {used: self._there(used).serial for used in attachments(resource) if used.kind == "network"}
        if networks != {used: serial for used, serial in thing.attached.items() if used.kind == "network"}:
            others = {used: serial for used, serial in thing.attached.items() if used.kind != "network"}
            self._write()
            self.things[key] = replace(thing, attached=others | networks)
        if not self.things[key].runs:
            self._start(key)

    def _replace(self, key: Key, resource: Resource) -> None:
        if key.kind != "container":
            self._remove(key)
            self._create(key, resource)
            return
        coming, aside = (Key(key.kind, key.name + ending) for ending in (NEXT, OLD))
        self._create(coming, resource, runs=False)
        self._stop(key)
        self._rename(key, aside)
        self._rename(coming, key)
        self._start(key)
        self._remove(aside)

    def _stop(self, key: Key) -> None:
        self._write()
        self.things[key] = replace(self.things[key], runs=False)

    def _start(self, key: Key) -> None:
        self._write()
        self.things[key] = replace(self.things[key], runs=True)
        self._note_clashes(key)

    def _note_clashes(self, started: Key) -> None:
        mine = self.things[started].ports
        others = [(key, thing) for key, thing in self.things.items() if key != started and thing.runs]
        self.clashes += [(started, key) for key, its in others if any(a.clashes(b) for a in mine for b in its.ports)]

    def _rename(self, old: Key, new: Key) -> None:
        if new in self.things:
            raise Refused(f"{new}: the name is taken")
        self._write()
        self.things[new] = self.things.pop(old)

    def _remove(self, key: Key) -> None:
        assert key.kind != "volume", f"the data in {key} would be lost"
        users = [user for user in self.things if key in self._uses(user)]
        if users and key.kind == "network":
            raise Refused(f"{key} is in use by {users[0]}")
        self._write()
        del self.things[key]

    def _there(self, key: Key) -> Thing:
        if key not in self.things:
            raise Refused(f"{key} does not exist")
        return self.things[key]


def attachments(resource: Resource) -> list[Key]:
    """What the wanted container is to be attached to: depending on another one is not being attached to it."""
    return [
        requirement.key
        for requirement in resource.requires
        if requirement.condition is Condition.EXISTS and requirement.key.kind in ATTACHABLE
    ]


def carry_out(plan: Plan, world: World, choose: Callable[[Sequence[int]], int]) -> dict[int, Status]:
    """Perform the plan one change at a time; `choose` says which of those that the order allows comes next."""
    ended = {change.number: Status.HELD for change in plan.changes if change.action is Action.HOLD}
    left = {change.number: change for change in plan.pending}
    while left:
        ready = [number for number, change in left.items() if change.after | change.follows <= ended.keys()]
        change = left.pop(choose(ready))
        if any(ended[earlier] is not Status.DONE for earlier in change.after):
            ended[change.number] = Status.SKIPPED
            continue
        try:
            world.perform(change)
            ended[change.number] = Status.DONE
        except Overtaken:
            ended[change.number] = Status.OVERTAKEN
        except Trouble:
            ended[change.number] = Status.FAILED
    return ended


def _wanted(change: Change) -> Resource:
    assert change.wanted is not None
    return change.wanted


def _inside(scope: Scope, thing: Thing) -> bool:
    ours = thing.owner is Owner.OURS
    its = thing.stack in scope.stacks or (scope.whole and thing.origin == scope.origin)
    return ours and (its or scope.everywhere)


def _names(keys: Iterable[object]) -> Any:
    return sorted(map(str, keys))


@dataclass
class Host(World):
    """The world as a turn asks it."""

    performed: list[str] = field(default_factory=list)
    tidied: dict[str, set[Key]] = field(default_factory=dict)
    staying: set[str] = field(default_factory=set)  # stacks of which something was there that is not wanted
    refused: tuple[str, ...] = ()
    too_old: dict[Key, str] = field(default_factory=dict)  # for what its engine is too old

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def unable(self, plan: Plan) -> dict[Key, str]:
        return {one.key: self.too_old[one.key] for one in plan.pending if one.key in self.too_old}

    def perform(self, change: Change, revision: str = "", pace: Pace | None = None) -> None:  # type: ignore[override]
        self.performed.append(f"{change.action} {change.key}")
        if self.performed[-1] in self.refused:
            raise Refused("exit code 3", reason="CrashOnStart")
        super().perform(change, pace)

    def probe(self, requirement: Requirement) -> Probe:
        return Probe(Gate.PASSED)

    def tidy(self, stack: str, keep: set[Key], *, stays: bool) -> None:
        self.tidied[stack] = keep
        self.staying = self.staying | {stack} if stays else self.staying - {stack}

    def forgive(self, wanted: Iterable[Resource] | None = None) -> None:
        """Nothing is refused."""
