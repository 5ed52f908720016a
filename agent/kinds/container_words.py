"""How a container ended and what it said last, without the secrets that it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from agent.kinds.base import Report
from agent.kinds.container_report import exit_code, status_of
from agent.kinds.table import look
from agent.secrecy import looks_secret, without_secrets, without_values

HOOK_FAILED = "HookFailed"
MOST = 4096  # bytes of a secret's file that are looked for in what a container says
_IN_MEMORY = "/run/"  # where secrets lie, here and in the container


def exit_text(report: Report) -> str:
    """How it ended; what the engine has to say about a start that failed stands in its error, the command included.

    Of one that runs again the engine reports the exit code 0, whatever the one before was: nothing is said of it.
    """
    if status_of(report) == "running":
        return "it ended, and its restart policy started it again"
    killed = ", out of memory" if look(report, "State.OOMKilled") else ""
    error = redacted(str(look(report, "State.Error") or ""), report)
    return f"exit code {exit_code(report)}{killed}" + (f": {error}" if error else "")


def stays(reference: str) -> str:
    """Why a container is left of the image that it ran."""
    return (
        f"stays of the image that it ran: the one that {reference} stands for by now was tried and did not become good."
        " Push a newer one, or have it tried again (windlass sync)"
    )


def last_words(report: Report, logs: Callable[[str], str]) -> str:
    """How it ended, and the last lines that it wrote."""
    return f"{exit_text(report)}{said_by(report, logs)}"


def said_by(report: Report, logs: Callable[[str], str]) -> str:
    """The last lines that it wrote, each on a line of its own, to be put behind what is told of it; "" where it wrote
    none."""
    said = redacted(logs(str(report["Id"])).rstrip(), report)
    return f"\n{said}" if said else ""


def redacted(text: str, report: Report) -> str:
    """The lines without what the container was given as secrets, and without what looks like one."""
    told = without_values(text, (*_of_environment(report), *_of_files(report)))
    return "\n".join(map(without_secrets, told.splitlines()))


def _of_environment(report: Report) -> Iterator[str]:
    for entry in look(report, "Config.Env") or ():
        name, _, value = str(entry).partition("=")
        if looks_secret(name):
            yield value


def _of_files(report: Report) -> Iterator[str]:
    """What was mounted of secrets: they are files in memory."""
    for mount in report.get("Mounts") or ():
        source, target = str(mount.get("Source") or ""), str(mount.get("Destination") or "")
        if mount.get("Type") == "bind" and source.startswith(_IN_MEMORY) and target.startswith(_IN_MEMORY):
            yield _read(Path(source))


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST).decode("utf-8", "replace").strip()
    except OSError:
        return ""
