"""Services that wait for the health of others on a real engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, Event, Options, Waiting
from agent.model import Status
from agent.reconcile import Turn
from tests.kinds.rig import Rig
from tests.kinds.watching import watched

pytestmark = pytest.mark.engine


def checked(image: str, command: str, interval: str, retries: int) -> str:
    check = f"{{test: [CMD, {command}], interval: {interval}, retries: {retries}}}"
    return f"{{image: '{image}', stop_grace_period: 0s, healthcheck: {check}}}"


def behind(image: str, other: str, more: str = "") -> str:
    return f"{{image: '{image}', stop_grace_period: 0s, depends_on: {{{other}: {{condition: service_healthy{more}}}}}}}"


def test_what_waits_for_health_is_started_behind_the_check_that_passed(rig: Rig, busybox: str) -> None:
    healthy = "health_status: healthy"
    waited: list[str] = []

    def make_ready(_turn: Turn, event: Event) -> None:
        """Not before something waits for it."""
        if isinstance(event, Waiting) and not waited:
            waited.append(event.change.key.name)
            rig.engine.execute(rig.container("db")["Id"], {"Cmd": ["touch", "/tmp/ready"]}, 10)

    rig.reconciler = replace(rig.reconciler, listen=make_ready)
    db = checked(busybox, "test, -e, /tmp/ready", "200ms", retries=1000)
    with watched(rig, "start", healthy) as seen:
        assert rig.take(f"services:\n  db: {db}\n  web: {behind(busybox, 'db')}\n").synced
    first, second = (rig.container(service)["Id"] for service in ("db", "web"))
    assert seen == [("start", first), (healthy, first), ("start", second)]
    assert waited == [f"{rig.stack}-web-1"]


def test_what_waits_for_health_that_never_comes_is_not_made(rig: Rig, busybox: str) -> None:
    rig.options = Options(gate_timeout=2)
    rig.restart()
    report = rig.take(f"""\
        services:
          ill: {checked(busybox, "'false'", "100ms", retries=1)}
          slow: {checked(busybox, "'false'", "100ms", retries=1000)}
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
