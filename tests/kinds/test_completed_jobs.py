"""Services that run to completion on a real engine: what runs them again and what does not."""

from __future__ import annotations

import time

import pytest

from agent.model import Action, Health, Key
from agent.probe import Gate
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def stack(image: str, *, code: int = 0, more: str = "") -> str:
    """`web` waits for `job`."""
    return f"""\
        services:
          job: {{image: {image}, restart: "no", command: [sh, -c, "exit {code}"]{more}}}
          web:
            image: {image}
            command: [sleep, "600"]
            stop_grace_period: 0s
            depends_on: {{job: {{condition: service_completed_successfully}}}}
    """


def alone(image: str, command: str) -> str:
    return f"""\
        services:
          job: {{image: {image}, restart: "no", command: [sh, -c, "{command}"], stop_grace_period: 0s}}
    """


def started(rig: Rig) -> str:
    return str(rig.container("job")["State"]["StartedAt"])


def ended(rig: Rig) -> None:
    for _ in range(100):
        if rig.container("job")["State"]["Status"] == "exited":
            return
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def test_one_that_is_done_runs_again_for_new_content_of_its_own_alone(rig: Rig, busybox: str) -> None:
    text = stack(busybox)
    rig.apply(text)
    first = started(rig)
    rig.restart()
    assert str(rig.take(text).plan) == "", "an agent that was restarted"
    assert str(rig.take(f"{text}\n        # an unrelated commit").plan) == ""
    assert done(rig.take(text.replace("600", "601"))) == {f"{rig.stack}-web-1": Action.REPLACE}
    assert started(rig) == first
    changed = rig.apply(stack(busybox, more=", environment: {A: '1'}"))
    assert changed[f"{rig.stack}-job-1"] == Action.REPLACE
    assert started(rig) != first
    assert rig.reconciler.host.health(Key("container", f"{rig.stack}-job-1")).gate is Gate.PASSED


def test_one_that_is_removed_by_hand_is_made_and_runs_again(rig: Rig, busybox: str) -> None:
    text = stack(busybox)
    rig.apply(text)
    first, job = started(rig), rig.container("job")["Id"]
    rig.engine.remove_container(job, force=True)
    assert rig.apply(text) == {f"{rig.stack}-job-1": Action.CREATE}
    assert started(rig) != first


def test_one_that_others_wait_for_is_tried_until_it_succeeds(rig: Rig, busybox: str) -> None:
    text = stack(busybox, code=7)
    report = rig.take(text)
    assert report.failure is not None
    assert report.failure.reason == "DependencyFailed"
    ended(rig)
    first = started(rig)
    report = rig.take(text)
    assert "job-1 (drift: its run failed, exit code 7)" in str(report.plan)
    assert started(rig) != first
    assert rig.reconciler.host.health(Key("container", f"{rig.stack}-job-1")).gate is Gate.FAILED
    rig.apply(stack(busybox))


def test_one_that_failed_and_nobody_waits_for_is_told_and_let_be(rig: Rig, busybox: str) -> None:
    text = alone(busybox, "exit 7")
    rig.take(text)
    ended(rig)
    first = started(rig)
    rig.restart()
    report = rig.take(text)
    assert (str(report.plan), report.health, report.services[0].detail) == ("", Health.DEGRADED, "exit code 7")
    assert started(rig) == first


def test_one_that_was_killed_runs_again(rig: Rig, busybox: str) -> None:
    text = alone(busybox, "sleep 600")
    rig.apply(text)
    first = started(rig)
    rig.engine.stop_container(rig.container("job")["Id"], 0)
    report = rig.take(text)
    assert "drift: was stopped outside git, exit code 137" in str(report.plan)
    assert started(rig) != first


def test_a_server_is_brought_back_whatever_its_code_and_its_restart(rig: Rig, busybox: str) -> None:
    clean = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
    text = f"""\
        services:
          job: {{image: {busybox}, restart: "no", command: [sh, -c, "{clean}"], expose: ["80"]}}
    """
    rig.apply(text)
    first = started(rig)
    rig.engine.stop_container(rig.container("job")["Id"], 5)
    assert rig.container("job")["State"]["ExitCode"] == 0
    assert "drift: was stopped outside git, exit code 0" in str(rig.take(text).plan)
    assert started(rig) != first


def test_one_that_is_done_is_left_alone_by_a_network_that_is_made_anew(rig: Rig, busybox: str) -> None:
    job, web, front = f"{rig.stack}-job-1", f"{rig.stack}-web-1", f"{rig.stack}_front"

    def text(*, label: str, code: int = 0) -> str:
        return (
            stack(busybox, code=code, more=", networks: [front]").replace(
                "stop_grace_period", "networks: [front]\n            stop_grace_period"
            )
            + f"    networks: {{front: {{labels: {{x: {label}}}}}}}\n"
        )

    rig.apply(text(label="a"))
    first = started(rig)
    assert rig.apply(text(label="b")) == {web: "remove, create", front: "remove, create"}
    assert started(rig) == first
    assert rig.apply(text(label="b").replace("exit 0", "exit 0; true"))[job] == Action.REPLACE
    assert started(rig) != first
