"""How `extends` and `include` are written: what a file takes from elsewhere."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.compose.elements import mapped
from agent.compose.files import Files, NotReadable
from agent.compose.findings import At
from agent.compose.shapes import TEXT, Field, is_text, list_of, one_or_list, record, wrong

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/", re.I)


def _service(value: Any, at: At) -> Any:
    return mapped(at, service=value) if is_text(value) else wrong(value, "a string or a mapping", at)


def _path(value: Any, at: At) -> Any:
    return mapped(at, path=value) if is_text(value) else wrong(value, "a string or a mapping", at)


EXTENDS: Final = record(
    {"service": Field(TEXT, required=True), "file": Field(TEXT)}, short=_service, expects="a string or a mapping"
)

INCLUDES: Final = list_of(
    record(
        {
            "path": Field(one_or_list(TEXT), required=True),
            "project_directory": Field(TEXT),
            "env_file": Field(one_or_list(TEXT)),
        },
        short=_path,
        expects="a string or a mapping",
    )
)


def located(files: Files, directory: str, path: str, at: At) -> str | None:
    """The path in the tree of one that is named in `directory`. None, and a problem, where it may not be used."""
    if _REMOTE.match(path):
        text = f"{at.shown(path)} lies elsewhere: only files that lie beside this one are read"
        at.findings.problem(at.place, text, at.path, "copy it here", reason="RemoteIncludeDenied")
        return None
    try:
        return files.locate(directory, path)
    except NotReadable as error:
        at.findings.problem(at.place, f"{at.shown(path)} {error.message}", at.path, reason=error.reason)
        return None
