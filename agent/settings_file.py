"""A settings file as it is written: its values as text, and where each stands.

Scalars stay the text that stands in the file, for whoever knows what the field wants.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from agent.errors import BadSettings

DEEPEST = 4
LARGEST = 64 << 10  # characters
MOST_VALUES = 10_000


class File(NamedTuple):
    """A settings file, read: its values, and where in it each dotted key stands (line and column from 1)."""

    name: str
    document: dict[str, Any]
    places: dict[str, tuple[int, int]]


def read(path: Path) -> File:
    """Raises `BadSettings`, whose message begins with the place."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        may_not = isinstance(error, PermissionError)
        advice = ": run this with sudo, or name another one with -c (-c /dev/null: none)" if may_not else ""
        raise BadSettings(f"{path}: cannot be read: {error.strerror}{advice}") from error
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path}: is no UTF-8 text") from error
    return parse(text, str(path), "`repo: URL`")


def parse(text: str, name: str, such_as: str) -> File:
    """The text of a file of this name, which a stranger may have written. Raises `BadSettings`, whose message begins
    with the place."""
    if len(text) > LARGEST:
        raise BadSettings(f"{name}: has more than {LARGEST >> 10} KiB")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise BadSettings(f"{name}{_mark(error.problem_mark)}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadSettings(f"{name}: is no YAML: {str(error).splitlines()[0]}") from error
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise BadSettings(f"{name}{_mark(node.start_mark)}: expected keys and values, such as {such_as}")
    if node is not None and _values_in(node, {}) > MOST_VALUES:
        raise BadSettings(f"{name}: holds more than {MOST_VALUES} values, aliases counted as often as they are used")
    places: dict[str, tuple[int, int]] = {}
    document = _mapping(node, name, places, ()) if node else {}
    return File(name, document, places)


def _values_in(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values it stands for once aliases are filled in. One that contains itself is told by its depth."""
    if id(node) not in known:
        known[id(node)] = 1
        inside = node.value if isinstance(node, yaml.SequenceNode) else ()
        if isinstance(node, yaml.MappingNode):
            inside = [value for _, value in node.value]
        known[id(node)] += sum(_values_in(one, known) for one in inside)
    return known[id(node)]


def _mapping(
    node: yaml.MappingNode, path: str, places: dict[str, tuple[int, int]], above: tuple[str, ...]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        dotted = ".".join((*above, key))
        where = f"{path}{_mark(key_node.start_mark)}: {dotted}"
        if key in values:
            raise BadSettings(f"{where}: stands there twice")
        if len(above) >= DEEPEST:
            raise BadSettings(f"{where}: nested too deep")
        places[dotted] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if value_node.tag != "tag:yaml.org,2002:null":
            values[key] = _value(value_node, path, places, (*above, key))
    return values


def _value(node: yaml.Node, path: str, places: dict[str, tuple[int, int]], above: tuple[str, ...]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, places, above)
    if not isinstance(node, yaml.SequenceNode):
        return node.value
    if len(above) >= DEEPEST:
        raise BadSettings(f"{path}{_mark(node.start_mark)}: nested too deep")
    return [_value(item, path, places, (*above, str(number))) for number, item in enumerate(node.value)]


def _mark(mark: yaml.Mark | None) -> str:
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""


def put(document: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = document.get(key)
        document[key] = document = inner if isinstance(inner, dict) else {}
    document[keys[-1]] = value
