"""Hooks of a stack on a real engine: they run once for each content, in their place, and for no other reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.errors import Refused
from agent.gone_back import gone_back
from agent.kinds import RUNS
from agent.model import Health, Report, Status
from agent.reconcile import Turn
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def shop(image: str, version: str, *, pre: str = "echo pre", post: str = "echo post", more: str = "") -> str:
    """What runs writes into the volume `log` in which order that was."""
    return f"""\
        x-windlass:
          hooks: {{pre_deploy: migrate, post_deploy: tell, on_failure: alarm, timeout: 2s}}
          rollout: {{monitor: 300ms}}
        x-job: &job {{image: {image}, volumes: [log:/log], stop_grace_period: 0s}}
        services:
          migrate: {{<<: *job, command: [sh, -c, "{{ {pre}; }} >> /log/x"]}}
          tell: {{<<: *job, command: [sh, -c, "{{ {post}; }} >> /log/x"]}}
          alarm: {{<<: *job, command: [sh, -c, "echo alarm >> /log/x"]}}
          web:
            image: {image}
            command: [sh, -c, "echo web >> /log/x; exec sleep 600"]
            environment: {{VERSION: "{version}"}}
            volumes: [log:/log]
            stop_grace_period: 0s
{more}
        volumes: {{log: {{}}}}
    """


def log(rig: Rig) -> str:
    """What was written by now, with blanks between."""
    asked = {"Cmd": ["cat", "/log/x"], "AttachStdout": True}
    return " ".join(rig.engine.execute(rig.container("web")["Id"], asked, 10)[1].split())


def gone(rig: Rig, service: str) -> bool:
    return rig.engine.inspect_container(f"{rig.stack}-{service}-1") is None


def back(rig: Rig, text: str, rejected: str) -> Report:
    """A turn for what was good before `rejected`."""
    turn = Turn((gone_back(rig.stack_of(text), rejected),), rig.scope, "rollback", fallback=True)
    (report,) = rig.reconciler.take(turn)
    return report


def prune(rig: Rig) -> None:
    """As `docker container prune` does with what is the stack's."""
    for entry in rig.engine.list_containers(f"windlass.stack={rig.stack}"):
        if entry["State"] != "running":
            rig.engine.remove_container(entry["Id"], force=True)


def test_they_run_once_for_each_content_in_their_place(rig: Rig, busybox: str) -> None:
    one, two = shop(busybox, "1"), shop(busybox, "2")
    rig.apply(one)
    assert log(rig) == "pre web post"
    assert gone(rig, "alarm")
    rig.restart()
    assert str(rig.take(one).plan) == "", "an agent that was restarted runs none"
    assert str(rig.take(f"{one}\n        # an unrelated commit").plan) == ""
    prune(rig)
    report = rig.take(one)
    assert str(report.plan) == "", "one that has run need not be there"
    assert (report.synced, report.health) == (True, Health.HEALTHY)
    changed = rig.apply(two)
    assert log(rig) == "pre web post pre web post"
    assert changed[f"{rig.stack}-migrate-1"] == "create"
    assert f"{rig.stack}-alarm-1" not in changed
    (rig.home / RUNS).unlink()
    assert str(rig.take(two).plan) == "", "where the note is lost the containers tell"


def test_where_one_fails_before_nothing_else_was_touched(rig: Rig, busybox: str) -> None:
    old = f"          old: {{image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s}}"
    good = shop(busybox, "1", more=old)
    bad = shop(busybox, "2", pre="echo password=hunter2 >&2; echo no such table >&2; exit 7")
    rig.apply(good)
    before = rig.container("web"), rig.container("old")
    report = rig.take(bad)
    assert report.failure is not None
    assert report.failure.reason == "HookFailed"
    assert "pre_deploy failed: exit code 7" in report.failure.message
    assert "no such table" in report.failure.message
    assert "hunter2" not in report.failure.message
    assert done(report) == {}
    assert {one.status for one in report.outcomes} == {Status.FAILED, Status.SKIPPED}
    healths = {one.name: one.health for one in report.services}
    assert healths["tell"] is Health.HEALTHY, "it has done what it was made for, and its turn did not come"
    assert [one["Id"] for one in before] == [rig.container(name)["Id"] for name in ("web", "old")]
    assert gone(rig, "migrate")
    report = back(rig, good, "")
    assert (str(report.plan), report.synced, report.health) == ("", True, Health.HEALTHY)
    assert str(rig.take(good).plan) == "", "what was gone back to is as it was when it is committed again"
    assert log(rig) == "pre web post"


@pytest.mark.slow
def test_what_goes_back_runs_none_but_the_one_for_a_failure_and_that_once(rig: Rig, busybox: str) -> None:
    good, bad = shop(busybox, "1"), shop(busybox, "2", post="echo post; exit 3")
    rig.apply(good)
    report = rig.take(bad)
    assert report.failure is not None
    assert report.failure.message.partition("\n")[0].endswith("tell-1: post_deploy failed: exit code 3")
    assert log(rig) == "pre web post pre web post"
    report = back(rig, good, "bad content")
    assert report.failure is None
    assert log(rig) == "pre web post pre web post web alarm"
    rig.restart()
    prune(rig)
    assert str(back(rig, good, "bad content").plan) == ""
    assert str(rig.take(good).plan) == "", "a revert of the bad commit is what runs already"
    assert rig.take(bad).failure, "tried again it runs again"
    assert log(rig).endswith("web alarm pre web post")
    back(rig, good, "other bad content")
    assert log(rig).endswith("web alarm")


def test_the_one_for_a_failure_runs_where_going_back_fails_too(rig: Rig, busybox: str) -> None:
    rig.apply(shop(busybox, "2"))
    good_no_more = shop(busybox, "1").replace("exec sleep 600", "exit 1")
    report = back(rig, good_no_more, "bad content")
    assert (report.failure and report.failure.reason) == "CrashOnStart"
    assert log(rig) == "pre web post web web alarm", "the one that ran comes back"


def test_one_that_does_not_end_is_stopped(rig: Rig, busybox: str) -> None:
    report = rig.take(shop(busybox, "1", pre="echo waits >&2; sleep 600"))
    assert report.failure is not None
    assert report.failure.reason == "HookTimeout"
    assert "pre_deploy has not ended after 2 s and was stopped\nwaits" in report.failure.message
    assert gone(rig, "migrate")
    assert gone(rig, "web")


def test_the_next_agent_waits_for_one_that_runs(rig: Rig, busybox: str) -> None:
    text = shop(busybox, "1", pre="sleep 1; echo pre")
    usual = rig.reconciler
    rig.reconciler = replace(usual, stop=lambda: not gone(rig, "migrate"))
    assert Status.OVERTAKEN in {one.status for one in rig.take(text).outcomes}
    rig.reconciler = usual
    report = rig.take(text)
    assert f"update container/{rig.stack}-migrate-1 (commit: has not run to its end yet)" in str(report.plan)
    assert report.failure is None
    assert log(rig) == "pre web post"


@pytest.mark.parametrize(("stumbles", "patience"), [(2, 5.0), (1, 0.0)], ids=["for a moment", "for too long"])
def test_one_that_runs_goes_on_while_the_engine_stumbles_over_it(
    rig: Rig, busybox: str, monkeypatch: pytest.MonkeyPatch, stumbles: int, patience: float
) -> None:
    text = shop(busybox, "1", pre="echo begins; sleep 1; echo pre").replace("timeout: 2s", "timeout: 60s")
    inspect, left = rig.engine.inspect_container, [stumbles]

    def stumble(name: str) -> dict[str, Any] | None:
        found = inspect(name)
        if left[0] and found and found["Name"].endswith("-migrate-1") and found["State"]["Running"]:
            left[0] -= 1
            raise Refused("inspect: HTTP 500", reason="EngineError")
        return found

    monkeypatch.setattr(rig.engine, "inspect_container", stumble)
    monkeypatch.setattr("agent.rollout.STUMBLES", patience)
    failure = rig.take(text).failure
    assert (failure.reason if failure else "") == ("" if patience else "EngineError")
    assert rig.take(text).failure is None
    assert log(rig) == "begins pre web post", "once, to its end"


def test_newer_content_waits_for_the_run_for_older(rig: Rig, busybox: str) -> None:
    usual = rig.reconciler
    rig.reconciler = replace(usual, stop=lambda: not gone(rig, "migrate"))
    rig.take(shop(busybox, "1", pre="sleep 1; echo pre"))
    rig.reconciler = usual
    assert rig.take(shop(busybox, "2")).failure is None
    assert log(rig) == "pre pre web post"


def test_newer_content_without_the_hook_waits_for_its_run(rig: Rig, busybox: str) -> None:
    usual, text = rig.reconciler, shop(busybox, "1", pre="sleep 1; echo pre")
    rig.reconciler = replace(
        usual, stop=lambda: not gone(rig, "migrate") and rig.container("migrate")["State"]["Running"]
    )
    assert Status.OVERTAKEN in {one.status for one in rig.take(text).outcomes}
    rig.reconciler = usual
    without = text.replace("pre_deploy: migrate, ", "")
    without = without.replace(next(line for line in text.splitlines() if "migrate: {" in line), "")
    assert done(rig.take(without))[f"{rig.stack}-migrate-1"] == "remove"
    assert log(rig).startswith("pre ")


def test_a_hook_that_a_crash_left_unstarted_is_run(rig: Rig, busybox: str) -> None:
    text = shop(busybox, "1")
    rig.apply(text)
    report = rig.container("migrate")
    rig.engine.remove_container(report["Id"], force=True)
    (rig.home / RUNS).unlink()
    body = {"Image": busybox, "Cmd": report["Config"]["Cmd"], "Labels": report["Config"]["Labels"]}
    host = {"Binds": report["HostConfig"].get("Binds"), "Mounts": report["HostConfig"].get("Mounts")}
    rig.engine.create_container(f"{rig.stack}-migrate-1", {**body, "HostConfig": host}, "")
    rig.take(text)
    assert log(rig) == "pre web post pre"


def test_what_compose_made_is_run_when_it_is_adopted(rig: Rig, busybox: str) -> None:
    text = shop(busybox, "1")
    rig.apply(text)
    report = rig.container("migrate")
    labels = {key: value for key, value in report["Config"]["Labels"].items() if not key.startswith("windlass.")}
    rig.engine.remove_container(report["Id"], force=True)
    (rig.home / RUNS).unlink()
    rig.engine.create_container(f"{rig.stack}-migrate-1", {"Image": busybox, "Cmd": ["true"], "Labels": labels}, "")
    assert rig.apply(text) == {f"{rig.stack}-migrate-1": "replace"}
    assert log(rig) == "pre web post pre"


def test_two_of_a_stage_run_in_their_order_and_need_others_first(rig: Rig, busybox: str) -> None:
    text = shop(busybox, "1").replace("pre_deploy: migrate", "pre_deploy: [seed, migrate]")
    seed = (
        f"          seed: {{image: {busybox}, command: [sh, -c, 'echo seed >> /log/x'], volumes: ['log:/log'],"
        f" depends_on: [db]}}\n"
        f"          db: {{image: {busybox}, command: [sh, -c, 'echo db >> /log/x; exec sleep 600'], volumes:"
        f" ['log:/log'], stop_grace_period: 0s}}"
    )
    rig.apply(text.replace("        volumes: {log", f"{seed}\n        volumes: {{log"))
    assert log(rig) == "db seed pre web post"


def test_one_that_is_given_up_while_it_runs_has_its_time_to_stop(rig: Rig, busybox: str) -> None:
    """What is to run after its start has failed; it may be in the middle of a migration."""
    begin = "trap 'sleep 0.3; echo closed; exit 0' TERM; echo open; while :; do sleep 0.1; done"
    hook = "post_start: [{command: [sh, -c, 'until grep -q open /log/x; do sleep 0.1; done; exit 3']}]"
    text = shop(busybox, "1", pre=begin)
    text = text.replace("migrate: {<<: *job,", f"migrate: {{<<: *job, stop_grace_period: 5s, {hook},")
    report = rig.take(text)
    assert (report.failure and report.failure.reason) == "HookFailed"
    assert gone(rig, "migrate")
    rig.apply(shop(busybox, "2"))
    assert log(rig).startswith("open closed")
