"""Plain data that still knows where it was written: mappings and lists with the place of every key and item.

A `Map` is a dict and a `Seq` is a list, so every step works on them as on any dict or list. Merged documents keep the
file of each part, since each key carries its own place.
"""

from __future__ import annotations

from typing import Any, Final

from agent.model import Place


class Map(dict[str, Any]):
    """A mapping with string keys; `place` is where it starts."""

    __slots__ = ("_places", "place")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self._places: dict[str, tuple[Place, Place]] = {}

    def put(self, key: str, value: Any, key_place: Place, value_place: Place) -> None:
        self[key] = value
        self._places[key] = (key_place, value_place)

    def put_from(self, source: Map, key: str, value: Any) -> None:
        """Sets `key` at the places that it has in `source`."""
        self[key] = value
        self._places[key] = source.places(key)

    def put_all(self, source: Map) -> None:
        """All of `source` at its places, which takes no time to speak of."""
        self.update(source)
        self._places.update(source._places)

    def places(self, key: str) -> tuple[Place, Place]:
        """Where the key stands and where its value does; for a key that nobody wrote, where the mapping starts."""
        return self._places.get(key) or (self.place, self.place)

    def key_place(self, key: str) -> Place:
        return self.places(key)[0]

    def value_place(self, key: str) -> Place:
        return self.places(key)[1]


class Listed(Map):
    """A mapping that was written as a list, or is one to Compose since it was merged: `KEY=value` items."""

    __slots__ = ()


class Seq(list[Any]):
    """A list; `place` is where it starts."""

    __slots__ = ("_places", "place")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self._places: list[Place] = []

    def add(self, value: Any, place: Place) -> None:
        self.append(value)
        self._places.append(place)

    def item_place(self, index: int) -> Place:
        return self._places[index] if index < len(self._places) else self.place


class Timestamp(str):
    """A YAML timestamp, as the text that Compose makes of it. It is no string to Compose, so neither is it to us."""

    __slots__ = ()


class Masked(str):
    """A text that came from a variable with a secret-looking name: an error may not show it."""

    __slots__ = ()


class Broken:
    """Stands for a value that a problem was reported of, so that no later step reports it again."""

    __slots__ = ()


BROKEN: Final = Broken()


class Mark:
    """A value under `!override`, or under `!reset`: then it is `BROKEN`, for nobody reads it.

    Only a document that was just composed holds marks; see `agent.compose.resets`.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any = BROKEN) -> None:
        self.value = value


def kind_of(value: Any) -> str:
    """What a value is, in the words of an error message."""
    match value:
        case None:
            return "nothing"
        case Map():
            return "a mapping"
        case Seq():
            return "a list"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case Timestamp():
            return "a date"
        case _:
            return "a string"


def place_of(root: Map, *path: str | int) -> Place:
    """The place of the value at `path`, or of the nearest thing above it that was written down."""
    node: Any = root
    place = root.place
    for step in path:
        if isinstance(node, Map) and isinstance(step, str) and step in node:
            place, node = node.value_place(step), node[step]
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node):
            place, node = node.item_place(step), node[step]
        else:
            break
    return place
