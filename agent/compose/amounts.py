"""Amounts as a Compose file writes them: decimal numbers, CPUs, sizes with a unit, durations."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, Final

from agent.compose.findings import At
from agent.compose.nodes import Broken, Map, Seq, Timestamp
from agent.compose.shapes import INT64, Shape, is_text, wrong
from agent.compose.units import duration_text, float32, nanoseconds, shortest32, size_in_bytes

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_MINUS = re.compile(r"-[0-9]{1,18}", re.ASCII)


def _read_decimal(value: Any, at: At) -> Any:
    """A number that Compose keeps in 32 bits."""
    if is_text(value) and not _DECIMAL.fullmatch(value):
        return at.problem(f"{at.shown(value)} is not a number")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return wrong(value, "a number", at)
    try:
        number = float32(float(value))
    except (ValueError, OverflowError):
        return at.problem("is too large a number")
    return shortest32(number) if isfinite(number) else at.problem("is no finite number")


def _read_cpus(value: Any, at: At) -> Any:
    number = _read_decimal(value, at)
    if isinstance(number, Broken) or 0 <= number < 1e6:
        return number
    return at.problem("must be a number of CPUs such as 0.5 or 2")


def _read_size(value: Any, at: At) -> Any:
    if isinstance(value, bool | Map | Seq | Timestamp):
        return wrong(value, "a size", at)
    if isinstance(value, float):
        at.warn("Compose reads a number with a fraction or exponent as 0 here", "write the unit: 1.5g")
        return 0
    if isinstance(value, int):
        return value if value in INT64 else at.problem("is too large")
    if _MINUS.fullmatch(value):
        return -int(value[1:])  # Compose reads it as a number only, and prints it as a text
    try:
        return size_in_bytes(value)
    except ValueError as error:
        return at.problem(f"{at.shown(value)} {error}")


def _read_exact_size(value: Any, at: At) -> Any:
    size = wrong(value, "a whole number or a size", at) if isinstance(value, float) else _read_size(value, at)
    return at.problem("must be at least 0") if isinstance(size, int) and size < 0 else size


def _read_duration(value: Any, at: At) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return at.problem("must be a duration with its unit", f"write {value}s for seconds")
    if not is_text(value):
        return wrong(value, "a string", at)
    try:
        return duration_text(nanoseconds(value))
    except ValueError as error:
        return at.problem(f"{at.shown(value)} {error}")


def _read_span(value: Any, at: At) -> Any:
    text = _read_duration(value, at)
    is_below = isinstance(text, str) and nanoseconds(text) < 0
    return at.problem(f"{at.shown(value)} is negative", "write a time of 0s or more") if is_below else text


def _read_share(value: Any, at: At) -> Any:
    number = _read_decimal(value, at)
    if isinstance(number, Broken) or 0 <= number <= 1:
        return number
    return at.problem(f"{at.shown(value)} is no share between 0 and 1", "write 0.2 for a fifth")


DECIMAL: Final = Shape("a number", _read_decimal)
SHARE: Final = Shape("a number", _read_share)
CPUS: Final = Shape("a number", _read_cpus)
SIZE: Final = Shape("a size", _read_size, write=str)
EXACT_SIZE: Final = Shape("a size", _read_exact_size, write=str)
DURATION: Final = Shape("a duration", _read_duration)
SPAN: Final = Shape("a duration", _read_span)  # of what is no key of Compose, which takes a negative one
