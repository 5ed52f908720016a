"""`run`, the agent itself, and `version`."""

from __future__ import annotations

import click

from agent.cli.errors import Exit
from agent.cli.frame import Command, Session, write_json
from agent.cli.text import clean, columns


@click.command(cls=Command, exits=(Exit.UNHEALTHY, Exit.INVALID, Exit.LOCKED, Exit.SETTINGS))
@click.option("--repo", metavar="URL", help="The repository, or a directory, that says what this host should be.")
@click.option("--ref", metavar="REF", help="Its branch, tag or commit.")
@click.option("--path", metavar="DIR", help="The directory inside it.")
@click.option("--interval", metavar="TIME", help="How often to ask for a new revision, as in 30s or 5m.")
@click.option("--listen", metavar="ADDRESS:PORT", help="Where to serve metrics, health and the status page.")
@click.option("--mode", type=click.Choice(["apply", "plan"]), help="Change the host, or only say what would change.")
@click.option("--log-format", type=click.Choice(["console", "json"]), help="The form of the log, on stderr.")
@click.option("--once", is_flag=True, help="Do one turn of everything, wait for health, then end.")
@click.pass_obj
def run(session: Session, /, log_format: str | None, once: bool, **given: str | None) -> int:
    """Run the agent, which keeps this host as git says.

    What is not given here comes from the settings file, read at the start, then from the defaults. SIGHUP asks for a
    new revision now; SIGTERM ends the agent when the steps under way are done, in at most two minutes.
    """
    state_dir = str(session.state_dir) if session.state_dir else None
    given |= {"state_dir": state_dir, "host": session.host, "docker_host": session.docker_host}
    given |= {"instance": session.instance}
    given |= {"log.format": log_format, "log.level": _log_level(session)}
    return session.parts.run(session.config, given, once=once)


def _log_level(session: Session) -> str | None:
    if session.verbose:
        return "debug"
    return "warning" if session.quiet else None


@click.command(cls=Command, formats=("text", "json"))
@click.pass_obj
def version(session: Session) -> int:
    """Show the versions of the agent and its parts; of git and of the engine where they answer."""
    versions = session.parts.version(session.target())
    if session.output == "json":
        write_json(versions)
    else:
        for line in columns([(name, clean(version)) for name, version in versions.items()]):
            click.echo(line)
    return Exit.DONE
