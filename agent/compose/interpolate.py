"""`$VAR` and `${VAR…}` in the values of a document, by the grammar of Compose (compose-go's `template`).

Only string values are filled in, never keys. `$$` is a dollar; a dollar that starts no variable stays as it is. The
operator is the one that stands right behind the name. A default, replacement or message may hold variables again; it
stands on one line, and is filled in, and may fail, whether it is needed or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent.compose.findings import At, Findings, brief
from agent.compose.nodes import BROKEN, Broken, Map, Masked, Seq
from agent.model import Place
from agent.secrecy import looks_secret

_TOKEN = re.compile(r"\$(?:(?P<escaped>\$)|(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)|(?P<open>\{))")
_BRACED = re.compile(r"\{(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)(?:\}|(?P<operator>:?[-?+]))")
_BRACE = re.compile(r"[{}]")
_MAX_NESTING: Final = 32
_MAX_TEXT: Final = 1024 * 1024  # characters that one value may grow to
_MAX_TOTAL: Final = 16 * _MAX_TEXT  # characters that all values of one file may grow to

_TOO_LONG: Final = f"longer than {_MAX_TEXT} characters once filled in"

Lookup = Callable[[str], str | None]


class BadTemplate(ValueError):  # noqa: N818 - the text is a bad template
    """The text cannot be filled in; the message says why and never holds the value of a variable."""


class _Missing(BadTemplate):
    """A variable has no value, and has to have one."""


def explained(error: BadTemplate, name: str) -> str:
    """The message, without the text it quotes where `name` says that the text is a secret."""
    return "a variable in the value is malformed: write $$ for a dollar" if looks_secret(name) else str(error)


@dataclass(eq=False, repr=False)
class Template:
    """Fills in texts. `unset` and `used` collect the names that were looked up without and with success."""

    lookup: Lookup
    unset: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def fill(self, text: str, depth: int = 0) -> str:
        """The text with its variables filled in. Raises `BadTemplate`."""
        if "$" not in text:
            return text
        if depth > _MAX_NESTING:
            raise BadTemplate(f"variables nested deeper than {_MAX_NESTING} levels")
        length = 0
        lines = text.split("\n")  # no variable goes on in the next line
        for number, line in enumerate(lines):
            if "$" in line:
                lines[number] = "".join(self._parts(line, depth))
                length += len(lines[number])
            if length > _MAX_TEXT:
                raise BadTemplate(_TOO_LONG)
        return "\n".join(lines)

    def _parts(self, line: str, depth: int) -> Iterator[str]:
        last = line.rfind("}")
        position = length = 0
        while match := _TOKEN.search(line, position):
            yield line[position : match.start()]
            value, position = self._variable(line, match, last, depth)
            length += len(value)
            if length > _MAX_TEXT:
                raise BadTemplate(_TOO_LONG)
            yield value
        yield line[position:]

    def _variable(self, line: str, match: re.Match[str], last: int, depth: int) -> tuple[str, int]:
        """What the variable becomes, and where the line goes on behind it; `last` is the last brace that closes."""
        if match["escaped"]:
            return "$", match.end()
        if match["name"]:
            return self._value(match["name"]), match.end()
        start = match.start("open")
        braced = _BRACED.match(line, start)
        if not braced:
            raise BadTemplate(f'"{brief(line[start - 1 : start + 20])}" is no variable: write $$ for a dollar')
        if not braced["operator"]:
            return self._value(braced["name"]), braced.end()
        if last < braced.end():
            raise BadTemplate(f'"{brief(line[start - 1 : start + 20])}" is not closed: write $$ for a dollar')
        end = _closing(line, start, last)
        return self._operated(braced["name"], braced["operator"], line[braced.end() : end], depth), end + 1

    @property
    def secret(self) -> bool:
        """Whether the value of a variable with a secret-looking name was put in."""
        return any(map(looks_secret, self.used))

    def _get(self, name: str) -> str | None:
        value = self.lookup(name)
        if value is not None:
            self.used.add(name)
        return value

    def _value(self, name: str) -> str:
        value = self._get(name)
        if value is None:
            self.unset.append(name)
        return value or ""

    def _operated(self, name: str, operator: str, argument: str, depth: int) -> str:
        inner = Template(self.lookup)
        said = inner.fill(argument, depth + 1)
        value = self._get(name)
        there = bool(value) if operator.startswith(":") else value is not None
        match operator[-1], there:
            case ("+", True) | ("-", False):
                self.unset += inner.unset
                self.used |= inner.used
                return said
            case ("?", False):
                said = argument if self.secret or inner.secret else said
                raise _Missing(f"required variable {name} is missing a value{': ' if said else ''}{brief(said)}")
            case _:
                return value or ""


def _closing(line: str, start: int, last: int) -> int:
    """Where the brace at `start` is closed.

    As in Compose, braces within count, whatever they belong to, and what follows an opening one closes nothing. Where
    the count does not come out it is the `last` one of the line.
    """
    depth = 0
    position = start
    while match := _BRACE.search(line, position, last + 1):
        position = match.end()
        if match[0] == "{":
            depth += 1
            position += 1
        else:
            depth -= 1
            if not depth:
                return match.start()
    return last


def interpolated(document: Map, environment: Mapping[str, str], findings: Findings) -> Map:
    """The document with every string value filled in; what cannot be is reported and left `BROKEN`."""
    return _Filler(environment, _MAX_TOTAL).mapping(document, At("", document.place, findings))


@dataclass(eq=False, repr=False)
class _Filler:
    environment: Mapping[str, str]
    room: int

    def mapping(self, source: Map, at: At) -> Map:
        result = Map(source.place)
        for key, value in source.items():
            result.put_from(source, key, self._value(value, at, key, source.value_place(key)))
        return result

    def _value(self, value: Any, parent: At, step: str | int, place: Place) -> Any:
        if type(value) is str:  # no Timestamp; and the way down is spelled out only where something may be said of it
            return self._text(value, parent.below(step, place)) if "$" in value else value
        if isinstance(value, Map):
            return self.mapping(value, parent.below(step, place))
        if isinstance(value, Seq):
            at = parent.below(step, place)
            result = Seq(value.place)
            for index, item in enumerate(value):
                result.add(self._value(item, at, index, value.item_place(index)), value.item_place(index))
            return result
        return value

    def _text(self, text: str, at: At) -> str | Broken:
        template = Template(self.environment.get)
        try:
            filled = template.fill(text)
        except BadTemplate as error:
            if isinstance(error, _Missing) and at.findings.unset:
                return _unread(at)
            return at.problem(explained(error, at.path))
        if template.unset and at.findings.unset:
            return _unread(at)
        self.room -= len(filled)
        if self.room < 0:
            return at.problem(f"the values of the file grow beyond {_MAX_TOTAL} characters once filled in")
        for name in dict.fromkeys(template.unset):
            at.warn(f"the variable {name} is not set: it becomes an empty string")
        return Masked(filled) if template.secret else filled


def _unread(at: At) -> Broken:
    """In place of a text with a variable that may be in a file that could not be read."""
    at.findings.doubt(at.path)
    return BROKEN
