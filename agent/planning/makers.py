"""Who makes what several stacks want to make: a name of the host is one object's, so one of them alone.

The stack whose object is there keeps it, so that nothing that runs changes hands for a mistake in another stack. What
is not there yet is the first one's, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.model import Key, Observed, Resource, Stack

Claimed = Mapping[Key, frozenset[str]]  # by object, the further stacks that want to make it


class Rival(NamedTuple):
    """A claim to an object that another stack, its `maker`, has or is to have."""

    claim: Resource
    maker: str


class Claims(NamedTuple):
    """`wanted` has one claim for each object: that of its maker, or else of who only needs it to be there."""

    wanted: Mapping[Key, Resource]
    rivals: tuple[Rival, ...]


def sort_out(stacks: Sequence[Stack], actual: Mapping[Key, Observed], claimed: Claimed) -> Claims:
    resources = (resource for stack in stacks for resource in stack.resources)
    claims = sorted(resources, key=lambda resource: (resource.key, resource.external, resource.stack))
    makers: dict[Key, set[str]] = {}
    for claim in filter(_makes, claims):
        makers.setdefault(claim.key, {*claimed.get(claim.key, ())}).add(claim.stack)
    wanted: dict[Key, Resource] = {}
    rivals: list[Rival] = []
    for claim in claims:
        maker = _maker(makers[claim.key], actual.get(claim.key)) if _makes(claim) else claim.stack
        if maker == claim.stack:
            wanted.setdefault(claim.key, claim)
        else:
            rivals.append(Rival(claim, maker))
    return Claims(wanted, tuple(rivals))


def look_at(
    stacks: Sequence[Stack], observe: Callable[[list[Resource]], Mapping[Key, Observed]]
) -> Mapping[Key, Observed]:
    """What is there, as it compares with the claim that counts: whose object it is, only a look tells."""
    claims = to_look_at(stacks, {})
    seen = observe(claims)
    counting = to_look_at(stacks, seen)
    return seen if counting == claims else observe(counting)


def to_look_at(stacks: Sequence[Stack], actual: Mapping[Key, Observed]) -> list[Resource]:
    """Of several claims to an object the one that counts, given what is there; of what is prepared all of them do."""
    claims = [resource for stack in stacks for resource in stack.resources]
    if len({claim.key for claim in claims}) == len(claims):
        return claims
    wanted = sort_out(stacks, actual, {}).wanted
    return [claim for claim in claims if claim.prepares or claim is wanted[claim.key]]


def _makes(claim: Resource) -> bool:
    """Whether only one stack can have its claim granted. What is prepared and what is external can be shared."""
    return not (claim.external or claim.prepares)


def _maker(stacks: set[str], seen: Observed | None) -> str:
    return min(stacks, key=lambda stack: (seen is None or stack != seen.stack, stack))
