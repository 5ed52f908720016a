"""`!reset` and `!override`: what one document takes away of the documents and services that it is laid over.

Both mean the same: the value at that path of what is below goes away first. `!override` then has a value of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.compose.nodes import BROKEN, Listed, Map, Mark, Seq

Steps = tuple[str, ...]  # the keys on the way down from the top level


def settled(root: Map) -> tuple[Map, tuple[Steps, ...]]:
    """The document without its marks, and the paths that they stood at."""
    found: list[Steps] = []
    return _plain_mapping(root, (), found), tuple(found)


def repeated(value: Any) -> Any:
    """What an alias stands for: as in Compose 2.40, `!reset` inside it counts only where the anchor stands."""
    if isinstance(value, Map):
        mapping = Map(value.place)
        for key, item in value.items():
            if not _is_reset(item):
                mapping.put_from(value, key, repeated(item))
        return mapping
    if isinstance(value, Seq):
        sequence = Seq(value.place)
        for index, item in enumerate(value):
            if not _is_reset(item):
                sequence.add(repeated(item), value.item_place(index))
        return sequence
    return value


def without(base: Map, paths: Iterable[Steps]) -> Map:
    """What is left of a mapping, in its canonical form. Nothing of it is changed in place."""
    for path in paths:
        base = _without(base, path)
    return base


def below(paths: Iterable[Steps], *steps: str) -> list[Steps]:
    """The paths that lead through `steps`, as paths from there on."""
    return [path[len(steps) :] for path in paths if path[: len(steps)] == steps and len(path) > len(steps)]


def _plain(value: Any, path: Steps, found: list[Steps]) -> Any:
    if isinstance(value, Map):
        return _plain_mapping(value, path, found)
    if isinstance(value, Seq):
        result = Seq(value.place)
        for index, item in enumerate(value):
            if not _is_reset(item):
                result.add(_plain(_unmarked(item), (*path, str(index)), found), value.item_place(index))
        return result
    return value


def _plain_mapping(source: Map, path: Steps, found: list[Steps]) -> Map:
    result = Map(source.place)
    for key, value in source.items():
        here = (*path, key)
        if isinstance(value, Mark):
            found.append(here)
        if not _is_reset(value):
            result.put_from(source, key, _plain(_unmarked(value), here, found))
    return result


def _is_reset(value: Any) -> bool:
    return isinstance(value, Mark) and value.value is BROKEN


def _unmarked(value: Any) -> Any:
    return value.value if isinstance(value, Mark) else value


def _without(base: Map, path: Steps) -> Map:
    key, *rest = path
    inner = base.get(key)
    if key not in base or (rest and (not isinstance(inner, Map) or isinstance(inner, Listed))):
        return base  # as in Compose, single items of a list stay
    result = type(base)(base.place)
    for other, value in base.items():
        if other != key:
            result.put_from(base, other, value)
        elif rest:
            result.put_from(base, key, _without(value, tuple(rest)))
    return result
