"""Services that wait for the health of others on a real engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, Options
from agent.model import Status
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine


def checked(image: str, command: str, interval: str, retries: int = 3) -> str:
    check = f"{{test: [CMD, '{command}'], interval: {interval}, retries: {retries}}}"
    return f"{{image: '{image}', stop_grace_period: 0s, healthcheck: {check}}}"


def behind(image: str, other: str, more: str = "") -> str:
    return f"{{image: '{image}', stop_grace_period: 0s, depends_on: {{{other}: {{condition: service_healthy{more}}}}}}}"


def moment(entry: Mapping[str, Any], member: str) -> datetime:
    return datetime.fromisoformat(entry[member])


def test_what_waits_for_health_is_started_behind_the_check_that_passed(rig: Rig, busybox: str) -> None:
    """The first check comes a second after the start."""
    assert rig.take(f"services:\n  db: {checked(busybox, 'true', '1s')}\n  web: {behind(busybox, 'db')}\n").synced
    first = rig.container("db")["State"]["Health"]["Log"][0]
    assert first["ExitCode"] == 0
    assert moment(rig.container("web")["State"], "StartedAt") >= moment(first, "End")


def test_what_waits_for_health_that_never_comes_is_not_made(rig: Rig, busybox: str) -> None:
    rig.options = Options(gate_timeout=2)
    rig.restart()
    report = rig.take(f"""\
        services:
          ill: {checked(busybox, "false", "100ms", retries=1)}
          slow: {checked(busybox, "false", "100ms", retries=1000)}
          of-ill: {behind(busybox, "ill")}
          of-slow: {behind(busybox, "slow")}
          anyway: {behind(busybox, "ill", ", required: false")}
    """)
    ends = {one.change.key.name: (one.status, one.reason) for one in report.outcomes}
    of = {name: ends[f"{rig.stack}-{name}-1"] for name in ("ill", "slow", "of-ill", "of-slow", "anyway")}
    assert of == {
        "ill": (Status.DONE, ""),
        "slow": (Status.DONE, ""),
        "of-ill": (Status.FAILED, DEPENDENCY_FAILED),
        "of-slow": (Status.FAILED, DEPENDENCY_TIMEOUT),
        "anyway": (Status.DONE, ""),
    }
    for name in ("of-ill", "of-slow"):
        assert rig.engine.inspect_container(f"{rig.stack}-{name}-1") is None
