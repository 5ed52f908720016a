"""Services that run at times, on a real engine: what is made and not started, run, cut short, and seen of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from agent.jobs import JobResult, JobState
from agent.model import Action, Key, Report, Status
from agent.planning import Errand
from agent.reconcile import Turn
from tests.e2e.agents import until
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine

COMPOSE = """\
services:
  job:
    image: {image}
    command: [sh, -c, {script!r}]
    stop_grace_period: {grace}
    environment: {{TOKEN: s3cret-value, MESSAGE: {message}}}
    x-windlass: {{schedule: {{cron: "0 3 * * *", timeout: {timeout}, overlap: {overlap}}}}}
"""
QUICK = "echo done"
LONG = "trap 'exit 0' TERM; echo begun; sleep 600 & wait"


class Scene(Rig):
    """One stack of one service, `job`."""

    def __init__(self, docker_host: str, stack: str, home: Path, image: str, sdk: Any) -> None:
        super().__init__(docker_host, stack, home)
        self.sdk, self.image = sdk, image
        self.says: dict[str, str] = {}
        self.want(QUICK)

    def want(self, script: str, **says: str) -> None:
        self.says = {"script": script, "grace": "0s", "message": "one", "timeout": "1h", "overlap": "skip", **says}

    def turn(self, asked: Action | None = None) -> Report:
        stack = self.stack_of(COMPOSE.format(image=self.image, **self.says))
        turn = Turn((stack,), self.scope, "test")
        if asked is not None:
            turn = replace(turn, asked={self.key: Errand(asked, 0.0, "because")})
        (report,) = self.reconciler.take(turn)
        return report

    def remove(self) -> None:
        """All that there is of the stack."""
        for one in self.sdk.containers(all=True, filters={"name": self.stack}):
            self.sdk.remove_container(one["Id"], force=True, v=True)
        for network in self.sdk.networks(filters={"name": f"{self.stack}_"}):
            self.sdk.remove_network(network["Id"])

    @property
    def key(self) -> Key:
        return Key("container", f"{self.stack}-job-1")

    def inspect(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sdk.inspect_container(self.key.name)
        return found

    def state(self) -> JobState:
        """What a turn with nothing to do sees of the job."""
        report = self.turn()
        assert (report.synced, report.failure, report.health, report.outcomes) == (True, None, "healthy", ())
        (state,) = report.jobs
        return state

    def ended(self) -> JobState:
        return until(lambda: state if (state := self.state()).result else None, "the end of the run", patience=10)


@pytest.fixture
def scene(docker_host: str, sdk: docker.APIClient, prefix: str, busybox: str, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(docker_host, prefix, tmp_path, busybox, sdk)
    try:
        yield made
    finally:
        made.remove()
        made.engine.close()


def test_a_job_is_made_and_not_started_runs_when_it_is_asked_to_and_is_left_alone_after_that(scene: Scene) -> None:
    report = scene.turn()
    assert (report.synced, report.health, report.failure) == (True, "healthy", None)
    assert scene.inspect()["State"]["Status"] == "created"
    assert (scene.state().result, scene.state().seen.began) == (None, 0.0)  # type: ignore[union-attr]

    report = scene.turn(Action.RUN)
    assert [(one.change.action, one.status) for one in report.outcomes] == [(Action.RUN, Status.DONE)]
    assert (report.result, report.synced, report.failure) == ("noop", True, None)
    state = scene.ended()
    assert (state.result, state.seen.exit_code, state.seen.words) == (JobResult.SUCCEEDED, 0, "")  # type: ignore[union-attr]
    began = state.seen.began  # type: ignore[union-attr]
    scene.turn(Action.RUN)
    assert scene.ended().seen.began > began  # type: ignore[union-attr]


def test_a_run_that_fails_is_seen_with_its_code_and_its_words_without_secrets(scene: Scene) -> None:
    scene.want("echo begun; echo token is $$TOKEN; exit 7")
    scene.turn()
    scene.turn(Action.RUN)
    state = scene.ended()
    assert (state.result, state.seen.exit_code) == (JobResult.FAILED, 7)  # type: ignore[union-attr]
    assert state.seen.words == "exit code 7\nbegun\ntoken is ***"  # type: ignore[union-attr]


def test_what_cannot_be_started_is_the_failure_of_the_run_alone(scene: Scene) -> None:
    scene.turn()
    scene.says["script"] = QUICK
    text = COMPOSE.format(image=scene.image, **scene.says).replace("[sh, -c", "[no-such-program, -c")
    stack = scene.stack_of(text)
    turn = Turn((stack,), scene.scope, "test", asked={scene.key: Errand(Action.RUN, 0.0, "because")})
    (report,) = scene.reconciler.take(turn)
    assert [(one.change.action, one.status) for one in report.outcomes] == [
        (Action.REPLACE, Status.DONE),
        (Action.RUN, Status.FAILED),
    ]
    assert "no-such-program" in report.outcomes[1].detail
    assert (report.result, report.synced, report.failure) == ("success", True, None)


def test_new_content_waits_for_a_run_and_then_makes_the_container_anew_without_a_start(scene: Scene) -> None:
    scene.want(LONG)
    scene.turn()
    scene.turn(Action.RUN)
    running = scene.inspect()
    assert running["State"]["Running"]
    scene.want(LONG, message="two")
    report = scene.turn()
    assert (report.synced, report.failure, report.plan.changes[0].code) == (False, None, "JobRuns")
    assert scene.inspect()["State"]["Pid"] == running["State"]["Pid"]

    scene.sdk.stop(scene.key.name)
    report = scene.turn()
    assert [one.change.action for one in report.outcomes] == [Action.REPLACE]
    assert report.synced
    assert scene.inspect()["Id"] != running["Id"]
    assert scene.inspect()["State"]["Status"] == "created"


def test_a_run_is_cut_short_with_the_time_that_it_is_given(scene: Scene) -> None:
    scene.want(LONG, grace="10s", timeout="500ms")
    scene.turn()
    scene.turn(Action.RUN)
    until(lambda: b"begun" in scene.sdk.logs(scene.key.name), "the script under way")
    began = until(lambda: scene.turn().jobs[0].seen, "a look").began
    until(lambda: time.time() - began > 0.6, "a run that takes too long")
    report = scene.turn(Action.STOP)
    assert [(one.change.action, one.status) for one in report.outcomes] == [(Action.STOP, Status.DONE)]
    state = scene.state()
    assert (state.seen.is_running, state.seen.exit_code) == (False, 0)  # type: ignore[union-attr]
    assert state.result is JobResult.TIMEOUT
    assert state.seen.ended - began < 8, "the script heeds the signal"  # type: ignore[union-attr]


def test_a_run_that_is_due_again_is_held_or_takes_the_place_of_the_one_before(scene: Scene) -> None:
    scene.want(LONG)
    scene.turn()
    scene.turn(Action.RUN)
    first = scene.inspect()["State"]
    report = scene.turn(Action.RUN)
    assert [(one.action, one.code) for one in report.plan.changes] == [(Action.HOLD, "Overlap")]
    assert (report.synced, report.failure) == (True, None)
    assert scene.inspect()["State"]["Pid"] == first["Pid"]

    scene.want(LONG, overlap="replace")
    report = scene.turn(Action.RUN)
    assert [(one.change.action, one.status) for one in report.outcomes] == [(Action.RUN, Status.DONE)]
    assert scene.inspect()["State"]["StartedAt"] > first["StartedAt"]
    assert scene.state().seen.is_running  # type: ignore[union-attr]


def test_a_job_becomes_a_service_and_a_service_a_job(scene: Scene) -> None:
    scene.want(LONG)
    scene.turn()
    text = COMPOSE.format(image=scene.image, **scene.says)
    plain = "\n".join(line for line in text.splitlines() if "x-windlass" not in line)
    (report,) = scene.reconciler.take(Turn((scene.stack_of(plain),), scene.scope, "test"))
    assert report.synced
    running = scene.inspect()
    assert running["State"]["Running"]
    assert scene.state().seen.is_running, "it goes on until it ends, or takes too long"  # type: ignore[union-attr]
    assert scene.inspect()["State"]["Pid"] == running["State"]["Pid"]


def test_what_is_paused_goes_on_and_what_is_removed_is_made_again(scene: Scene) -> None:
    scene.want(LONG)
    scene.turn()
    scene.turn(Action.RUN)
    scene.sdk.pause(scene.key.name)
    report = scene.turn()
    assert [(one.change.action, one.status) for one in report.outcomes] == [(Action.UPDATE, Status.DONE)]
    assert scene.inspect()["State"]["Status"] == "running"
    scene.sdk.remove_container(scene.key.name, force=True)
    assert scene.turn().synced
    assert scene.inspect()["State"]["Status"] == "created"
