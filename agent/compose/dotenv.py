"""Environment files (`.env`, `env_file`) by Compose's own grammar (compose-go's `dotenv`), which is nobody else's.

`KEY=value`, `KEY: value`, `export KEY=value`, and a bare `KEY` that is looked up. Unquoted values end at ` #`; single
quotes are literal; double quotes know escapes. Unquoted and double-quoted values are interpolated, from the caller's
variables first, then from the lines above.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.compose.documents import Malformed, decoded
from agent.compose.findings import brief
from agent.compose.interpolate import BadTemplate, Lookup, Template, explained
from agent.model import Place

_SPACE: Final = " \t\v\f\r\x85\xa0"  # what may stand around a name and before a value
# What is space to Go, and to Python not quite the same.
_STRIPPED: Final = f"{_SPACE}\n\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_BLANK = re.compile(rf"(?:[{_STRIPPED}]+|#[^\n]*)+")
_EXPORT = re.compile(rf"export(?=[\t\n\f\r ])[{_SPACE}]*")
_KEY_SIGNS: Final = frozenset("_.-[]")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_OCTAL = re.compile(r"[0-7]{3}")
_MAX_TOTAL: Final = 4 * 1024 * 1024  # characters of all values of a file


def parse(file: str, content: bytes, lookup: Lookup, above: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a file, later lines over earlier ones. Raises `Malformed`, which never shows a value.

    A value may use what `lookup` knows, then the lines before it, then what stood `above` the file.
    """
    return _Parser(file, decoded(file, content), lookup, above or {}).parse()


def parse_raw(file: str, content: bytes, lookup: Lookup) -> dict[str, str]:
    """The same for `format: raw`: a value is the rest of its line as it stands. Raises `Malformed`."""
    variables: dict[str, str] = {}
    for number, line in enumerate(decoded(file, content).split("\n"), 1):
        statement = line.removesuffix("\r").lstrip(_STRIPPED)
        if not statement or statement.startswith("#"):
            continue
        key, equals, value = statement.partition("=")
        if not key or " " in key or "\t" in key:
            raise Malformed(
                Place(file, number), f"the name of a variable cannot {'hold a space' if key else 'be empty'}"
            )
        said = value if equals else lookup(key)
        if said is not None:
            variables[key] = said
    return variables


class _Parser:
    def __init__(self, file: str, text: str, lookup: Lookup, above: Mapping[str, str]) -> None:
        self.file = file
        self.text = text
        self.lookup = lookup
        self.above = above
        self.position = 0
        self.variables: dict[str, str] = {}
        self.room = _MAX_TOTAL

    def parse(self) -> dict[str, str]:
        while self._skip_blank():
            start = self.position
            key, inherited = self._key()
            value = self.lookup(key) if inherited else self._value(key)
            if value is None:
                continue
            self.room -= len(value)
            if "\0" in value or self.room < 0:
                raise self._error(start, "a NUL character" if "\0" in value else "the values are too long")
            self.variables[key] = value
        return self.variables

    def _error(self, position: int, message: str) -> Malformed:
        line = self.text.count("\n", 0, position) + 1
        return Malformed(Place(self.file, line, position - self.text.rfind("\n", 0, position)), message)

    def _skip_blank(self) -> bool:
        """Goes to the next statement; False at the end."""
        if match := _BLANK.match(self.text, self.position):
            self.position = match.end()
        return self.position < len(self.text)

    def _key(self) -> tuple[str, bool]:
        """The name of the next statement, and whether its value is inherited. Goes to where the value starts."""
        if match := _EXPORT.match(self.text, self.position):
            self.position = match.end()
        start = end = self.position
        while end < len(self.text) and self.text[end] not in "=:\n":
            char = self.text[end]
            if char not in _SPACE and char not in _KEY_SIGNS and not (char.isalpha() or char.isnumeric()):
                raise self._error(end, f'unexpected character "{brief(char)}" in the name of a variable')
            end += 1
        key = self.text[start:end].rstrip(_STRIPPED)
        if " " in key:
            raise self._error(start, "the name of a variable cannot hold a space")
        inherited = self.text[end : end + 1] in ("", "\n")
        self.position = end + 1
        while self.position < len(self.text) and self.text[self.position] in _SPACE:
            self.position += 1
        return key, inherited

    def _value(self, key: str) -> str:
        if self.text[self.position : self.position + 1] in ("'", '"'):
            return self._quoted(key)
        start = self.position
        end = self.text.find("\n", start)
        end = len(self.text) if end < 0 else end
        self.position = end + 1
        return self._expanded(self.text[start:end].split(" #", 1)[0].rstrip(_STRIPPED), start, key)

    def _quoted(self, key: str) -> str:
        start, quote = self.position, self.text[self.position]
        match = _QUOTED[quote].match(self.text, start + 1)
        if not match:
            raise self._error(start, f"the quote {quote} is not closed")
        self.position = match.end()
        value = match[1].replace(f"\\{quote}", quote)
        return self._expanded(_ESCAPE.sub(_unescaped, value), start, key) if quote == '"' else value

    def _expanded(self, value: str, start: int, key: str) -> str:
        try:
            return Template(self._look_up).fill(value)
        except BadTemplate as error:
            raise self._error(start, explained(error, key)) from error

    def _look_up(self, name: str) -> str | None:
        value = self.lookup(name)
        return self.variables.get(name, self.above.get(name)) if value is None else value


# What needs no escape is taken at one go: to remember each character would take a hundred times their memory.
_QUOTED: Final = {quote: re.compile(rf"([^{quote}\\]*(?:\\.[^{quote}\\]*)*){quote}", re.DOTALL) for quote in ("'", '"')}


def _unescaped(match: re.Match[str]) -> str:
    """One escape of a double-quoted value; `\\$` becomes the `$$` that interpolation reads as a dollar."""
    said = match[0][1:]
    if said == "$":
        return "$$"
    if said.startswith("0"):
        return chr(int(said[1:], 8)) if _OCTAL.fullmatch(said[1:]) and int(said[1:], 8) < 256 else match[0]
    return _ESCAPED.get(said, match[0])
