"""Where the hooks of a stack stand among its other containers, and for which content each of them runs.

What a `pre_deploy` needs comes before it, all else behind it; a `post_deploy` waits until all else is good. The content
is what the engine is asked for, by a digest: of all but images, which are named in what is made of them, and without
what Compose notes on its objects, which another release of it would note otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agent.compose.bodies import LABEL
from agent.digests import digest_of
from agent.handling import Stage
from agent.model import Condition, Key, Requirement, Resource

ONCE: Final = "once"  # of a hook's spec: the digest of the content that it runs for
_COUNTS: Final = ("body", "platform", "hooks", "build")  # of a container's spec


def arranged(wanted: Sequence[Resource]) -> list[Resource]:
    """The resources, with what hooks make of their order."""
    hooks = {stage: _of_stage(wanted, stage) for stage in Stage}
    if not any(hooks.values()):
        return list(wanted)
    first = [one.key for one in hooks[Stage.PRE_DEPLOY]]
    needed, content = _needed(wanted, first), _content(wanted)
    others = [one.key for one in wanted if one.service and one.handling.hook is None]
    up = [one.key for one in wanted if one.key in others and one.handling.schedule is None]
    more: dict[Key, list[Requirement]] = {
        key: [Requirement(one) for one in first] for key in others if key not in needed
    }
    for stage, all_of_it in hooks.items():
        for index, one in enumerate(all_of_it):
            more[one.key] = [Requirement(earlier.key) for earlier in all_of_it[:index]]
            if stage is Stage.POST_DEPLOY:
                more[one.key] += [*map(Requirement, first), *(Requirement(key, Condition.GOOD) for key in up)]
    return [_arranged(one, more.get(one.key, []), content) for one in wanted]


def _arranged(one: Resource, more: Sequence[Requirement], content: str) -> Resource:
    own = [requirement for requirement in one.requires if requirement.key not in {new.key for new in more}]
    requires = (*own, *more) if more else one.requires
    return replace(one, requires=requires, spec={**one.spec, ONCE: content} if one.handling.hook else one.spec)


def _of_stage(wanted: Sequence[Resource], stage: Stage) -> list[Resource]:
    found = [one for one in wanted if one.handling.hook is not None and one.handling.hook.stage is stage]
    return sorted(found, key=lambda one: one.handling.hook.number if one.handling.hook else 0)


def _needed(wanted: Sequence[Resource], roots: Sequence[Key]) -> set[Key]:
    """Everything that the roots require, however indirectly."""
    requires = {one.key: [requirement.key for requirement in one.requires] for one in wanted}
    found: set[Key] = set()
    queue = list(roots)
    while queue:
        further = {*requires.get(queue.pop(), ())} - found
        found |= further
        queue += further
    return found


def _content(wanted: Sequence[Resource]) -> str:
    counted = sorted((one for one in wanted if one.key.kind != "image"), key=lambda one: one.key)
    return digest_of(*([one.key, _bare(_counting(one))] for one in counted))


def _counting(one: Resource) -> Mapping[str, Any]:
    """What of it makes other content."""
    return {key: one.spec[key] for key in _COUNTS if key in one.spec} if one.service else one.spec


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _bare(part) for key, part in value.items() if not str(key).startswith(LABEL)}
    return [_bare(part) for part in value] if isinstance(value, list | tuple) else value
