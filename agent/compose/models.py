"""What loads and renders and is run by a plugin of Compose, not by the engine: models, and services of a provider."""

from __future__ import annotations

from typing import Any, Final

from agent.compose.elements import or_names
from agent.compose.findings import At
from agent.compose.merge import appended
from agent.compose.nodes import Map, Seq
from agent.compose.scalars import go_text
from agent.compose.shapes import NAME, TEXT, Field, Shape, integer, is_text, list_of, mapping_of, record, wrong


def _read_integer(value: Any, at: At) -> Any:
    return wrong(value, "a whole number", at) if is_text(value) else integer().read(value, at)


MODEL: Final = record(
    {
        "name": Field(TEXT),
        "model": Field(TEXT, required=True),
        "context_size": Field(Shape("a whole number", _read_integer)),
        "runtime_flags": Field(list_of(TEXT)),
    }
)

_SERVICE_MODEL: Final = record({"endpoint_var": Field(TEXT), "model_var": Field(TEXT)}, nullable=True)
SERVICE_MODELS: Final = or_names(mapping_of(_SERVICE_MODEL, names=NAME), lambda _at: None)

# --- provider ---------------------------------------------------------------------------------------------------


def _read_scalar(value: Any, at: At) -> Any:
    return wrong(value, "a string, a number or a boolean", at) if isinstance(value, Map | Seq) else go_text(value)


_SCALARS: Final = list_of(Shape("a string, a number or a boolean", _read_scalar))


def _read_option(value: Any, at: At) -> Any:
    return _SCALARS.read(value, at) if isinstance(value, Seq) else _read_scalar(value, at)


def _write_option(value: Any) -> list[str]:
    return list(value) if isinstance(value, Seq) else [value]


def _merge_option(base: Any, other: Any) -> Any:
    return appended(base, other, None) if isinstance(base, Seq) and isinstance(other, Seq) else other


_OPTION: Final = Shape("a string, a number, a boolean or a list", _read_option, _write_option, _merge_option)
PROVIDER: Final = record({"type": Field(TEXT, required=True, kept=True), "options": Field(mapping_of(_OPTION))})
