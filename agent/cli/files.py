"""`validate` and `render`: what the files say, with no engine asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json, write_text
from agent.cli.needs import Checked
from agent.cli.targets import PATH, Revision, names_a_stack, reads_a_revision, target
from agent.cli.text import clean, count, problem_document, problem_lines, wording
from agent.model import Problem
from agent.target import OneStack


@click.command(
    cls=Command, formats=("text", "json", "github"), output_names=("--format",), exits=(Exit.INVALID, Exit.SETTINGS)
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH]...")
@names_a_stack
@reads_a_revision
@click.pass_obj
def validate(session: Session, paths: Sequence[Path], one: OneStack | None, revision: Revision) -> int:
    """Check the files, and say everything that is wrong.

    Each mistake is told with its file, line and column; with --format github they appear as marks in the pull
    request. PATH is a compose file, a stack's directory or a repository's root; the current directory by default.
    With -f, -p and the options beside them it is one stack instead, named as for docker compose.
    """
    results = [session.parts.check(target(session, path, one, revision)) for path in paths or (None,)]
    if session.output == "json":
        write_json(_document(results))
    elif session.output == "github":
        for line in _annotations(results):
            click.echo(line)
    else:
        _print(session, results)
    errors = sum(len(checked.errors) for checked in results)
    if errors:
        click.secho(_verdict(results), fg="red", err=True)
        return Exit.INVALID
    session.note([_verdict(results)])
    return Exit.DONE


def _print(session: Session, results: Iterable[Checked]) -> None:
    for checked in results:
        session.note(problem_lines(checked.warnings, label="warning: "))
        for line in problem_lines(checked.errors):
            click.echo(line)


def _verdict(results: Sequence[Checked]) -> str:
    errors = sum(len(checked.errors) for checked in results)
    wrong = {problem.place.file for checked in results for problem in checked.errors}
    files = sum(checked.files for checked in results)
    if not errors:
        return f"{count(files, 'file')} checked, no errors"
    return f"{count(errors, 'error')} in {len(wrong)} of {count(max(files, len(wrong)), 'file')}"


def _document(results: Sequence[Checked]) -> dict[str, object]:
    return {
        "format": "1",
        "valid": not any(checked.errors for checked in results),
        "files": sum(checked.files for checked in results),
        "errors": [problem_document(problem) for checked in results for problem in checked.errors],
        "warnings": [problem_document(problem) for checked in results for problem in checked.warnings],
    }


def _annotations(results: Iterable[Checked]) -> list[str]:
    """Workflow commands, as GitHub's runner reads them from a step's output."""
    lines: list[str] = []
    for checked in results:
        lines += [_annotation("error", problem) for problem in checked.errors]
        lines += [_annotation("warning", problem) for problem in checked.warnings]
    return lines


def _annotation(level: str, problem: Problem) -> str:
    place = problem.place
    file = _in_property(place.file)
    return f"::{level} file={file},line={place.line},col={place.column}::{_in_message(wording(problem))}"


def _in_message(text: str) -> str:
    """Line ends become the runner's own escapes; whatever else a terminal acts upon is made visible."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return clean(escaped)


def _in_property(text: str) -> str:
    return _in_message(text).replace(":", "%3A").replace(",", "%2C")


class _ApiVersion(click.ParamType[tuple[int, int]]):
    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})", str(value), re.ASCII)
        if not match:
            self.fail(f"{value!r} is no version of the Engine API such as 1.44.", param, ctx)
        return int(match[1]), int(match[2])


@click.command(cls=Command, formats=("yaml", "json", "calls"), exits=(Exit.INVALID, Exit.SETTINGS))
@click.argument("path", required=False, type=PATH, metavar="[PATH]")
@names_a_stack
@reads_a_revision
@click.option(
    "--api-version",
    metavar="V",
    type=_ApiVersion(),
    help="With -o calls: the version of the Engine API, as in 1.44; else the newest known.",
)
@click.option("--newest", is_flag=True, help="With -f and its like: also read what Docker Compose 2.40 does not know.")
@click.pass_obj
def render(
    session: Session,
    path: Path | None,
    one: OneStack | None,
    revision: Revision,
    *,
    api_version: tuple[int, int] | None,
    newest: bool,
) -> int:
    """Print the resolved Compose model of each stack.

    One document a stack, in the order of their names, in the shape of `docker compose config`; with -o calls, what an
    engine would be asked for were nothing there yet. PATH is a compose file, a stack's directory or a repository's
    root; the current directory by default. With -f, -p and the options beside them it is one stack instead, named as
    for docker compose, and what Docker Compose 2.40 would refuse is refused.
    """
    if api_version and session.output != "calls":
        raise click.UsageError("--api-version is for -o calls.")
    about = target(session, path, replace(one, newest=newest) if one else None, revision)
    parts = session.parts
    rendered = parts.calls(about, api_version) if session.output == "calls" else parts.render(about)
    session.note(problem_lines(rendered.warnings, label="warning: "))
    for number, name in enumerate(sorted(rendered.documents)):
        _write(rendered.documents[name], session.output, first=number == 0)
    return Exit.DONE


def _write(document: Any, form: str, *, first: bool) -> None:
    if form != "yaml":
        write_json(document)
        return
    from agent.cli.yaml_text import yaml_text

    if not first:
        write_text("---\n")
    write_text(yaml_text(document))
