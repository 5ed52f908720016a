"""Makes an input smaller for as long as the same is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from script.fuzzing.cases import Case
from script.fuzzing.check import Wrong, check

_PATIENCE: Final = 60.0  # seconds


def smaller(case: Case, kind: str) -> Case:
    """The smallest input that is found to have that fault; the same one where it does not have it any more."""
    deadline = time.monotonic() + _PATIENCE
    found = True
    while found and time.monotonic() < deadline:
        found = False
        for other in _smaller(case):
            if time.monotonic() > deadline:
                break
            if _fault(other) == kind:
                case, found = other, True
                break
    return case


def _fault(case: Case) -> str:
    try:
        check(case)
    except Wrong as wrong:
        return wrong.kind
    return ""


def _smaller(case: Case) -> Iterator[Case]:
    """Without a file, without an option, without some lines of a file, then without some bytes."""
    for path in case.files:
        yield replace(case, files={other: content for other, content in case.files.items() if other != path})
    for key in case.options:
        yield replace(case, options={other: value for other, value in case.options.items() if other != key})
    for path, content in case.files.items():
        lines = content.split(b"\n")
        for parts, glue in ((lines, b"\n"), ([content[i : i + 1] for i in range(len(content))], b"")):
            if len(parts) < 4000:
                for left in _cut(parts):
                    yield case.with_file(path, glue.join(left))


def _cut(parts: list[bytes]) -> Iterator[list[bytes]]:
    size = len(parts) // 2
    while size:
        for start in range(0, len(parts), size):
            yield parts[:start] + parts[start + size :]
        size //= 2
