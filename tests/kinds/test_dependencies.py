"""Services that wait for the health of others on a real engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, Event, Waiting
from agent.model import Status
from agent.reconcile import Turn
from tests.kinds.rig import Rig
from tests.kinds.watching import watched

pytestmark = pytest.mark.engine


def checked(image: str, command: str, interval: str, retries: int, timeout: str = "0s") -> str:
    check = f"{{test: [CMD, {command}], interval: {interval}, retries: {retries}}}"
    rollout = f"x-windlass: {{rollout: {{timeout: {timeout}}}}}"
    return f"{{image: '{image}', stop_grace_period: 0s, healthcheck: {check}, {rollout}}}"


def behind(image: str, other: str, more: str = "", condition: str = "service_healthy") -> str:
    return f"{{image: '{image}', stop_grace_period: 0s, depends_on: {{{other}: {{condition: {condition}{more}}}}}}}"


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
    """Each has the time that its check takes, or that its rollout gives it."""
    report = rig.take(f"""\
        services:
          ill: {checked(busybox, "'false'", "100ms", retries=1)}
          slow: {checked(busybox, "'false'", "100ms", retries=1000, timeout="1s")}
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
    assert report.failure is not None
    (late,) = (one for one in report.outcomes if one.reason == DEPENDENCY_TIMEOUT)
    said = "to be healthy: health check has not passed yet (gave up after 1 s)"
    assert late.detail == f"waits for container/{rig.stack}-slow-1 {said}"
    for name in ("of-ill", "of-slow"):
        assert rig.engine.inspect_container(f"{rig.stack}-{name}-1") is None


def test_what_waits_for_a_job_waits_for_as_long_as_that_takes(rig: Rig, busybox: str) -> None:
    """The time to become healthy is none of a job's."""
    job = f"{{image: '{busybox}', command: [sleep, '1'], x-windlass: {{rollout: {{timeout: 100ms}}}}}}"
    web = behind(busybox, "job", condition="service_completed_successfully")
    assert rig.take(f"services:\n  job: {job}\n  web: {web}\n").synced
    assert rig.container("job")["State"]["Status"] == "exited"
    assert rig.container("web")["State"]["StartedAt"] > rig.container("job")["State"]["FinishedAt"]
