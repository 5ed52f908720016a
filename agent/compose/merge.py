"""How two files' values of one element become one, by the rules of Compose (compose-go's `override`).

Both sides are in canonical form already, so lists of `KEY=value` are mappings by now and short notations are long.
Nothing of the base is changed in place: an anchor may have put the same node at several places.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from agent.compose.nodes import Listed, Map, Seq
from agent.compose.ports import PROTOCOLS

Merge = Callable[[Any, Any], Any]
KeyOf = Callable[[Any], Hashable]


def replace(_base: Any, other: Any) -> Any:
    return other


def override(_base: Any, other: Any) -> Any:
    """As `replace`, and a key without a value takes the base's away."""
    return other


def pairs(base: Map, other: Map) -> Map:
    """Two lists of `KEY=value`: a key without a value takes the base's value away."""
    return mappings(base, other, lambda _key: override, Listed(base.place))


def merged(base: Any, other: Any, merge: Merge) -> Any:
    """`other` over `base`; but for `override`, an element that is written without a value keeps the base's."""
    if other is None and merge is not override:
        return base
    return other if base is None else merge(base, other)


def mappings(base: Map, other: Map, merge_of: Callable[[str], Merge], result: Map | None = None) -> Map:
    """Both by their keys, in a new mapping or the empty `result`."""
    result = Map(base.place) if result is None else result
    result.put_all(base)
    for key, value in other.items():
        if key not in base:
            result.put_from(other, key, value)
        elif (one := merged(base[key], value, merge_of(key))) is not base[key]:
            result.put_from(other, key, one)
    return result


def appended(base: Seq, other: Seq, key: KeyOf | None) -> Seq:
    """The items of both, each `key` once where there is one (see `unique`)."""
    result = Seq(base.place)
    for source in (base, other):
        for index, item in enumerate(source):
            result.add(item, source.item_place(index))
    return unique(result, key) if key else result


def unique(items: Seq, key: KeyOf) -> Seq:
    """Each key once: at the place in the order of its first item, with the value of its last."""
    last = {key(item): index for index, item in enumerate(items)}
    if len(last) == len(items):
        return items
    result = Seq(items.place)
    for index in last.values():
        result.add(items[index], items.item_place(index))
    return result


def missing(base: Seq, other: Seq) -> Seq:
    """The base's items and those of `other` that are not among them (`extra_hosts`)."""
    result = appended(base, Seq(other.place), None)
    there = set(base)
    for index, item in enumerate(other):
        if item not in there:
            result.add(item, other.item_place(index))
    return result


def logging(base: Map, other: Map) -> Map:
    """Options of two different drivers do not mix: then the other configuration stands alone."""
    if "driver" in base and "driver" in other and base["driver"] != other["driver"]:
        return other
    return mappings(base, other, lambda key: _options if key == "options" else replace)


def by_subnet(base: Seq, other: Seq) -> Seq:
    """Address pools of a network: one of the same subnet is completed, any other is added.

    As in Compose, to the letter: a pool of the base that no other one completes is lost, and it may leave what it has
    in a pool that was found before.
    """
    result = Seq(base.place)
    for index, pool in enumerate(base):
        own, place = pool, base.item_place(index)
        for number, over in enumerate(other):
            subnets = [one.get("subnet") for one in result]
            if over.get("subnet") != own.get("subnet") and over.get("subnet") not in subnets:
                result.add(over, other.item_place(number))
                continue
            own = mappings(own, over, lambda _key: replace)
            if own.get("subnet") in subnets:
                result[subnets.index(own.get("subnet"))] = own
            else:
                result.add(own, place)
    return result


def _options(base: Any, other: Any) -> Any:
    return mappings(base, other, lambda _key: replace)


def before_equals(item: Any) -> Hashable:
    return str(item).partition("=")[0]


def itself(item: Any) -> Hashable:
    return str(item)


def target_of(item: Any) -> Hashable:
    return str(item.get("target"))


def path_of(item: Any) -> Hashable:
    return str(item.get("path"))


def port_of(item: Any) -> Hashable:
    host = item.get("host_ip") or "0.0.0.0"  # noqa: S104 - what the engine binds to when nothing is said
    return host, item.get("published") or "", item.get("target"), item.get("protocol") or PROTOCOLS[0]


def deep(base: Any, other: Any) -> Any:
    """Two values of which nothing is known (`x-` keys): mappings merge, lists grow, anything else is replaced."""
    if isinstance(base, Map) and isinstance(other, Map):
        return mappings(base, other, lambda _key: deep)
    if isinstance(base, Seq) and isinstance(other, Seq):
        return appended(base, other, None)
    return other
