"""Why an object has to change: who moved, told from the fields in which it is not as wanted.

What nobody declared has drifted. What was declared comes with a commit, unless only secrets or the content of a file
moved, or unless the object was made at the very revision that is wanted, or at one that has the same for its stack:
then the settings of this host, or the variables that the files are read with, are what moved.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import Cause, Difference, Key, Observed, Resource
from agent.planning import words
from agent.planning.situation import Situation

HEALED = frozenset({Cause.DRIFT, Cause.IMAGE})  # why something changes that no commit has changed


def of_new(situation: Situation, resource: Resource) -> Cause:
    """Of what is not there yet. What a service had when its stack was good is known: what is new of one since, though
    git has nothing new, is so by the settings."""
    if _is_written(resource):
        return Cause.SECRET if resource.spec.get("secret") else Cause.FILE
    by_settings = resource.service and situation.provenance(resource.stack).was_good
    return Cause.SETTINGS if by_settings else Cause.COMMIT


def of_change(situation: Situation, resource: Resource, seen: Observed) -> Cause:
    """Of what is there and is not as wanted."""
    declared = [difference for difference in seen.differences if difference.declared]
    if not declared:
        return Cause.IMAGE if all(map(words.is_moved_image, seen.differences)) else Cause.DRIFT
    secrets = _secrets_of(situation.wanted, resource)
    if all(_is_of_secret(difference, secrets) for difference in declared):
        return Cause.SECRET
    if _is_written(resource):
        return Cause.FILE
    made_here = seen.revision == situation.revisions.get(resource.stack)
    as_here = made_here or seen.revision in situation.provenance(resource.stack).same
    return Cause.SETTINGS if as_here else Cause.COMMIT


def _is_written(resource: Resource) -> bool:
    """Whether it is a file with a content."""
    return resource.prepares and "content" in resource.spec


def _secrets_of(wanted: Mapping[Key, Resource], resource: Resource) -> frozenset[str]:
    """The names of the secrets that it requires: paths, each of which stands for one content."""
    required = (wanted.get(requirement.key) for requirement in resource.requires)
    return frozenset(one.key.name for one in required if one is not None and one.spec.get("secret"))


def _is_of_secret(difference: Difference, secrets: frozenset[str]) -> bool:
    """Whether a secret is what changed: the field is one itself, or names the file of one of these secrets."""
    if difference.secret:
        return True
    seen, wanted = difference.seen, difference.wanted
    known = isinstance(seen, str) and isinstance(wanted, str)
    return known and any(f" {name} " in f" {wanted} " for name in secrets)
