"""The shapes that elements of a Compose file can have: how each is read, printed and merged.

Reading checks and brings into the canonical form at once: short notations become long, texts such as "5" or "yes"
become the number or boolean that the element holds. The canonical form is itself valid Compose, so it can be read
again after files were merged. Whatever is wrong is reported at its place and read as `BROKEN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final

from agent.compose import merge as merging
from agent.compose.findings import At, brief, closest, did_you_mean, path_to
from agent.compose.merge import KeyOf, Merge
from agent.compose.nodes import BROKEN, Broken, Listed, Map, Seq, Timestamp, kind_of
from agent.compose.scalars import go_text
from agent.compose.words import words

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
INT64: Final = range(-(2**63), 2**63)
_TRUE: Final = ("true", "y", "yes", "on")
_FALSE: Final = ("false", "n", "no", "off")
NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")


@dataclass(frozen=True, eq=False, repr=False)
class Shape:
    """`expects` completes "must be …". `nullable`: a key without a value says something here.

    `made_of` tells what there is inside, for who wants to know which values there are: the fields of a record, the
    shape of the items of a list or a mapping, the words or the range of which a value is one. None where it is just as
    `expects` says.
    """

    expects: str
    read: Callable[[Any, At], Any]
    write: Callable[[Any], Any] = lambda value: value
    merge: Merge = merging.replace
    nullable: bool = False
    made_of: Any = None  # Fields, Shape, a tuple of words, or a range


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """A key of an element. `kept`: printed even where its value is empty, zero or false. One that is `required` is
    printed where it is empty. Not `printed`: Compose reads it and prints it nowhere. `since`: the release of Compose
    that it came with, where that is newer than the one whose output `render` gives."""

    shape: Shape
    required: bool = False
    kept: bool = False
    printed: bool = True
    since: str = ""


RENDERED: Final = "2.40"  # the release of Compose whose output `render` gives
Fields = Mapping[str, Field]


def read(value: Any, shape: Shape, at: At) -> Any:
    """The canonical form of a value, `BROKEN`, or None for a key without a value."""
    if isinstance(value, Broken):
        return value
    if value is None and not shape.nullable:
        return None if at.partial else at.problem(f"has no value: it must be {shape.expects}")
    return shape.read(value, at)


def wrong(value: Any, expects: str, at: At) -> Broken:
    """Reports that a value is not what the shape `expects`."""
    unquoted = Timestamp if expects != "a string" else bool | int | float | Timestamp
    quote = "put it in quotes" if "a string" in expects and isinstance(value, unquoted) else ""
    return at.problem(f"must be {expects}, not {kind_of(value)}", quote)


def is_text(value: Any) -> bool:
    """Whether the value is a string to Compose; see `Timestamp`."""
    return isinstance(value, str) and not isinstance(value, Timestamp)


def texts(value: Seq, at: At) -> Iterator[tuple[str, At]]:
    """Each string of a list, and its place. Whatever else is in it is reported."""
    for index, entry in enumerate(value):
        below = at.below(index, value.item_place(index))
        if is_text(entry):
            yield entry, below
        elif entry is not BROKEN:
            wrong(entry, "a string", below)


# --- single values ----------------------------------------------------------------------------------------------


def _read_text(value: Any, at: At) -> Any:
    return value if is_text(value) else wrong(value, "a string", at)


def _read_scalar_text(value: Any, at: At) -> Any:
    if isinstance(value, Map | Seq | bool | Timestamp):
        return wrong(value, "a string or a number", at)
    return go_text(value)


def _read_boolean(value: Any, at: At) -> Any:
    if isinstance(value, bool):
        return value
    if not is_text(value):
        return wrong(value, "a boolean", at)
    word = value.lower()
    if word in (*_TRUE, *_FALSE):
        if word not in ("true", "false"):
            at.warn(f'"{word}" is no boolean in YAML 1.2', f"write {'true' if word in _TRUE else 'false'}")
        return word in _TRUE
    return at.problem(f"{at.shown(value)} is not a boolean", "write true or false")


def whole(low: int = INT64[0], high: int = INT64[-1]) -> Shape:
    """A number that is kept as an integer: a fraction is cut, as Compose does."""

    def read_whole(value: Any, at: At) -> Any:
        if isinstance(value, bool) or not (is_text(value) or isinstance(value, int | float)):
            return wrong(value, "a whole number", at)
        if not (_WHOLE.fullmatch(value) if isinstance(value, str) else isfinite(value)):
            return at.problem(f"{at.shown(value)} is not a whole number")
        if low <= (number := int(value)) <= high:
            return number
        return at.problem(f"must be at least {low}" if high == INT64[-1] else f"must be between {low} and {high}")

    return Shape("a whole number", read_whole, made_of=range(low, high + 1))


def integer(low: int = INT64[0], high: int = INT64[-1]) -> Shape:
    """An integer, in quotes or not; a number with a fraction is none."""
    number = whole(low, high)

    def read_integer(value: Any, at: At) -> Any:
        if isinstance(value, float) and not value.is_integer():
            return at.problem(f"{at.shown(value)} is not a whole number")
        return number.read(value, at)

    return replace(number, read=read_integer)


def _read_command(value: Any, at: At) -> Any:
    if value is None or isinstance(value, Seq):
        return value if value is None else list_of(TEXT).read(value, at)
    if not is_text(value):
        return wrong(value, "a string or a list", at)
    try:
        return _sequence(words(value), at)
    except ValueError as error:
        return at.problem(str(error))


def choice(*allowed: str) -> Shape:
    """One of these words."""

    def read_choice(value: Any, at: At) -> Any:
        if not is_text(value):
            return wrong(value, "a string", at)
        if value in allowed:
            return value
        return at.problem(f"{at.shown(value)} is not one of {', '.join(allowed)}", did_you_mean(value, allowed))

    return Shape("a string", read_choice, made_of=allowed)


TEXT: Final = Shape("a string", _read_text)
SCALAR_TEXT: Final = Shape("a string or a number", _read_scalar_text)
BOOLEAN: Final = Shape("a boolean", _read_boolean)
STRICT_BOOLEAN: Final = Shape(
    "a boolean", lambda value, at: value if isinstance(value, bool) else wrong(value, "a boolean", at)
)
COMMAND: Final = Shape("a string or a list", _read_command, merge=merging.override, nullable=True)


def absent_if_null(shape: Shape) -> Shape:
    """The same, where a key without a value says as little as no key."""

    def read_unless_null(value: Any, at: At) -> Any:
        return BROKEN if value is None else shape.read(value, at)  # which leaves the key out; nothing is reported

    return replace(shape, read=read_unless_null, nullable=True)


# --- lists ------------------------------------------------------------------------------------------------------


def list_of(item: Shape, *, key: KeyOf | None = None, distinct: bool = False, merge: Merge | None = None) -> Shape:
    """A list. With `key`, later items take the place of earlier ones; `distinct` refuses an item that comes twice."""

    def read_list(value: Any, at: At) -> Any:
        if not isinstance(value, Seq):
            return wrong(value, "a list", at)
        result = Seq(value.place)
        seen = set()
        for index, entry in enumerate(value):
            below = at.below(index, value.item_place(index))
            one = (
                below.problem(f"has no value: it must be {item.expects}") if entry is None else read(entry, item, below)
            )
            if distinct and (is_text(entry), one) in seen:  # 5 and "5" are two to Compose
                below.problem(f"{below.shown(one)} is in the list already")
            elif one is not BROKEN:
                result.add(one, value.item_place(index))
                if distinct:
                    seen.add((is_text(entry), one))
        return merging.unique(result, key) if key else result

    def append(base: Seq, other: Seq) -> Seq:
        return merging.appended(base, other, key)

    return Shape("a list", read_list, lambda value: [item.write(one) for one in value], merge or append, made_of=item)


def one_or_list(item: Shape, *, key: KeyOf | None = None) -> Shape:
    """A list, or a single item in its place."""
    many = list_of(item, key=key)

    def read_either(value: Any, at: At) -> Any:
        return many.read(_sequence([value], at) if is_text(value) else value, at)

    return replace(many, expects="a string or a list", read=read_either)


def _sequence(values: list[Any], at: At) -> Seq:
    result = Seq(at.place)
    for value in values:
        result.add(value, at.place)
    return result


# --- mappings ---------------------------------------------------------------------------------------------------


def mapping_of(item: Shape, *, names: re.Pattern[str] | None = None, keep_broken: bool = False) -> Shape:
    """A mapping whose keys the user chooses. `keep_broken`: a wrong value is read as an empty mapping, so that what
    refers to it by name is not reported as well."""

    def read_mapping(value: Any, at: At) -> Any:
        if not isinstance(value, Map):
            return wrong(value, "a mapping", at)
        result = type(value)(value.place)
        for key, entry in value.items():
            below = at.below(key, value.value_place(key))
            if names and not names.fullmatch(key):
                below._replace(path=at.path, place=value.key_place(key)).problem(
                    f'"{brief(key)}" is no valid name: letters, digits, ".", "_" and "-" only'
                )
            one = read(entry, item, below)
            if one is not BROKEN or keep_broken:
                result.put_from(value, key, Map(below.place) if one is BROKEN else one)
        return result

    def by_key(base: Map, other: Map) -> Map:
        return merging.mappings(base, other, lambda _key: item.merge)

    def write(value: Map) -> dict[str, Any]:
        return {key: None if value[key] is None else item.write(value[key]) for key in sorted(value)}

    return Shape("a mapping", read_mapping, write, by_key, made_of=item)


def pairs(*, null: str | None = "") -> Shape:
    """`KEY: value` as a mapping, or `KEY=value` as a list. `null` is the value of a key without one."""

    def read_value(value: Any, at: At) -> Any:
        if isinstance(value, Map | Seq | Timestamp):
            return wrong(value, expects, at)
        return null if value is None else go_text(value)

    expects = "a string, a number or a boolean"
    values = mapping_of(Shape(expects, read_value, merge=merging.override, nullable=True))

    def read_pairs(value: Any, at: At) -> Any:
        if isinstance(value, Map):
            return values.read(value, at)
        if not isinstance(value, Seq):
            return wrong(value, "a mapping or a list", at)
        result = Listed(value.place)
        for entry, below in texts(value, at):
            key, equals, said = entry.partition("=")
            if key != key.rstrip():  # which only what has values to inherit may not, as in Compose
                tell = below.problem if null is None else below.warn
                tell(f'the name "{brief(key)}" ends with a space')
            result.put(key, said if equals else null, below.place, below.place)
        return result

    return Shape("a mapping or a list", read_pairs, values.write, merging.pairs)


def record(
    fields: Fields,
    *,
    short: Callable[[Any, At], Any] | None = None,
    merge: Merge | None = None,
    nullable: bool = False,
    expects: str = "a mapping",
) -> Shape:
    """A mapping with known keys, in the order in which Compose prints them. `short` turns another notation into it."""
    required = [key for key, field in fields.items() if field.required]

    def read_record(value: Any, at: At) -> Any:
        long = value if isinstance(value, Map) or short is None or value is None else short(value, at)
        if not isinstance(long, Map):
            return long if long is BROKEN or (long is None and nullable) else wrong(value, expects, at)
        result = Map(long.place)
        for key, entry in long.items():
            if (one := _read_field(key, entry, fields, long, at)) is not BROKEN:
                result.put_from(long, key, one)
        for key in required:
            if key not in long and not at.partial:
                at.problem(f'needs the key "{key}"')
            elif key in long and key not in result:
                return BROKEN  # it is not missing, so whoever reads the rest again must not say that it is
        return result

    def merge_of(key: str) -> Merge:
        return fields[key].shape.merge

    def by_field(base: Map, other: Map) -> Map:
        return merging.mappings(base, other, merge_of)

    def write(value: Map) -> dict[str, Any]:
        return write_record(value, fields)

    return Shape(expects, read_record, write, merge or by_field, nullable, fields)


def _read_field(key: str, entry: Any, fields: Fields, parent: Map, at: At) -> Any:
    field, place = fields.get(key), parent.key_place(key)
    if field is None:
        if key.startswith("x-") and key != "x-windlass":
            return BROKEN  # an extension of somebody else: not ours to read, and allowed
        if key == "x-windlass":
            return at.below(key, place).problem("is read at the top of a file and in services only")
        at.findings.doubt(path_to(at.path, closest(key, fields)))
        return at._replace(place=place).problem(f'unknown key "{brief(key)}"', did_you_mean(key, fields))
    if field.since and not at.findings.newest:
        message = f"Docker Compose {RENDERED} does not know it: it came with {field.since}"
        return at.below(key, place).problem(message, "--newest reads it")
    return read(entry, field.shape, at.below(key, parent.value_place(key)))


def write_record(value: Map, fields: Fields) -> dict[str, Any]:
    """As Compose prints it: in the order of the fields, and what is empty left out unless it says something."""
    result: dict[str, Any] = {}
    for key, field in fields.items():
        if not field.printed or key not in value:
            continue
        one = value[key]
        if field.kept or one not in _EMPTY or (field.required and one != 0):
            result[key] = None if one is None else field.shape.write(one)
    return result


_EMPTY: Final[tuple[Any, ...]] = (None, "", 0, [], {})
