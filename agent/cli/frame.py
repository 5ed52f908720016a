"""What all commands share: their options, where an option may stand, and the end of every help text.

The shared options may stand before and after the command's name, and each has a variable for all commands
(WINDLASS_HOST) and one for a single command (WINDLASS_PLAN_HOST). What is nearer to the user's hand wins: the command
line over the environment, and the command over the group.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from agent import __version__
from agent.cli.errors import MEANINGS, Ended, Exit, failure_document, reporting
from agent.cli.needs import Parts
from agent.errors import Trouble
from agent.target import OneStack, Target

_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_HERE = Path()
_HELP_NAMES = ["-h", "--help"]
_BEYOND_ASCII = re.compile("[^\x00-\x7e\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Session:
    """One command's run: the agent's parts, and what the shared options say."""

    parts: Parts
    state_dir: Path | None = None
    docker_host: str | None = None
    host: str | None = None
    instance: str | None = None
    config: Path | None = None
    output: str = "text"
    quiet: bool = False
    verbose: bool = False

    def target(self, path: Path = _HERE, one: OneStack | None = None) -> Target:
        """What the command is about: the files at a path or one stack, and the host of the shared options."""
        return Target(path, one, self.state_dir, self.docker_host, self.host, self.instance, self.config)

    def note(self, lines: Iterable[str]) -> None:
        """For people, beside the data: on stderr, and not with --quiet."""
        for line in () if self.quiet else lines:
            click.echo(line, err=True)


def write_json(document: Any) -> None:
    """One value on stdout, which no terminal acts upon."""
    write_text(f"{json_text(document)}\n")


def write_text(text: str) -> None:
    """What programs read, on stdout: UTF-8 whatever the locale is, for it names no other encoding."""
    click.echo(text.encode("utf-8", "backslashreplace"), nl=False)


def json_text(document: Any) -> str:
    """ASCII but for what ASCII would take two escapes for, which YAML does not know: JSON shall be read as YAML too."""
    return _BEYOND_ASCII.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(document, indent=2, ensure_ascii=False)
    )


def _from_here(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:  # noqa: ARG001 - the shape of a callback
    """As with any other path of a command line; one in a settings file has to be absolute."""
    return value.absolute() if value is not None else None


def shared_options(formats: Sequence[str], names: Sequence[str] = (), *, variables: bool = False) -> list[click.Option]:
    """The options of every command. The group, with `variables`, also listens to what Docker's own client does."""
    docker_variables = ["WINDLASS_DOCKER_HOST", "DOCKER_HOST"] if variables else None
    options = [
        click.Option(
            ["--state-dir"],
            type=click.Path(path_type=Path, file_okay=False),
            callback=_from_here,
            help="Where the agent keeps its state.",
        ),
        click.Option(["--docker-host"], metavar="URL", envvar=docker_variables, help="The Docker Engine to talk to."),
        click.Option(["--host"], metavar="NAME", help="The name of this host; the machine's own by default."),
        click.Option(
            ["-c", "--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="The settings file; /etc/windlass/agent.yaml where that is there.",
        ),
        click.Option(["--instance"], metavar="NAME", help="Tells apart agents that share one engine."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but data and errors."),
        click.Option(["-v", "--verbose"], is_flag=True, help="Say more."),
        click.Option(
            ["--color"], type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours in the output."
        ),
    ]
    if formats:
        default = formats[0]
        output = click.Option(
            ["-o", "--output", *names, "output"], type=click.Choice(formats), default=default, show_default=True,
            help="The form of the output.",
        )  # fmt: skip
        options.insert(0, output)
    return options


class Command(click.Command):
    """A command that gets a `Session` and returns its exit code.

    `formats` are the forms of its output, the default first; `exits` the codes that its help explains beside the
    ones that any command may end with.
    """

    def __init__(
        self,
        name: str | None,
        *,
        formats: Sequence[str] = (),
        output_names: Sequence[str] = (),
        exits: Sequence[Exit] = (),
        **settings: Any,
    ) -> None:
        super().__init__(name, **settings)
        self.exits = tuple(sorted({*exits, Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.INTERRUPTED, Exit.TERMINATED}))
        self._shared = shared_options(formats, output_names)
        self.params += self._shared

    def invoke(self, ctx: click.Context) -> Any:
        chosen = {option.name: _choose(ctx, option) for option in self._shared if option.name}
        for name in chosen:
            del ctx.params[name]
        ctx.color = ctx.find_root().color = _color(chosen.pop("color"))  # errors are told at the root
        ctx.obj = session = Session(parts=ctx.obj, **chosen)
        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            if session.output == "json":
                write_json(failure_document(trouble))
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        first = next(param.name for param in self.params if isinstance(param, click.Option) and param.name)
        _write_epilog(formatter, self.exits, f"{ctx.auto_envvar_prefix}_{first.upper()}")


def _choose(ctx: click.Context, option: click.Option) -> Any:
    """The value that is nearest to the user's hand."""
    name = option.name or ""
    for source in _GIVEN:
        for level in (ctx, ctx.parent):
            if level is None or level.get_parameter_source(name) is not source:
                continue
            value = level.params[name]
            if level is ctx or name != "output" or value in _formats(option):
                return value
            if source is ParameterSource.COMMANDLINE:
                raise click.BadParameter(f"{value!r} is not one of {', '.join(_formats(option))}.", ctx, option)
    return ctx.params[name]


def _formats(option: click.Option) -> Sequence[str]:
    return tuple(option.type.choices) if isinstance(option.type, click.Choice) else ()


def _color(wish: str) -> bool | None:
    """None leaves it to whether the stream is a terminal."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("CLICOLOR_FORCE", "0") != "0" else None


def _write_epilog(formatter: click.HelpFormatter, exits: Iterable[Exit], variable: str) -> None:
    with formatter.section("Exit codes"):
        formatter.write_dl([(str(int(code)), MEANINGS[code]) for code in exits])
    formatter.write_paragraph()
    formatter.write_text(f"Every option can be given by a variable as well, as in {variable}=…")


class Group(click.Group):
    """The program. Its `main` is where every command ends, whoever called it.

    `commands` tells in which module each command stands under its name; it is imported when the command is called.
    """

    command_class = Command

    def __init__(self, commands: Mapping[str, str], **settings: Any) -> None:
        super().__init__(
            context_settings={"help_option_names": _HELP_NAMES, "auto_envvar_prefix": "WINDLASS"},
            params=shared_options(("text", "json", "yaml"), variables=True),
            **settings,
        )
        click.version_option(__version__, prog_name="windlass", message="%(prog)s %(version)s")(self)
        self._modules = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in self._modules:
            return None
        command: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
        return command

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """As click's, but with our messages and exit codes."""
        extra |= {"standalone_mode": False, "prog_name": "windlass"}
        try:
            with reporting():
                code = super().main(*args, **extra)
                sys.stdout.flush()
        except Ended as ended:
            sys.exit(int(ended.code))
        sys.exit(int(code or 0))

    def invoke(self, ctx: click.Context) -> Any:
        """Inside click's own `main`, which would end with 1 when a reader goes away."""
        with reporting():
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        _write_epilog(formatter, Exit, "WINDLASS_STATE_DIR")
