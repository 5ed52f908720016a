"""`schema`: JSON Schemas for editors, made of the very types and shapes that the files are read by.

Draft 7, since that is what editors know. What a file may hold is thus told in one place: in the fields of the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from msgspec import NODEFAULT, Struct, inspect

from agent.cli.frame import Command, Session, write_json
from agent.compose.extension import schema as schema_of_stack
from agent.settings import DURATION, SIZE, Duration, FleetSettings, Settings, Size, duration_text, size_text

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_FILES: Final[Mapping[str, tuple[str, type[Struct] | None]]] = {
    "agent": ("The agent's settings", Settings),
    "stack": ("A Compose file, as far as Windlass adds to it", None),
    "fleet": ("windlass.yaml", FleetSettings),
}


@click.command(cls=Command, formats=("json",))
@click.argument("which", required=False, type=click.Choice(list(_FILES)), metavar="[agent|stack|fleet]")
@click.pass_obj
def schema(session: Session, which: str | None) -> int:  # noqa: ARG001 - every command gets its session
    """Print the JSON Schema of a file that Windlass reads, for editors to check and complete while one types.

    agent is the settings file of --config, stack a Compose file as far as its x-windlass, to be used beside Compose's
    own schema, and fleet windlass.yaml at the root of a repository. Without a word it is a schema that takes any of
    them.
    """
    write_json(schema_of(which) if which else _any())
    return 0


def schema_of(which: str) -> dict[str, Any]:
    """The schema of one of `agent`, `stack` and `fleet`, complete in itself."""
    title, kind = _FILES[which]
    definitions: dict[str, Any] = {}
    body = _schema(inspect.type_info(kind), definitions) if kind else schema_of_stack()
    return {"$schema": _DRAFT, "title": title, **body, "definitions": definitions}


def _any() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    for name in _FILES:
        one = schema_of(name)
        definitions |= one.pop("definitions") | {name: {key: value for key, value in one.items() if key != "$schema"}}
    either = [{"$ref": f"#/definitions/{name}"} for name in _FILES]
    return {"$schema": _DRAFT, "title": "A file that Windlass reads", "anyOf": either, "definitions": definitions}


def _schema(kind: inspect.Type, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; that of each struct is put into `definitions`, and referred to."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=more):
            return {**(more or {}), **_schema(inner, definitions)}
        case inspect.StructType(cls=struct):
            definitions.setdefault(struct.__name__, _struct(kind, definitions))
            return {"allOf": [{"$ref": f"#/definitions/{struct.__name__}"}]}  # beside a bare $ref nothing counts
        case inspect.UnionType(types=types):
            return {"anyOf": [_schema(one, definitions) for one in types]}
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _schema(item, definitions)}
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": _loose(_schema(value, definitions))}
        case _:
            return _scalar(kind)


def _scalar(kind: inspect.Type) -> dict[str, Any]:
    match kind:
        case inspect.CustomType(cls=custom) if custom is Duration:
            return {"type": "string", "pattern": DURATION, "examples": ["500ms", "30s", "5m", "1h30m"]}
        case inspect.CustomType(cls=custom) if custom is Size:
            return {"type": "string", "pattern": SIZE, "examples": ["512MiB", "2GiB"]}
        case inspect.CustomType(cls=custom) if custom is Path:
            return {"type": "string", "minLength": 1}
        case inspect.StrType(pattern=pattern):
            return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}
        case inspect.IntType(ge=low, le=high):
            return {"type": "integer", **_without_none(minimum=low, maximum=high)}
        case inspect.BoolType() | inspect.NoneType():
            return {"type": "boolean" if isinstance(kind, inspect.BoolType) else "null"}
        case inspect.LiteralType(values=values):
            return {"enum": list(values)}
        case _:
            raise TypeError(f"a setting of a type that `windlass schema` does not know: {kind}")


def _struct(kind: inspect.StructType, definitions: dict[str, Any]) -> dict[str, Any]:
    about = {"title": kind.cls.__name__, "description": kind.cls.__doc__}
    if not kind.fields:
        return {**about, "not": {}}  # nothing of it exists yet, and all is refused
    properties = {field.encode_name: _schema(field.type, definitions) | _default(field) for field in kind.fields}
    required = [field.encode_name for field in kind.fields if field.required]
    return {
        **about,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _default(field: inspect.Field) -> dict[str, Any]:
    """The default, as one would write it; that of a part of the settings stands in its own fields."""
    value = field.default
    if value in (NODEFAULT, None, "", ()) or isinstance(value, Struct):
        return {}
    if isinstance(value, Duration):
        return {"default": duration_text(value)}
    if isinstance(value, Size):
        return {"default": size_text(value)}
    return {"default": str(value) if isinstance(value, Path) else value}


def _loose(value: dict[str, Any]) -> dict[str, Any]:
    """Of a value under a name of the user's own: a number or a boolean is taken as the text that stands there."""
    return {"type": ["string", "number", "boolean"]} if value == {"type": "string"} else value


def _without_none(**values: int | None) -> dict[str, int]:
    return {key: value for key, value in values.items() if value is not None}
