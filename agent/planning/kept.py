"""What is kept until its successor is proved, although others are attached to it.

A container that is replaced for its own sake gives way as any other one does: the old one is laid aside, and goes on if
the new one is no good. Whoever is attached to it (its network, its processes, its volumes) is stopped for that time and
kept as well, so that it can go on with the old one; with the new one it is made anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from agent.model import Key, Resource
from agent.planning.situation import Situation


class Kept(NamedTuple):
    """The objects that are kept until their successors are proved, and what is `stopped` meanwhile, each with those of
    the `keys` that it is stopped for."""

    keys: Set[Key]
    stopped: Mapping[Key, frozenset[Key]]


def kept(situation: Situation, replaced: Sequence[Key], gone: Sequence[Key]) -> Kept:
    """`replaced` are all objects to be replaced that others are attached to, `gone` is what is in the way and has to go
    first.

    Two sorts are not kept: what is itself attached to something that goes, and what needs something first that would be
    stopped for such a replacement, since each would then wait for the other. Leftovers among the attached go first in
    any case, for they may be in the way of others.
    """
    may_stay = [key for key in replaced if _is_rolled_out(situation.wanted[key])]
    stopped = attached_to(situation, may_stay)
    needed = {key: _needed(situation, key) for key in may_stay}
    stay = [key for key in may_stay if key not in stopped and not needed[key] & stopped.keys()]
    gone = [*gone, *(key for key in stopped if situation.actual[key].leftover)]
    split = (key for key in replaced if key not in stay and key not in stopped)
    away = {*gone, *attached_to(situation, [*gone, *split])}
    found: dict[Key, frozenset[Key]] = {}
    keys = frozenset(stay) - away
    for key in sorted(keys):
        for user in attached_to(situation, [key]):
            if user not in away:
                found[user] = found.get(user, frozenset()) | {key}
    return Kept(keys, found)


def attached_to(situation: Situation, roots: Iterable[Key]) -> dict[Key, Key]:
    """Everything that is attached to one of the roots, directly or through others, with what it is attached to; each
    comes behind that."""
    found: dict[Key, Key] = {}
    queue = deque(sorted(roots))
    while queue:
        used = queue.popleft()
        for user in situation.users.get(used, ()):
            if user not in found:
                found[user] = used
                queue.append(user)
    return found


def _is_rolled_out(resource: Resource) -> bool:
    """Whether it is replaced step by step, and proves itself before the old one goes."""
    return bool(resource.service) and not resource.prepares and resource.handling.hook is None


def _needed(situation: Situation, key: Key) -> Set[Key]:
    """Everything that has to be made before it, directly or through others; replicas of one service count as one, for
    they take turns."""
    found, queue = set[Key](), [key]
    services: dict[tuple[str, str], list[Key]] = {}
    for one in situation.wanted.values():
        if one.service:
            services.setdefault((one.stack, one.service), []).append(one.key)
    while queue:
        resource = situation.wanted[queue.pop()]
        further = {requirement.key for requirement in resource.requires} & situation.wanted.keys()
        further |= {*services.get((resource.stack, resource.service), ())}
        queue += further - found
        found |= further
    return found - {key}
