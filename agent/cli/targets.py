"""Which files a command is about: the stacks at a path, one stack named by the options of `docker compose`, or those of
a revision."""

from __future__ import annotations

import functools
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from agent.cli.frame import Session
from agent.target import OneStack, Target

R = TypeVar("R")

PATH = click.Path(exists=True, path_type=Path)
_FILE = click.Path(path_type=Path)


def _is_special(path: str) -> bool:
    """Whether a pipe or a device is there, as far as one may look."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - it may be no path at all
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


class _Named(click.Path):
    """A file of this machine: what Compose takes besides has no place that an error could name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        if text == "-":
            self.fail("standard input is not read: write it to a file, and name that.", param, ctx)
        if "://" in text or text.startswith(("oci:", "git@")):
            self.fail(f"{text!r} is not on this machine: fetch it, and name the file.", param, ctx)
        if _is_special(text):
            self.fail(f"{text!r} is a pipe or a device: write it to a file, and name that.", param, ctx)
        return super().convert(value, param, ctx)


_OPTIONS = (
    click.Option(
        ["-f", "--file", "files"], multiple=True, metavar="FILE", type=_Named(path_type=Path),
        help="A Compose file of one stack; later ones override. Else looked for here and in the directories above.",
    ),
    click.Option(
        ["--project-directory"], metavar="DIR", type=_FILE,
        help="What relative paths mean; else the directory of the first file.",
    ),
    click.Option(["-p", "--project-name"], metavar="NAME", help="The name of the stack."),
    click.Option(
        ["--profile", "profiles"], multiple=True, metavar="NAME", help="Turn on the services of a profile; * for all.",
    ),
    click.Option(
        ["--env-file", "env_files"], multiple=True, metavar="FILE", type=_FILE,
        help="Variables, in place of the .env file; later ones override.",
    ),
    click.Option(
        ["--os-env"], is_flag=True,
        help="Let the files see the variables of this process, COMPOSE_FILE and its like included.",
    ),
)  # fmt: skip


def names_a_stack(function: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options that name one stack, and passes them on as `one`; None where there is none."""

    @functools.wraps(function)
    def command(*args: Any, **given: Any) -> R:
        chosen = {option.name: given.pop(option.name) for option in _OPTIONS if option.name}
        one = OneStack(**{name: value for name, value in chosen.items() if value})
        return function(*args, one=None if one == OneStack() else one, **given)

    _add_options(command, function, _OPTIONS)
    return command


class Revision(NamedTuple):
    """What is read in place of what lies on the disk: a revision of the repository there, or of another one."""

    rev: str = ""
    repo: str = ""


def _not_empty(context: click.Context, option: click.Parameter, value: str) -> str:
    """An empty variable of a script is no word for what lies there."""
    source = context.get_parameter_source(option.name or "")
    if not value and source is not ParameterSource.DEFAULT:
        raise click.BadParameter("it is empty.")
    return value


_REVISION_OPTIONS = (
    click.Option(
        ["--rev"], metavar="REF", default="", callback=_not_empty,
        help="Read a branch, tag, commit or pull request (pull/123/head) of the repository, not what lies there.",
    ),
    click.Option(
        ["--repo"], metavar="URL", default="", callback=_not_empty,
        help="With --rev: another repository than the one that PATH is in. It is fetched into the state directory.",
    ),
)  # fmt: skip


def reads_a_revision(function: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options that name a revision, and passes them on as `revision`."""

    @functools.wraps(function)
    def command(*args: Any, rev: str, repo: str, **given: Any) -> R:
        return function(*args, revision=Revision(rev, repo), **given)

    _add_options(command, function, _REVISION_OPTIONS)
    return command


def _add_options(command: Callable[..., Any], function: Callable[..., Any], options: Sequence[click.Option]) -> None:
    """As click's own decorators leave them: the last of the options first."""
    command.__click_params__ = [*getattr(function, "__click_params__", []), *reversed(options)]  # type: ignore[attr-defined]


class Part(NamedTuple):
    """Which part of what is there is meant: some of its stacks, and whether what is wanted no more is removed."""

    stacks: tuple[str, ...] = ()
    prune: bool | None = None


_PART_OPTIONS = (
    click.Option(
        ["--stack", "stacks"], multiple=True, metavar="NAME",
        help="Of the stacks there, this one alone; may be given more than once.",
    ),
    click.Option(
        ["--prune/--no-prune", "prune"], default=None,
        help="Whether what is wanted no more is removed; else as the settings say.",
    ),
)  # fmt: skip


def takes_a_part(function: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options that leave out something, and passes them on as `part`."""

    @functools.wraps(function)
    def command(*args: Any, stacks: tuple[str, ...], prune: bool | None, **given: Any) -> R:
        return function(*args, part=Part(tuple(dict.fromkeys(stacks)), prune), **given)

    _add_options(command, function, _PART_OPTIONS)
    return command


_ON_DISK = Revision()
ALL = Part()


def target(
    session: Session, path: Path | None, one: OneStack | None, revision: Revision = _ON_DISK, part: Part = ALL
) -> Target:
    """What a command is about. Raises `click.UsageError` where a path and options say it both."""
    if one and revision.repo:
        raise click.UsageError(f"--repo is read as the agent reads it, from its root: leave out {words(one)}.")
    if path and revision.repo:
        raise click.UsageError("--repo is read as the agent reads it, from its root: leave out PATH.")
    if one and path:
        instead = ["-f", str(path)] if path.is_file() else ["--project-directory", str(path)]
        raise click.UsageError(
            f"a PATH is read as a repository, and cannot be had with {words(one)}:"
            f" name the stack by `{shlex.join(instead)}` as well, without PATH."
        )
    if one and part.stacks:
        raise click.UsageError(f"{words(one)} name one stack already: leave out --stack.")
    said = replace(session.target(path or Path(), one), named=path == Path())
    return replace(said, **revision._asdict(), **part._asdict())


def words(one: OneStack) -> str:
    """The options as a user types them."""
    typed: list[str] = []
    for name, values in (("-f", one.files), ("--env-file", one.env_files), ("--profile", one.profiles)):
        for value in values:
            typed += [name, str(value)]
    typed += ["--project-directory", str(one.project_directory)] if one.project_directory else []
    typed += ["-p", one.project_name] if one.project_name else []
    typed += ["--os-env"] if one.os_env else []
    return shlex.join(typed)
