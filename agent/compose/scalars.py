"""What a plain YAML scalar means to Compose, and how Compose prints a number.

PyYAML resolves by YAML 1.1 (`22:22` is 1342, `no` is False); Compose reads with go-yaml, whose rules these are. Its
numbers become text by Go's `fmt.Sprint` wherever a string is wanted, so `1e3` is "1000" and `1000000.0` is "1e+06".
"""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import re
from typing import Any, Final

from agent.compose.nodes import Timestamp

_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC_START: Final = frozenset("0123456789+-.")
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:([Tt])| )(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_LONGEST_NUMBER: Final = 512  # digits beyond what any number of Compose holds: kept as text, never converted
_CORE: Final = "tag:yaml.org,2002:"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    f"{_CORE}bool": (bool,),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (float, int),
    f"{_CORE}null": (type(None),),
    f"{_CORE}timestamp": (Timestamp,),
}


def plain(text: str) -> Any:
    """The value of an untagged, unquoted scalar: str, int, float, bool, None or Timestamp."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START or len(text) > _LONGEST_NUMBER:
        return text
    if len(text) > 4 and text[4] == "-" and (moment := _timestamp(text)):
        return moment
    return _number(text)


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag. `ValueError` when the text is none of it or the tag is foreign."""
    if tag == f"{_CORE}str":
        return text
    if tag == f"{_CORE}binary":
        try:
            return base64.b64decode(text, validate=False).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("is not base64 of a UTF-8 text") from error
    if tag in _TYPES:
        value = plain(text)
        if type(value) not in _TYPES[tag]:
            raise ValueError(f"is no {tag.removeprefix(_CORE)}")
        return float(value) if tag == f"{_CORE}float" else value
    if tag.startswith("!") and not tag.startswith("!!"):
        return text  # as go-yaml: an unknown local tag says nothing about a scalar
    raise ValueError(f"the tag {tag!r} is not allowed")


def go_text(value: Any) -> str:
    """The value as Go's `fmt.Sprint` prints it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return go_float(value)
        case _:
            return str(value)


def go_float(value: float) -> str:
    """The shortest digits that give the same number, with an exponent below 1e-04 and from 1e+06 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, point = _shortest_digits(value)
    exponent = point - 1
    if exponent < -4 or exponent >= 6:
        return f"{sign}{_mantissa(digits)}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + _positional(digits, point)


def _shortest_digits(value: float) -> tuple[str, str, int]:
    """Sign, significant digits and the position of the decimal point before the first of them (0.5 is "5", 0)."""
    sign, digits, point = "-" if math.copysign(1, value) < 0 else "", "0", 1
    if value:
        mantissa, _, exponent = f"{abs(value)!r}e0".partition("e")
        whole, _, fraction = mantissa.partition(".")
        stripped = (whole + fraction).lstrip("0")
        point = len(whole) + int(exponent.removesuffix("e0")) - (len(whole + fraction) - len(stripped))
        digits = stripped.rstrip("0") or "0"
    return sign, digits, point


def _positional(digits: str, point: int) -> str:
    """The digits with the decimal point, without an exponent."""
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _mantissa(digits: str) -> str:
    return f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits


def _number(text: str) -> Any:
    plain_digits = text.replace("_", "")
    if text[0] != "." and (match := _INTEGER.fullmatch(plain_digits)):
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
        value = -int(digits, base) if sign == "-" else int(digits, base)
        if -(2**63) <= value < 2**64:
            return value
    if _FLOAT.fullmatch(text if text[0] == "." else plain_digits):
        number = float(plain_digits)
        return text if math.isinf(number) else number
    return text


def _timestamp(text: str) -> Timestamp | None:
    """Go's print of the moment, if the text is one in a form that go-yaml knows."""
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return None
    year, month, day, letter, hour, minute, second, fraction, zone = match.groups()
    if bool(letter) != bool(zone):
        return None  # a zone is written with the T form, and only with it
    try:
        moment = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return None
    decimals = (fraction or "")[:9].rstrip("0")
    if zone in (None, "Z", "+00:00", "-00:00"):
        offset = "+0000 UTC"
    else:
        offset = f"{zone.replace(':', '')} {zone.replace(':', '')}"
    return Timestamp(f"{moment.isoformat(' ')}{'.' + decimals if decimals else ''} {offset}")
