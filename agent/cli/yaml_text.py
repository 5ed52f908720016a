"""A document as YAML that everybody reads alike. Pure.

What YAML 1.1 and Compose take for different things (`0o17`, `1e3`, `no`, `22:22`) stands in quotes, and so does
whatever is not plainly a text. PyYAML's own writer knows only half of it, and takes longer than all the rest of
`render`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_STEP: Final = "  "
_LONGEST_KEY: Final = 1000  # YAML looks 1,024 characters ahead for the colon of a key
_WORDS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"))
_SAFE: Final = r"[\w./@+=,;()~^$%*<>|&!?{}\[\]-]"
# Begins as no number does, and has no sign that would mean something where it stands.
_PLAIN = re.compile(rf"(?:[a-zA-Z_/$]|\.{{1,2}}/){_SAFE}*(?:[ :]{_SAFE}+)*", re.ASCII)
_UNSEEN: Final = "\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff"
_ESCAPED = re.compile(f"[{_UNSEEN}]")
_LINES = re.compile(f"[^\\s{_UNSEEN}][^\x00-\x08\x0b-\x1f{_UNSEEN}]*")


def yaml_text(document: Any) -> str:
    """Plain values, of which the mappings have texts for keys, in the order in which they are."""
    return f"{_block(document, '') if _has_lines(document) else _scalar(document, '')}\n"


def _has_lines(value: Any) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def _block(value: Any, pad: str) -> str:
    """The lines of a mapping or a list, each behind `pad`."""
    if isinstance(value, Mapping):
        return "\n".join(f"{pad}{_key(key, pad)}:{_behind(one, pad)}" for key, one in value.items())
    inner = pad + _STEP
    return "\n".join(
        f"{pad}- {_block(one, inner)[len(inner) :] if _has_lines(one) else _scalar(one, inner)}" for one in value
    )


def _behind(value: Any, pad: str) -> str:
    """What follows the colon of a key in a line behind `pad`."""
    inner = pad + _STEP
    return f"\n{_block(value, inner)}" if _has_lines(value) else f" {_scalar(value, inner)}"


def _key(key: str, pad: str) -> str:
    said = key if _is_plain(key) else _quoted(key)
    return said if len(said) < _LONGEST_KEY else f"? {said}\n{pad}"


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, str):
        return _text(value, pad)
    if isinstance(value, float):
        return _number(value)
    return "{}" if isinstance(value, Mapping) else json.dumps(value)


def _text(text: str, pad: str) -> str:
    """As it is where that can be, a text of several lines as lines, and everything else in quotes."""
    if _is_plain(text):
        return text
    if "\n" in text and not text.endswith("\n\n") and _LINES.fullmatch(text):
        lines = text.removesuffix("\n").split("\n")
        sign = "|" if text.endswith("\n") else "|-"
        return "\n".join([sign, *(f"{pad}{line}" if line else "" for line in lines)])
    return _quoted(text)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _WORDS


def _quoted(text: str) -> str:
    """In double quotes, which know what JSON knows."""
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _number(value: float) -> str:
    """With a point and a sign in the exponent, or YAML 1.1 takes it for a text."""
    said = repr(value)
    if said in ("inf", "-inf", "nan"):
        return f"{said[:-3]}.{said[-3:]}"
    return said.replace("e", ".0e") if "e" in said and "." not in said else said
