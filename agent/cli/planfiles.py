"""Plans in files: written by `plan --out`, recognised and read by `apply`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.frame import json_text
from agent.errors import Refused

KIND = "windlass.plan"
_LARGEST = 64 << 20  # bytes


class PlanFile(click.Path):
    """Where a plan is written to. An empty variable of a script names no file."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("it is empty.", param, ctx)
        return super().convert(value, param, ctx)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Whole or not at all. What is no file, such as /dev/null, cannot be: it is written to, and stays what it is.
    Raises `Refused` (`PlanNotWritten`)."""
    text = f"{json_text(document)}\n"
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, "utf-8")
            return
        whole = path.resolve()  # what a link leads to, and not the link
        beside = whole.with_name(f".{whole.name}.new")
        beside.write_text(text, "utf-8")
        beside.replace(whole)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", reason="PlanNotWritten") from error


def read(path: Path) -> Mapping[str, Any]:
    """The plan in a file. Raises `Refused` (`PlanUnknown`)."""
    document = found(path)
    if document is None:
        message = f"{path} holds no plan: make one with `windlass plan --out FILE`"
        raise Refused(message, reason="PlanUnknown")
    return document


def found(path: Path) -> Mapping[str, Any] | None:
    """The plan in a file, None where it holds something else, such as a Compose file."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
        document = json.loads(text) if text.lstrip()[:1] == b"{" else None
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get("kind") == KIND else None
