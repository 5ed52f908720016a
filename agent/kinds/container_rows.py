"""How the rows of a container are made, and the fields that have a rule of their own.

A container's report holds its configuration as it was given, with the image's merged in and some of the daemon's
defaults; each row knows which. Where nothing was asked for and the daemon's default is not published, whatever is
there is right, unless something was asked for when the container was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.kinds.base import BUILD, comparable_labels
from agent.kinds.container_facts import (
    CGROUPS,
    Facts,
    environment,
    is_done,
    is_job,
    is_scheduled,
    mapping,
    named_owner,
    number,
    ports,
    program,
    security,
    system_paths,
    text,
    ulimits,
)
from agent.kinds.container_mounts import mounts, moved, named_volumes
from agent.kinds.container_networks import seen_mode
from agent.kinds.container_report import name_of
from agent.kinds.table import Row, Spec, look, replaced, set_or_none
from agent.model import Remedy
from agent.versions import of_its_time

Normal = Callable[[Any], Any]
HEALTHY, UNHEALTHY = "healthy", "unhealthy"
USUAL_RETRIES = 3  # checks that fail in a row until the engine calls it unhealthy, where it was given no number
KILLED = 128  # exit codes from here on tell of a signal

# --- makers of rows ---------------------------------------------------------------------------------------------


def plain(
    path: str, at: str, normal: Normal, *, remedy: Callable[[Any, Any], Remedy] = replaced, depth: int = 0
) -> Row[Facts]:
    """A field that is reported as it was asked for."""
    return Row(
        path,
        declared=lambda spec: set_or_none(look(spec["body"], at)),
        wanted=lambda facts: normal(facts.asked(at)),
        seen=lambda facts: normal(facts.seen(at)),
        remedy=remedy,
        depth=depth,
    )


def guarded(row: Row[Facts], told: Callable[[Facts], bool]) -> Row[Facts]:
    """The same row where the report tells; elsewhere whatever is seen is right and the fingerprint decides."""
    return Row(
        row.path,
        row.declared,
        wanted=lambda facts: row.wanted(facts) if told(facts) else row.seen(facts),
        seen=row.seen,
        remedy=row.remedy,
        depth=row.depth,
        told=lambda facts: told(facts) and row.told(facts),
        secret=row.secret,
    )


def supported(row: Row[Facts], flag: str) -> Row[Facts]:
    """A limit that an engine drops, with a warning, where the kernel does not have it."""
    return guarded(row, lambda facts: facts.daemon.get(flag) is not False)


def since(row: Row[Facts], api: tuple[int, int]) -> Row[Facts]:
    """A field that older engines do not know."""
    return guarded(row, lambda facts: facts.api >= api)


def of_daemon(path: str, at: str, normal: Normal) -> Row[Facts]:
    """A field that the daemon has a default for which it does not publish."""
    return guarded(plain(path, at, normal), lambda facts: set_or_none(facts.asked(at)) is not None)


def optional(path: str, at: str) -> Row[Facts]:
    """A number of which zero says something that null does not."""
    return Row(path, as_said(at), lambda facts: facts.asked(at), lambda facts: facts.seen(at))


def either_way(path: str, at: str) -> Row[Facts]:
    """A switch that the daemon has a default for: to say no is not to say nothing. What is off may say either."""
    row = optional(path, at)
    return guarded(row, lambda facts: facts.asked(at) is not None or bool(facts.seen(at)))


def swappiness(path: str, at: str) -> Row[Facts]:
    """Newer kernels have none, and the engine drops it then."""
    row = supported(of_daemon(path, at, text), "MemoryLimit")
    return guarded(row, lambda facts: facts.daemon.get(CGROUPS) != "2")


def where_kept(path: str, at: str, normal: Normal) -> Row[Facts]:
    """A limit that not every kernel has and that reads as none there; nothing tells which kernels have it."""
    return guarded(plain(path, at, normal), lambda facts: bool(facts.seen(at)))


def of_image(path: str, at: str, normal: Normal) -> Row[Facts]:
    """A field that the image sets where the container does not."""
    return Row(
        path,
        declared=lambda spec: set_or_none(look(spec["body"], at)),
        wanted=lambda facts: normal(facts.asked(at) or facts.default(at)),
        seen=lambda facts: normal(facts.seen(at)),
    )


def with_image(row: Row[Facts]) -> Row[Facts]:
    """A row that needs the image's configuration; when the image is gone only the fingerprint can tell."""
    return guarded(row, lambda facts: facts.image is not None)


# --- fields with a rule of their own ----------------------------------------------------------------------------


def environment_wanted(facts: Facts) -> dict[str, str]:
    merged = {**environment(facts.default("Env")), **environment(facts.asked("Env"))}
    return {name: value for name, value in merged.items() if value is not None}


def environment_seen(facts: Facts) -> dict[str, str]:
    return {name: value for name, value in environment(facts.seen("Env")).items() if value is not None}


def entrypoint_wanted(facts: Facts) -> tuple[str, ...]:
    """Null is the image's, an empty list is none, and so is a list of one empty word."""
    asked = facts.asked("Entrypoint")
    return program(facts.default("Entrypoint") if asked is None else asked)


def command_wanted(facts: Facts) -> tuple[str, ...]:
    """The image's command counts only where neither a command nor an entrypoint was asked for."""
    asked = facts.asked("Cmd")
    return program(facts.default("Cmd") if not asked and not facts.asked("Entrypoint") else asked)


def as_said(at: str) -> Callable[[Spec], Any]:
    """For a list that says something when it is empty: it clears what the image says."""
    return lambda spec: look(spec["body"], at)


def command_declared(spec: Spec) -> Any:
    """An entrypoint without a command says that there is none."""
    asked = look(spec["body"], "Cmd")
    return [] if asked is None and look(spec["body"], "Entrypoint") else asked


def program_seen(at: str) -> Callable[[Facts], tuple[str, ...]]:
    return lambda facts: program(facts.seen(at))


def labels_wanted(facts: Facts) -> dict[str, str]:
    asked = mapping(facts.asked("Labels"))
    return comparable_labels({**mapping(facts.default("Labels")), **asked}, asked)


def labels_declared(spec: Spec) -> dict[str, str] | None:
    asked = mapping(look(spec["body"], "Labels"))
    return comparable_labels(asked, asked) or None


HEALTH = {
    "test": "Test",
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
    "retries": "Retries",
}


def health(check: Any, facts: Facts) -> dict[str, Any]:
    said = {name: look(check, key) for name, key in HEALTH.items() if facts.api >= (1, 44) or key != "StartInterval"}
    if not said["test"] or said["test"] == ["NONE"]:
        return {}
    return {name: tuple(value) if name == "test" else value for name, value in said.items() if value}


def health_wanted(facts: Facts) -> dict[str, Any]:
    """A check that says only some things takes the others from the image's."""
    asked, default = mapping(facts.asked("Healthcheck")), mapping(facts.default("Healthcheck"))
    return health({**default, **{key: value for key, value in asked.items() if value}}, facts)


def hostname_wanted(facts: Facts) -> str:
    return text(facts.asked("Hostname"))


def hostname_seen(facts: Facts) -> str:
    """Unset, it is the beginning of the id, or the name of whoever's network or namespace is shared."""
    seen = text(facts.seen("Hostname"))
    shared = _shares_name(facts) and not facts.asked("Hostname")
    return "" if seen == text(facts.report.get("Id"))[:12] or shared else seen


def domainname_seen(facts: Facts) -> str:
    """Unset, it goes with the host name."""
    return "" if _shares_name(facts) and not facts.asked("Domainname") else text(facts.seen("Domainname"))


def _shares_name(facts: Facts) -> bool:
    mode = seen_mode(facts.report, facts.names)
    return mode == "host" or mode.startswith("container:") or facts.seen("HostConfig.UTSMode") == "host"


def exposed_wanted(facts: Facts) -> tuple[str, ...]:
    return ports({*(facts.asked("ExposedPorts") or ()), *(facts.default("ExposedPorts") or ())})


def mounts_wanted(facts: Facts) -> dict[str, str]:
    """A copy of a file of this host is wanted; the file itself will do while it is what the container began with, and
    so will the same in the container itself."""
    volumes = {**mapping(facts.default("Volumes")), **mapping(facts.asked("Volumes"))}
    host = mapping(facts.asked("HostConfig"))
    host["Mounts"] = of_its_time(host.get("Mounts") or [], facts.api)
    asked, seen = mounts(host, volumes, named_volumes(host)), mounts_seen(facts)
    wanted = {target: words for target, words in asked.items() if target in seen or target not in facts.injected}
    for copy, path in mapping(facts.spec.get("lying")).items():
        for target, words in wanted.items():
            if path in facts.unmoved and seen.get(target) == moved(words, copy, path):
                wanted[target] = seen[target]
    return wanted


def mounts_seen(facts: Facts) -> dict[str, str]:
    named = named_volumes(mapping(facts.asked("HostConfig")))
    return mounts(mapping(facts.report.get("HostConfig")), mapping(facts.seen("Volumes")), named)


def mounts_declared(spec: Spec) -> dict[str, str] | None:
    host = mapping(look(spec["body"], "HostConfig"))
    return mounts(host, mapping(look(spec["body"], "Volumes")), named_volumes(host)) or None


def swap(body: Mapping[str, Any]) -> int:
    """Memory and swap together; unset it is twice the memory."""
    host = mapping(body.get("HostConfig"))
    return number(host.get("MemorySwap")) or 2 * number(host.get("Memory"))


def log_driver(facts: Facts) -> str:
    return text(facts.asked("HostConfig.LogConfig.Type") or facts.daemon.get("LoggingDriver"))


def log_defaults(facts: Facts) -> dict[str, str]:
    """Options beyond those asked for: on the daemon's own driver a container gets the daemon's, which are not told."""
    if log_driver(facts) != text(facts.daemon.get("LoggingDriver")):
        return {}
    asked = mapping(facts.asked("HostConfig.LogConfig.Config"))
    return {k: v for k, v in mapping(facts.seen("HostConfig.LogConfig.Config")).items() if k not in asked}


def ulimit_defaults(facts: Facts) -> dict[str, str]:
    asked = ulimits(facts.asked("HostConfig.Ulimits"))
    return {name: both for name, both in ulimits(facts.seen("HostConfig.Ulimits")).items() if name not in asked}


def security_seen(facts: Facts) -> tuple[str, ...]:
    """The engine itself adds `label=disable` to what shares namespaces with the host."""
    wanted = security(facts.asked("HostConfig.SecurityOpt"))
    seen = security(facts.seen("HostConfig.SecurityOpt"))
    return tuple(option for option in seen if option != "label=disable" or option in wanted)


def system_paths_row(path: str, at: str) -> Row[Facts]:
    def wanted(facts: Facts) -> Any:
        asked = system_paths(facts.asked(at))
        return seen(facts) or None if asked is None else asked

    def seen(facts: Facts) -> Any:
        return system_paths(facts.seen(at))

    return Row(path, lambda spec: system_paths(look(spec["body"], at)), wanted, seen)


def namespace(path: str, at: str) -> Row[Facts]:
    """A namespace that may be another container's: asked for by name, reported by id."""
    return Row(
        path,
        plain(path, at, text).declared,
        lambda facts: named_owner(text(facts.asked(at)), facts.names),
        lambda facts: named_owner(text(facts.seen(at)), facts.names),
    )


def build_row() -> Row[Facts]:
    """The digest of what its image was built from, "" where it was built elsewhere and nobody asks."""

    def seen(facts: Facts) -> str:
        return text((facts.default("Labels") or {}).get(BUILD)) if facts.spec.get("build") else ""

    return with_image(
        Row("build", lambda spec: spec.get("build") or None, lambda facts: text(facts.spec.get("build")), seen)
    )


def network_ids(facts: Facts) -> Mapping[str, frozenset[str]]:
    """By which it is told that a network was made anew: what is done holds on to none, and a start puts it into it."""
    return {} if is_done(facts.spec, facts.report) else facts.networks


def links_told(facts: Facts) -> bool:
    """In a network of its own a container has the links of that, and these are neither made nor reported."""
    return seen_mode(facts.report, facts.names) == "bridge"


def image_wanted(facts: Facts) -> str:
    return facts.local if _told_by_id(facts) else text(facts.asked("Image"))


def image_seen(facts: Facts) -> str:
    """The reference that it was made from, or, where that is the wanted one and known here, the id behind it."""
    return text(facts.report.get("Image")) if _told_by_id(facts) else text(facts.seen("Image"))


def _told_by_id(facts: Facts) -> bool:
    """Whether it was made from the wanted reference, or from the very image that is wanted."""
    return bool(facts.local) and text(facts.seen("Image")) in (text(facts.asked("Image")), facts.local)


def state_declared(spec: Spec) -> str | None:
    """What is not to stay: one that has ended and is to stay from now on was not stopped by anybody."""
    return "scheduled" if is_scheduled(spec) else "completed" if is_job(spec) else None


def state_seen(facts: Facts) -> str:
    """`running` for what is as wanted: a job that is done is, one that waits for its time, and what its restart policy
    is bringing back."""
    state = mapping(facts.report.get("State"))
    status, code = text(state.get("Status")), number(state.get("ExitCode"))
    if status in ("created", "exited") and is_scheduled(facts.spec):
        return "running"
    if status == "restarting" or is_done(facts.spec, facts.report):
        return "running"
    if status == "exited" and is_job(facts.spec) and code < KILLED:
        return f"failed ({code})" if facts.spec.get("state") == "completed" else "running"
    return f"exited ({code})" if status == "exited" else status


def files_wanted(facts: Facts) -> dict[str, str]:
    return dict.fromkeys(facts.rewritten, "as when it was started")


def files_seen(facts: Facts) -> dict[str, str]:
    return dict.fromkeys(facts.rewritten, "written since")


def namespaces_wanted(facts: Facts) -> dict[str, str]:
    return dict.fromkeys(facts.outdated, "of its present start")


def namespaces_seen(facts: Facts) -> dict[str, str]:
    return dict.fromkeys(facts.outdated, "of an earlier start")


def health_seen(facts: Facts) -> str:
    """Said of what runs only, and where the stack wants it healed. The engine calls one unhealthy too that is paused or
    between two runs, and until the next check after that; then not so many checks in a row have failed."""
    state = mapping(facts.report.get("State"))
    failed, enough = look(state, "Health.FailingStreak"), look(facts.report, "Config.Healthcheck.Retries")
    fails = look(state, "Health.Status") == UNHEALTHY and number(failed) >= (number(enough) or USUAL_RETRIES)
    return UNHEALTHY if facts.heals and fails and state.get("Running") else HEALTHY


def state_remedy(seen: Any, _wanted: Any) -> Remedy:
    return Remedy.REPLACE if seen in ("dead", "removing") else Remedy.IN_PLACE


def name_seen(facts: Facts) -> str:
    return name_of(facts.report)
