"""`validate` and `render`: what the files say, with no engine asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.parts import Checked
from agent.cli.text import clean, count, in_root, problem_document, problem_lines, wording
from agent.model import Problem

PATH = click.Path(exists=True, path_type=Path)


@click.command(
    cls=Command, formats=("text", "json", "github"), output_names=("--format",), exits=(Exit.INVALID, Exit.SETTINGS)
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH]...")
@click.pass_obj
def validate(session: Session, paths: Sequence[Path]) -> int:
    """Check the files, and say everything that is wrong.

    Each mistake is told with its file, line and column; with --format github they appear as marks in the pull
    request. PATH is a compose file, a stack's directory or a repository's root; the current directory by default.
    """
    results = [session.parts.check(session.target(path)) for path in paths or (Path(),)]
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
        session.note(problem_lines(checked.warnings, root=checked.root, label="warning: "))
        for line in problem_lines(checked.errors, root=checked.root):
            click.echo(line)


def _verdict(results: Sequence[Checked]) -> str:
    errors = sum(len(checked.errors) for checked in results)
    wrong = {in_root(problem.place.file, checked.root) for checked in results for problem in checked.errors}
    files = sum(checked.files for checked in results)
    if not errors:
        return f"{count(files, 'file')} checked, no errors"
    return f"{count(errors, 'error')} in {len(wrong)} of {count(max(files, len(wrong)), 'file')}"


def _document(results: Sequence[Checked]) -> dict[str, object]:
    return {
        "format": "1",
        "valid": not any(checked.errors for checked in results),
        "files": sum(checked.files for checked in results),
        "errors": [problem_document(problem, root=checked.root) for checked in results for problem in checked.errors],
        "warnings": [
            problem_document(problem, root=checked.root) for checked in results for problem in checked.warnings
        ],
    }


def _annotations(results: Iterable[Checked]) -> list[str]:
    """Workflow commands, as GitHub's runner reads them from a step's output."""
    lines: list[str] = []
    for checked in results:
        lines += [_annotation("error", problem, checked.root) for problem in checked.errors]
        lines += [_annotation("warning", problem, checked.root) for problem in checked.warnings]
    return lines


def _annotation(level: str, problem: Problem, root: str) -> str:
    place = problem.place
    file = _in_property(in_root(place.file, root))
    return f"::{level} file={file},line={place.line},col={place.column}::{_in_message(wording(problem))}"


def _in_message(text: str) -> str:
    """Line ends become the runner's own escapes; whatever else a terminal acts upon is made visible."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return clean(escaped)


def _in_property(text: str) -> str:
    return _in_message(text).replace(":", "%3A").replace(",", "%2C")


@click.command(cls=Command, formats=("yaml", "json"), exits=(Exit.INVALID, Exit.SETTINGS))
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@click.pass_obj
def render(session: Session, path: Path) -> int:
    """Print the resolved Compose model of each stack.

    One document a stack, in the order of their names, in the shape of `docker compose config`. PATH is a compose
    file, a stack's directory or a repository's root; the current directory by default.
    """
    models = session.parts.render(session.target(path))
    for number, name in enumerate(sorted(models)):
        if session.output == "json":
            write_json(models[name])
            continue
        import yaml

        if number:
            click.echo("---")
        click.echo(yaml.safe_dump(dict(models[name]), sort_keys=False, allow_unicode=True, width=120), nl=False)
    return Exit.DONE
