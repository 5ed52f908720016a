"""The reasons in a plan, as people read them. They name fields and objects, never values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.held import EMPTY_DESIRED_STATE
from agent.host_ports import PROCESS, HostPort
from agent.model import Difference, Key
from agent.printable import listed, printable
from agent.twins import base_name

NOT_THERE = "does not exist yet"
NEW_CONTENT = "its content is new"
REMOVED_OUTSIDE = "was removed outside git"
NOT_WANTED = "is not wanted any more"
LEFTOVER = "left over from a replacement that was cut"
SET_ASIDE = "was set aside for a replacement that came to nothing"
MOVED_IMAGE = "its image moved: the same tag names another image now"
REBUILT = "the content that it is built from changed"
NOT_BUILT = "its image was not built from the commit"
FOLLOWED = "its tag stands for another image in its registry by now"
STALE = "its pull policy has it looked for again by now"
UNHEALTHY = "its health check fails"
FOR_CONTENT = "its pull policy has it pulled for each new content"
RUNS_ONCE = "runs once for the new content of its stack"
RUN_ON = "has not run to its end yet"
NOT_STARTED = "not all of its post_start hooks have run"
RESTS = "is not run for what the stack goes back to"
SUSPENDED = "its service is suspended"
OVERLAPS = "its last run has not ended yet"
ADOPTED = "docker compose made it, and it is as wanted"
SURPLUS = "docker compose made it, and fewer of its service are wanted"
PRUNE_OFF = "is not wanted any more, but pruning is off: remove it by hand, or turn pruning on"

_POST_START = "post_start"  # a field that says the same, whoever moved it
_MOST_NAMED = 6  # in one reason; the others are counted
_IMAGE = {"image": MOVED_IMAGE, "build": NOT_BUILT, "pulled": STALE, "digest": FOLLOWED}
_TOLD = {
    "build": REBUILT,
    "pulled for": FOR_CONTENT,
    "runs for": RUNS_ONCE,
    "run": RUN_ON,
    "rest": RESTS,
    _POST_START: NOT_STARTED,
}  # fields whose change has words of its own
_NAMESPACES = "namespaces."  # of the container that owns them
_STATES = {"exited": "stopped", "dead": "stopped", "created": "left unstarted", "paused": "paused"}


def changed(differences: Sequence[Difference], *, adopted: bool) -> str:
    """Such as `image, environment.LOG_LEVEL changed; restart changed outside git`."""
    declared = [difference for difference in differences if difference.declared]
    drifted = [one for one in differences if not one.declared and one.path != _POST_START]
    plain = [difference for difference in declared if difference.path not in _TOLD]
    parts = [f"{_paths(plain)} changed"] if plain else []
    parts += [_TOLD[one.path] for one in differences if one.path in _TOLD and one not in drifted]
    if drifted:
        parts.append(_drift(drifted))
    return ("adopted: " if adopted else "") + "; ".join(parts)


def is_moved_image(difference: Difference) -> bool:
    """Whether the image is another one than was made or fetched for the commit, and no commit says so."""
    return difference.path in _IMAGE and not difference.declared


def _drift(differences: Sequence[Difference]) -> str:
    if all(map(is_moved_image, differences)):
        return _IMAGE[differences[-1].path]
    if len(differences) == 1 and differences[0].path == "state":
        return _state(printable(str(differences[0].seen)))
    if len(differences) == 1 and differences[0].path == "health":
        return UNHEALTHY
    if aside := _set_aside(differences):
        others = [one for one in differences if one.path not in {"name", "state"}]
        return "; ".join([aside, *([_drift(others)] if others else [])])
    if all(one.path.startswith(_NAMESPACES) for one in differences):
        return f"is cut off: it shares namespaces with {_owners(differences)}, started after it"
    return f"{_paths(differences)} changed outside git"


def _set_aside(differences: Sequence[Difference]) -> str:
    """In words, where the name is the one that a replacement gives: then nobody stopped or renamed it by hand."""
    names = [(str(one.seen), str(one.wanted)) for one in differences if one.path == "name"]
    return SET_ASIDE if any(seen != wanted == base_name(seen) for seen, wanted in names) else ""


def _owners(differences: Sequence[Difference]) -> str:
    return listed((printable(one.path.removeprefix(_NAMESPACES)) for one in differences), _MOST_NAMED)


def _state(seen: str) -> str:
    """`exited (137)` says more than that it was stopped: it may have died."""
    word, _, code = seen.partition(" ")
    if word == "failed":
        return f"its run failed, exit code {code.strip('()')}"
    if word not in _STATES:
        return f"is {seen}"
    return f"was {_STATES[word]} outside git" + (f", exit code {code.strip('()')}" if code else "")


def _paths(differences: Sequence[Difference]) -> str:
    return listed((printable(difference.path) for difference in differences), _MOST_NAMED)


# --- what is held, each with what to do about it ----------------------------------------------------------------


def external_missing(key: Key) -> str:
    return f"external {key.kind} {key.name} does not exist, make it first: docker {key.kind} create {key.name}"


def name_taken(key: Key) -> str:
    return (
        f"the name is taken by a {key.kind} that this instance of Windlass did not make: "
        "remove or rename that one, or choose another name here"
    )


def claimed_twice(key: Key, stack: str) -> str:
    return f"stack {stack} wants to make the same {key.kind}: give it another name in one of the two"


def data_in_the_way(key: Key, differences: Sequence[Difference]) -> str:
    """With the way to bring the data along: the new one is made by hand, since what is there under a wanted name is
    used as it is, and the old one stays until somebody removes it."""
    return (
        f"{_paths(differences)} cannot change on what keeps data, and that is never replaced: put the old value back, "
        f"or move the data: make a {key.kind} NEW as wanted (docker {key.kind} create NEW), stop what writes to "
        f"{key.name}, copy (docker run --rm -v {key.name}:/from:ro -v NEW:/to busybox cp -a /from/. /to/), "
        f"and write name: NEW in the file"
    )


def unchangeable(differences: Sequence[Difference]) -> str:
    return f"{_paths(differences)} cannot be changed: put the old value back, or remove it by hand to have it made anew"


def keeps_data(key: Key) -> str:
    return (
        f"is orphaned: not wanted any more, but it keeps data: remove it with windlass {key.kind} rm {key.name} "
        "once the data may go"
    )


BY_HAND = "remove it by hand"


def approve(removals: str, services: int) -> str:
    return (
        f"approve it with windlass approve {removals},"
        f" or commit with the trailer Windlass-Allow-Prune: {max(services, 1)}"
    )


def nothing_wanted(how: str) -> str:
    """`how` it can be done all the same."""
    return (
        f"{EMPTY_DESIRED_STATE}: nothing at all is wanted here, and that is taken for a mistake: if it is none, {how}"
    )


def too_much(services: int, managed: int, how: str) -> str:
    return f"{services} of the {managed} services here would go at once: if that is meant, {how}"


def protected(key: Key) -> str:
    return (
        "is not wanted any more, but it is under protection (x-windlass.protect): put it back without that first, or"
        f" remove it by hand with docker {key.kind} rm {key.name}"
    )


def unsure(why: str) -> str:
    return f"is not wanted any more, and nobody can tell whether it is under protection: {why}"


def composes_orphan(key: Key) -> str:
    return (
        "docker compose made it for this project, and nothing here wants it: it is left as it is; put its service back,"
        f" or remove it by hand with docker rm -f {key.name}"
    )


def too_old(why: str) -> str:
    return f"{why}: update the engine, or do without that"


def waits_for(key: Key, *, held: bool) -> str:
    return f"waits for {key}, which " + ("is held" if held else "does not exist")


def waits_for_suspended(key: Key) -> str:
    return f"waits for {key}, which is suspended"


def in_use(key: Key) -> str:
    return f"is in use by {key}, which cannot make way"


def port_in_use(port: HostPort, holder: Key) -> str:
    if holder.kind == PROCESS:
        return f"waits for port {port}, held by {holder.name}: stop that one, or publish another port"
    return f"waits for port {port}, which {holder} holds: stop that one, or publish another port"


def ports_swapped(port: HostPort, mine: HostPort, holder: Key) -> str:
    return (
        f"waits for port {port}, which {holder} holds, and that one waits for port {mine} of this stack: neither can go"
        " first, so bring one of the two another port, or none, by a commit in between"
    )


def rests(reason: str) -> str:
    return f"is left alone for a while, for it was healed over and over: {reason}"


def paused(reason: str) -> str:
    return (
        "its rollout is paused, for the new one was no good: it waits for new content, or for somebody who asks "
        f"(windlass sync); {reason}"
    )


def goes_on(differences: Sequence[Difference]) -> str:
    return f"{changed(differences, adopted=False)}; goes on as it is, its change waits"


def job_runs(reason: str) -> str:
    return f"waits for its run to end: {reason}"


# --- what is done for others ------------------------------------------------------------------------------------


AWAY_TILL_MADE = "away until it is made again"
AWAY_TILL_REPLACED = "away until it is replaced"
AWAY_TO_RESTART = "away while it is started anew"


def away(obstacle: str) -> str:
    """`obstacle`: why it cannot be replaced without an interruption, although that was asked for."""
    return "away while it is replaced" + (f" (start-first is not possible: {obstacle})" if obstacle else "")


def attached(users: Sequence[Key]) -> str:
    return f"{listed(users, _MOST_NAMED)} {'is' if len(users) == 1 else 'are'} attached to it"


def uses(key: Key) -> str:
    return f"uses {key}"


def starts_with(key: Key) -> str:
    return f"starts anew with {key}"


def needed_by(key: Key) -> str:
    return f"needed by {key}"


def gives_up(ports: Iterable[HostPort], takers: Iterable[Key]) -> str:
    return f"gives up port {listed(ports, _MOST_NAMED)} to {listed(takers, _MOST_NAMED)}"
