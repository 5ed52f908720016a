"""`windlass.yaml` at the root of a repository, read. All that it may hold today are freeze windows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from agent.cron import mistake_in
from agent.errors import BadManifest, BadSettings
from agent.freeze import Freeze, Freezes
from agent.model import Place, Problem
from agent.settings import FleetSettings, FreezeSettings, decode, mistakes
from agent.settings_file import File, parse

_LONGEST = 366 * 24 * 3600.0  # seconds


def read_fleet(content: bytes, file: str) -> Freezes:
    """Raises `BadManifest` with every mistake at its place; `file` is the path in the tree."""
    try:
        read = parse(content.decode("utf-8"), file, "`freeze: […]`")
    except UnicodeDecodeError as error:
        raise BadManifest([Problem(Place(file), "is no UTF-8 text")]) from error
    except BadSettings as error:
        raise BadManifest([_problem_of(error, file)]) from error
    found = list(mistakes(read.document, FleetSettings))
    if found:
        raise BadManifest([_at(read, key, text) for key, text in found])
    settings = msgspec.convert(read.document, FleetSettings, strict=False, dec_hook=decode)
    found = [
        (f"freeze.{number}.{key}", text) for number, one in enumerate(settings.freeze) for key, text in _wrong(one)
    ]
    if found:
        raise BadManifest([_at(read, key, text) for key, text in found])
    return Freezes(tuple(map(_freeze, settings.freeze)))


def _wrong(one: FreezeSettings) -> Iterator[tuple[str, str]]:
    if mistake := mistake_in(one.cron, one.timezone):
        yield mistake
    if not 60 <= one.lasting <= _LONGEST:
        yield "for", "is too short or too long: from 1m to 366 days, as in 60h"


def _freeze(one: FreezeSettings) -> Freeze:
    return Freeze(one.cron, float(one.lasting), one.reason, frozenset(one.stacks), one.timezone)


def _at(read: File, key: str, text: str) -> Problem:
    """A mistake at its key, or at what is around it where the key is missing."""
    around: Mapping[str, tuple[int, int]] = read.places
    parts = key.split(".")
    known = next((".".join(parts[:size]) for size in range(len(parts), 0, -1) if ".".join(parts[:size]) in around), "")
    return Problem(Place(read.name, *around.get(known, (1, 1))), text, key)


def _problem_of(error: BadSettings, file: str) -> Problem:
    """What the settings say as `FILE:LINE:COLUMN: text`, as a problem."""
    found = re.fullmatch(rf"{re.escape(file)}(?::(\d+):(\d+))?: (.*)", error.message, re.S)
    if found is None:
        return Problem(Place(file), error.message)
    return Problem(Place(file, int(found[1] or 1), int(found[2] or 1)), found[3])
