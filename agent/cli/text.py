"""Words, numbers and columns for people. Pure: values in, text out.

Whatever comes from a repository or an engine passes `clean` before it is printed: a commit's subject may hold escape
sequences that would otherwise reach the terminal.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from agent.model import Problem

# Control characters, and what turns the direction of writing or breaks lines: each could make a text look like another.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPOKEN = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def clean(text: str) -> str:
    """The text on one line, with everything that a terminal would act upon made visible."""
    return _UNSAFE.sub(_visible, text)


def value_text(value: str) -> str:
    """The value of a field, before or after a change."""
    return clean(value) or "(none)"


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    number = ord(char)
    return _SPOKEN.get(char) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def width(text: str) -> int:
    """How many columns of a terminal the text takes, styles not counted."""
    return sum(_cells(char) for char in click.unstyle(text))


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines in which the cells stand under each other."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(pad(cell, most) for cell, most in zip(row, widths, strict=True)).rstrip() for row in rows]


def count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def span(seconds: float) -> str:
    """A length of time: "0.4 s", "12 s", "2 min 5 s", "3 h 20 min", "6 days"."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    if whole < 86400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return count(whole // 86400, "day")


def _two(most: int, unit: str, least: int, smaller: str) -> str:
    return f"{most} {unit} {least} {smaller}" if least else f"{most} {unit}"


def ago(then: float, now: float) -> str:
    """How long since, in its largest unit: "now", "41 s ago", "2 min ago", "6 days ago"."""
    passed = now - then
    if passed < 2:
        return "now"
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if passed >= size:
            number = int(passed // size)
            return f"{count(number, unit) if unit == 'day' else f'{number} {unit}'} ago"
    return f"{int(passed)} s ago"


def moment(then: float) -> str:
    """A point in time in this machine's zone, to be read and to be sorted."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(then))


def problem_lines(problems: Iterable[Problem], *, label: str = "") -> list[str]:
    """Each problem as `file:line:column: subject: message`; what a message has on further lines is indented."""
    lines: list[str] = []
    for problem in problems:
        first, *more = wording(problem).splitlines() or [""]
        lines.append(f"{click.style(clean(str(problem.place)), bold=True)}: {label}{clean(first)}")
        lines += [f"    {clean(line)}" for line in more]
    return lines


def failure_lines(mark: str, message: str, reason: str) -> list[str]:
    """What failed, behind a mark in red, with the code to search for; further lines of the message are indented."""
    first, *rest = message.splitlines() or [""]
    return [
        f"{click.style(mark, fg='red')} {clean(first)} ({clean(reason)})",
        *(f"    {clean(line)}" for line in rest),
    ]


def wording(problem: Problem) -> str:
    """All that the problem says, without its place."""
    return str(problem).removeprefix(f"{problem.place}: ")


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem as plain values, for JSON."""
    place = problem.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    }
