"""What a stack wants of its hooks once it has gone back to what was good before.

What was good has had its `pre_deploy` and `post_deploy`: these are not run again, whatever the bad content's did. Its
`on_failure` is run, once for each content that was given up, when all else is good or it is known not to become so:
somebody is to hear of the failure, all the more where what was good does not come back either.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from agent.handling import Stage
from agent.model import Condition, Key, Requirement, Resource, Stack


def gone_back(stack: Stack, rejected: str) -> Stack:
    """The stack as it is wanted then; `rejected` is a digest of the content that was given up, "" for none."""
    hooks = frozenset(one.key for one in stack.resources if one.handling.hook is not None)
    if not hooks:
        return stack
    up = [one.key for one in stack.resources if one.service and not (one.handling.hook or one.handling.schedule)]
    return replace(stack, resources=tuple(_gone_back(one, hooks, up, rejected) for one in stack.resources))


def _gone_back(one: Resource, hooks: Set[Key], up: Sequence[Key], rejected: str) -> Resource:
    """Nobody waits for a hook, which has nothing to do. `up` is what is to be good."""
    hook = one.handling.hook
    if hook is None or hook.stage is not Stage.ON_FAILURE:
        requires = tuple(required for required in one.requires if required.key not in hooks)
        if hook is None:
            return replace(one, requires=requires)
        kept = tuple(required for required in requires if required.condition is not Condition.GOOD)
        return replace(one, requires=kept, handling=replace(one.handling, hook=replace(hook, rests=True)))
    if not rejected:
        return one
    own = tuple(required for required in one.requires if required.key not in up)
    needed = frozenset(required.key for required in one.requires if not required.optional)
    good = tuple(Requirement(key, Condition.GOOD, optional=key not in needed) for key in up)
    woken = replace(one.handling, hook=replace(hook, rests=False))
    return replace(one, requires=(*own, *good), handling=woken, spec={**one.spec, "once": rejected})
