"""How a service says when it runs as a job, and what such a service cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from agent.compose.amounts import DURATION
from agent.compose.findings import At
from agent.compose.nodes import Broken, Map
from agent.compose.shapes import TEXT, Shape, is_text, wrong
from agent.compose.units import nanoseconds
from agent.compose.validate import replicas_of
from agent.cron import mistake_in

_AN_HOUR: Final = "0 * * * *"  # any expression will do where only the time zone is looked at


def _read_cron(value: Any, at: At) -> Any:
    if not is_text(value):
        return wrong(value, "a string", at)
    mistake = mistake_in(value, "")
    return at.problem(mistake[1]) if mistake else " ".join(value.split())


def _read_timezone(value: Any, at: At) -> Any:
    text = TEXT.read(value, at)
    mistake = None if isinstance(text, Broken) else mistake_in(_AN_HOUR, text)
    return at.problem(mistake[1]) if mistake else text


def _read_timeout(value: Any, at: At) -> Any:
    text = DURATION.read(value, at)
    if isinstance(text, Broken) or nanoseconds(text) > 0:
        return text
    return at.problem("is no time in which a run could end", "write how long one may take, as in 1h")


def short_schedule(value: Any, at: At) -> Any:
    """`schedule: "0 3 * * *"` as a mapping."""
    if not is_text(value):
        return value
    long = Map(at.place)
    long.put("cron", value, at.place, at.place)
    return long


CRON: Final = replace(TEXT, read=_read_cron)
TIMEZONE: Final = replace(TEXT, read=_read_timezone)
TIMEOUT: Final[Shape] = replace(DURATION, read=_read_timeout)


def check_job(service: Map, schedule: At) -> None:
    """What runs at times is started by nobody else, and in one container. `schedule` is where its times are said."""
    if policy := _restart_policy(service):
        schedule.problem(
            f"the service is restarted by the engine ({policy}) whenever a run ends", "leave out its restart policy"
        )
    if (count := replicas_of(service)) > 1:
        schedule.problem(f"a job runs in one container, and {count} are asked for", "leave out the number of replicas")


def check_waits(service: Map, at: At, jobs: Mapping[str, object]) -> None:
    """Nothing can wait for what runs at times only. `jobs` are the services that do."""
    waits = service.get("depends_on") or Map(service.place)
    for name in waits:
        if name in jobs:
            below = at.of(service, "depends_on").below(name, waits.key_place(name))
            below.problem(f'the service "{name}" runs at times only (x-windlass.schedule), so nothing can wait for it')


def _restart_policy(service: Map) -> str:
    """The words that have the engine start a container again, "" where none do. That of `deploy` counts first."""
    deploy = service.get("deploy") or {}
    if "restart_policy" in deploy:
        condition = (deploy["restart_policy"] or {}).get("condition") or "any"
        return "" if condition in ("none", "no") else f"deploy.restart_policy: {condition}"
    said = str(service.get("restart") or "no")
    return "" if said == "no" else f"restart: {said}"
