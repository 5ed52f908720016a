"""Questions that the engine's report of a container answers; `listed_…` are answered by an entry of its list."""

from __future__ import annotations

from agent.kinds.base import Report
from agent.kinds.table import look, moment


def name_of(report: Report) -> str:
    return str(report.get("Name") or "").removeprefix("/")


def listed_name(entry: Report) -> str:
    """A list gives every name; those with another slash in them are links."""
    for name in entry.get("Names") or ():
        plain = str(name).removeprefix("/")
        if "/" not in plain:
            return plain
    return ""


def labels_of(report: Report) -> dict[str, str]:
    return look(report, "Config.Labels") or {}


def listed_labels(entry: Report) -> dict[str, str]:
    return entry.get("Labels") or {}


def image_of(report: Report) -> str:
    """The id of the image that a container was made from."""
    return str(report.get("Image") or "")


# --- how it fares -----------------------------------------------------------------------------------------------


def status_of(report: Report) -> str:
    return str(look(report, "State.Status") or "")


def is_up(report: Report) -> bool:
    """Whether it runs, or comes back by its restart policy."""
    return bool(look(report, "State.Running") or look(report, "State.Restarting"))


def has_ended(report: Report) -> bool:
    return status_of(report) in ("exited", "dead")


def ended_well(report: Report) -> bool:
    return status_of(report) == "exited" and not exit_code(report)


def is_paused(report: Report) -> bool:
    return bool(look(report, "State.Paused"))


def has_processes(report: Report) -> bool:
    """Whether a command can be run in the container, or could if it were not paused."""
    return bool(look(report, "State.Running")) and not look(report, "State.Restarting")


def exit_code(report: Report) -> int:
    return int(look(report, "State.ExitCode") or 0)


def started_at(report: Report) -> float | None:
    """When its present or last run began, in seconds since the epoch; None where that cannot be read."""
    return moment(report, "State.StartedAt")


def never_ran(report: Report) -> bool:
    """Whether it is known that it was never started."""
    began = started_at(report)
    return began is not None and began < 0


def runs_for(report: Report, now: float) -> float:
    """Seconds; less than nothing where the clocks do not agree or nobody knows."""
    began = started_at(report)
    return -1.0 if began is None else now - began


# --- with whom it shares something ------------------------------------------------------------------------------


def sharers(report: Report) -> list[str]:
    """The ids or names of the containers whose namespaces or volumes this one shares."""
    host = report.get("HostConfig") or {}
    return owners(report) + [str(entry).partition(":")[0] for entry in host.get("VolumesFrom") or ()]


def owners(report: Report) -> list[str]:
    """The ids or names of the containers whose namespaces this one is in."""
    host = report.get("HostConfig") or {}
    modes = [str(mode) for name in ("NetworkMode", "PidMode", "IpcMode") if (mode := host.get(name))]
    return [mode.partition(":")[2] for mode in modes if mode.startswith("container:")]


def linked(report: Report) -> list[str]:
    """The names of the containers that this one has links to. The engine forgets a link when its target is removed."""
    links = (report.get("HostConfig") or {}).get("Links") or ()
    return [str(link).partition(":")[0].lstrip("/") for link in links]
