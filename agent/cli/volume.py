"""`volume`: the volumes that outlived their use, and the only way to remove one."""

from __future__ import annotations

import sys

import click

from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.text import clean, columns

_TITLES = ("VOLUME", "STACK", "MADE")


@click.command(cls=Command, formats=("text", "json"), exits=(Exit.SETTINGS,))
@click.argument("what", type=click.Choice(["ls", "rm"]), metavar="ls|rm")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--confirm", metavar="NAME", help="The volume's name once more, instead of being asked for it.")
@click.pass_obj
def volume(session: Session, what: str, name: str | None, confirm: str | None) -> int:
    """List the orphaned volumes, or remove one of them with its data.

    Volumes are never removed by the agent. One is orphaned when this agent made it, no container has it, and nothing
    in the source wants it any more. To remove one, its name is to be typed a second time.
    """
    if what == "ls":
        if name or confirm:
            raise click.UsageError("ls takes no NAME.")
        return _list(session)
    if not name:
        raise click.UsageError("say which one: windlass volume rm NAME. `windlass volume ls` lists them.")
    return _remove(session, name, confirm)


def _list(session: Session) -> int:
    orphans = session.parts.orphans(session.target()).all()
    if session.output == "json":
        write_json({"format": "1", "orphaned": [one._asdict() for one in orphans]})
    elif orphans:
        for line in columns([_TITLES, *(tuple(map(clean, one)) for one in orphans)]):
            click.echo(line)
    else:
        session.note(["No volume is orphaned."])
    return Exit.DONE


def _remove(session: Session, name: str, confirm: str | None) -> int:
    typed = confirm if confirm is not None else _asked(name)
    if typed != name:
        click.echo(f"{clean(typed)!r} is another name: nothing was removed.", err=True)
        return Exit.FAILED
    gone = session.parts.orphans(session.target()).remove(name)
    if session.output == "json":
        write_json({"format": "1", "removed": gone._asdict()})
    elif not session.quiet:
        click.echo(f"Removed volume {clean(name)} and its data.")
    return Exit.DONE


def _asked(name: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"nobody is there to be asked: add --confirm {clean(name)}.")
    answer: str = click.prompt(f"Its data will be gone. Type the name of the volume {clean(name)}", err=True)
    return answer.strip()
