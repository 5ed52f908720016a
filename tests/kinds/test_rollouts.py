"""How containers give way to new ones on a real engine: proved, one after the other, and taken back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from agent.converge import Event as Progress
from agent.converge import Resting
from agent.errors import Refused
from agent.kinds.base import STACK
from agent.model import Status
from agent.reconcile import Turn
from script.benchmarks.prober import Prober
from script.benchmarks.rolling import behind_a_proxy
from tests.e2e.agents import free_port
from tests.kinds.rig import Rig, done
from tests.kinds.watching import ids, watched

pytestmark = pytest.mark.engine

CRASHES = "command: [sh, -c, 'echo starting with $$PASSWORD; exit 3'], environment: {PASSWORD: hunter2hunter2}"
UNHEALTHY = "healthcheck: {test: [CMD, 'false'], interval: 100ms, retries: 2}"
HEALTHY = "healthcheck: {test: [CMD, 'true'], interval: 100ms}"


def web(image: str, more: str, version: str = "1", *, order: str = "stop-first", scale: int = 1) -> str:
    return (
        f"services:\n  web:\n    {{image: '{image}', stop_grace_period: 0s, labels: {{version: '{version}'}},"
        f" scale: {scale}, deploy: {{update_config: {{order: {order}}}}}{f', {more}' if more else ''}}}\n"
    )


def replicas(rig: Rig) -> dict[int, str]:
    """The ids of the containers of `web`, by number."""
    found = rig.engine.list_containers(f"{STACK}={rig.stack}")
    return {int(one["Names"][0].rpartition("-")[2]): one["Id"] for one in found}


def served(image: str, port: int, version: str) -> str:
    """`web` behind a reverse proxy. It writes into the volume `log` that it comes, and that it is asked to go."""
    proxy = behind_a_proxy(image, port, "").partition("  web:\n")[0]
    proxy = proxy.replace('"8080"]', '"8080", "3"]')  # seconds until the next address, where one is just gone
    note = "read id < /etc/hostname; echo {} $$id >> /log/x"
    end = "kill $$server; sleep 0.3; exit 0"  # what it is at is answered
    serve = f"trap '{end}' TERM; httpd -f -p 8080 -h /tmp & server=$$!; wait"
    return f"""\
{proxy}\
  web:
    image: {image}
    command: [sh, -c, "{note.format("up")}; echo {version} > /tmp/index.html; {serve}"]
    healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"], interval: 200ms, retries: 50}}
    pre_stop: [{{command: [sh, -c, "{note.format("down")}"]}}]
    volumes: [log:/log]
    deploy: {{update_config: {{order: start-first}}}}
    x-windlass: {{rollout: {{drain: 1s}}}}
volumes: {{log: {{}}}}
"""


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
@pytest.mark.parametrize(
    ("bad", "reason", "said"),
    [(CRASHES, "CrashOnStart", "exit code 3"), (UNHEALTHY, "HealthTimeout", "checks failed")],
    ids=["crashes", "unhealthy"],
)
def test_what_does_not_become_good_is_taken_back(
    rig: Rig, busybox: str, order: str, bad: str, reason: str, said: str
) -> None:
    good = web(busybox, "", order=order)
    rig.apply(good)
    before = rig.container("web")
    report = rig.take(web(busybox, bad, "2", order=order))
    assert report.failure is not None
    assert report.failure.reason == reason
    assert said in report.failure.message
    after = rig.container("web")
    assert after["Id"] == before["Id"]
    assert after["State"]["Running"]
    assert (after["State"]["StartedAt"] == before["State"]["StartedAt"]) is (order == "start-first")
    assert ids(rig) == {before["Id"]}, "no leftovers"
    assert rig.apply(good) == {}


def test_what_is_not_healthy_within_its_timeout_is_taken_back(rig: Rig, busybox: str) -> None:
    """Which is shorter than what its check would take."""
    good = web(busybox, "")
    rig.apply(good)
    before = rig.container("web")["Id"]
    check = "healthcheck: {test: [CMD, 'false'], interval: 500ms, start_period: 10m}"
    report = rig.take(web(busybox, f"{check}, x-windlass: {{rollout: {{timeout: 2s}}}}", "2"))
    assert report.failure is not None
    assert report.failure.reason == "HealthTimeout"
    assert "its health check has not passed yet (gave up after 2 s)" in report.failure.message
    assert rig.container("web")["Id"] == before
    assert rig.container("web")["State"]["Running"]
    assert ids(rig) == {before}, "no leftovers"
    assert rig.apply(good) == {}


def closing(image: str, version: str, more: str) -> str:
    """`web`, which needs a moment to close what it has open in the volume `log`, and writes there that it did."""
    end = f"sleep 0.3; echo {version} closed >> /log/x; exit 0"
    return f"""\
services:
  web:
    image: {image}
    command: [sh, -c, "trap '{end}' TERM; echo {version} open >> /log/x; while :; do sleep 0.1; done"]
    volumes: [log:/log]
    {more}
    x-windlass: {{rollout: {{monitor: 300ms}}}}
volumes: {{log: {{}}}}
"""


def written(rig: Rig) -> list[str]:
    asked = {"Cmd": ["cat", "/log/x"], "AttachStdout": True}
    return rig.engine.execute(rig.container("web")["Id"], asked, 10)[1].splitlines()


ILL = f"{UNHEALTHY}\n    pre_stop: [{{command: [sh, -c, 'echo hook >> /log/x; sleep 600']}}]"


def test_what_is_taken_back_has_its_time_to_stop_before_the_old_one_goes_on(rig: Rig, busybox: str) -> None:
    """They write to the same volume. What would run before another stop does not keep the old one waiting."""
    rig.apply(closing(busybox, "1", ""))
    before = rig.container("web")["Id"]
    report = rig.take(closing(busybox, "2", ILL))
    assert (report.failure and report.failure.reason) == "HealthTimeout"
    assert ids(rig) == {before}
    assert written(rig)[:5] == ["1 open", "1 closed", "2 open", "2 closed", "1 open"]


@pytest.mark.parametrize("check", [UNHEALTHY, HEALTHY], ids=["ill", "well"])
def test_what_is_suspended_while_it_proves_itself_is_finished_and_no_other_begins(
    rig: Rig, busybox: str, check: str
) -> None:
    """Else the old one would be down for as long as that lasts, and the new one unproved."""
    rig.apply(web(busybox, "", scale=2))
    before, made = replicas(rig), set[str]()

    def is_suspended() -> bool:
        made.update(ids(rig) - {*before.values()})
        return bool(made)

    wanted = rig.stack_of(web(busybox, check.replace("100ms", "1s"), "2", scale=2))
    turn = Turn((wanted,), rig.scope, "test", superseded=is_suspended, finishes=is_suspended)
    [report] = rig.reconciler.take(turn)
    after, expected = replicas(rig), Status.FAILED if check == UNHEALTHY else Status.DONE
    assert [outcome.status for outcome in report.outcomes] == [expected, Status.SKIPPED]
    assert (after[1] == before[1]) is (check == UNHEALTHY)
    assert after[2] == before[2]
    assert [rig.engine.inspect_container(one)["State"]["Running"] for one in after.values()] == [True, True]  # type: ignore[index]
    assert len(ids(rig)) == 2


def test_what_cannot_be_stopped_to_be_taken_back_keeps_no_old_one_down(rig: Rig, busybox: str) -> None:
    rig.apply(closing(busybox, "1", ""))
    before, stop = rig.container("web")["Id"], rig.engine.stop_container

    def refuse(container: str, grace: int | None = None) -> None:
        if container != before:
            raise Refused("cannot stop container: permission denied", reason="EngineError")
        stop(container, grace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.engine, "stop_container", refuse)
        report = rig.take(closing(busybox, "2", ILL))
    assert (report.failure and report.failure.reason) == "HealthTimeout"
    assert ids(rig) == {before}
    assert rig.container("web")["State"]["Running"]


def test_what_a_failing_hook_keeps_from_being_made_has_its_time_to_stop(rig: Rig, busybox: str) -> None:
    failing = "post_start: [{command: [sh, -c, 'until grep -q open /log/x; do sleep 0.1; done; exit 3']}]"
    report = rig.take(closing(busybox, "1", failing))
    assert (report.failure and report.failure.reason) == "HookFailed"
    assert ids(rig) == set()
    rig.apply(closing(busybox, "2", ""))
    assert written(rig)[:2] == ["1 open", "1 closed"]


def test_what_crashes_again_and_again_while_it_is_watched_is_taken_back(rig: Rig, busybox: str) -> None:
    good = web(busybox, "")
    rig.apply(good)
    before = rig.container("web")["Id"]
    late = "command: [sh, -c, 'sleep 1; exit 4'], restart: always"
    failure = rig.take(web(busybox, late, "2").replace("order: stop-first", "monitor: 20s")).failure
    assert failure is not None
    assert failure.reason == "CrashOnStart"
    # Which of the two is up to the moment of the look: while it runs again, the engine no longer tells the exit code.
    assert re.search("does not stay up: (exit code 4|it ended, and its restart policy)", failure.message)
    assert ids(rig) == {before}
    assert rig.apply(good) == {}


def test_what_bad_content_does_without_is_still_there_with_what_it_holds(rig: Rig, busybox: str) -> None:
    old = f"  old: {{image: '{busybox}', stop_grace_period: 0s, volumes: [/scratch]}}\n"
    rig.apply(web(busybox, "") + old)
    before = rig.container("old")
    report = rig.take(web(busybox, CRASHES, "2"))
    assert (report.failure and report.failure.reason) == "CrashOnStart"
    assert rig.container("old")["State"] == before["State"]
    assert rig.apply(web(busybox, "") + old) == {}
    assert rig.apply(web(busybox, "", "2")) == {f"{rig.stack}-web-1": "replace", f"{rig.stack}-old-1": "remove"}


def test_the_last_words_of_what_crashed_are_told_without_its_secrets(rig: Rig, busybox: str) -> None:
    rig.apply(web(busybox, ""))
    failure = rig.take(web(busybox, CRASHES, "2")).failure
    assert failure is not None
    assert "starting with ***" in failure.message
    assert "hunter2" not in failure.message


def test_a_new_one_that_somebody_removes_is_told_apart_from_one_that_ends(rig: Rig, busybox: str) -> None:
    rig.apply(web(busybox, "", order="start-first"))
    old, removed = rig.container("web")["Id"], list[str]()

    def remove(_turn: Turn, event: Progress) -> None:
        if isinstance(event, Resting) and not removed:
            removed.append(str(rig.container("web", ".next")["Id"]))
            rig.engine.remove_container(removed[0], force=True)

    rig.reconciler = replace(rig.reconciler, listen=remove)
    failure = rig.take(web(busybox, "", "2", order="start-first")).failure
    assert (failure and failure.reason) == "ContainerGone"
    assert ids(rig) == {old}


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_an_old_one_that_somebody_removes_takes_no_new_one_along(rig: Rig, busybox: str, order: str) -> None:
    rig.apply(web(busybox, "", order=order))
    text, old, new = web(busybox, "", "2", order=order), rig.container("web")["Id"], list[str]()
    create = rig.engine.create_container

    def remove(name: str, *rest: Any) -> str:
        new.append(create(name, *rest))
        rig.engine.remove_container(old, force=True)
        return new[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.engine, "create_container", remove)
        report = rig.take(text)
    assert (report.failure, ids(rig)) == (None, {*new})
    assert rig.apply(text) == {}


def test_start_first_starts_the_new_one_and_renames_both_before_the_old_one_stops(rig: Rig, busybox: str) -> None:
    """One that is renamed is not in the engine's DNS for a moment: the other one is there then."""
    rig.apply(web(busybox, HEALTHY, order="start-first"))
    old = rig.container("web")["Id"]
    text = web(busybox, HEALTHY, "2", order="start-first")
    assert [change.interruption for change in rig.plan(text).changes] == [""]
    with watched(rig, "start", "rename", "die") as seen:
        rig.apply(text)
    new = rig.container("web")["Id"]
    assert seen == [("start", new), ("rename", old), ("rename", new), ("die", old)]
    assert ids(rig) == {new}


def test_start_first_loses_no_request(rig: Rig, busybox: str) -> None:
    """Both have the service's name until the old one, which is told beforehand, has gone."""
    port, healthy = free_port(), "health_status: healthy"
    together: list[bool] = []
    said: set[str] = set()

    def look(_turn: Turn, event: Progress) -> None:
        if isinstance(event, Resting):
            said.add(event.detail)
        if isinstance(event, Resting) and not together:
            new = rig.container("web", ".next")
            endpoint = new["NetworkSettings"]["Networks"][f"{rig.stack}_default"]
            up = new["State"]["Running"] and rig.container("web")["State"]["Running"]
            together.append(up and "web" in endpoint["Aliases"])

    rig.apply(served(busybox, port, "1"))
    old = rig.container("web")["Id"]
    rig.reconciler = replace(rig.reconciler, listen=look)
    with Prober(port, 0.01, at_once=8) as prober, watched(rig, "start", healthy, "die") as seen:
        rig.apply(served(busybox, port, "2"))
        asked = prober.end()
    new = rig.container("web")["Id"]
    assert asked.failures == {}
    assert asked.asked >= 50
    assert together == [True], "both run, and the new one is known by the service's name"
    assert [each for each in seen if each != (healthy, old)] == [("start", new), (healthy, new), ("die", old)]
    assert "the old one goes on for a while" in said
    assert seen.at["die", old] - seen.at[healthy, new] >= 0.9
    told = rig.engine.execute(new, {"Cmd": ["cat", "/log/x"], "AttachStdout": True}, 10)[1].split("\n")
    assert told[:3] == [f"up {old[:12]}", f"up {new[:12]}", f"down {old[:12]}"]


def test_start_first_falls_back_and_says_why(rig: Rig, busybox: str) -> None:
    port = "ports: ['127.0.0.1:0:80'], networks: {default: {ipv4_address: 10.231.77.5}}"
    net = "networks: {default: {ipam: {config: [{subnet: 10.231.77.0/24}]}}}\n"
    rig.apply(web(busybox, port, order="start-first") + net)
    old = rig.container("web")["Id"]
    text = web(busybox, port, "2", order="start-first") + net
    [change] = rig.plan(text).changes
    assert change.interruption == (
        "away while it is replaced (start-first is not possible: its ipv4_address in the network default can be held"
        " by one container only)"
    )
    with watched(rig) as seen:
        rig.apply(text)
    assert seen.actions == ["die", "start"], seen
    assert seen[0] == ("die", old)


def test_replicas_give_way_one_after_the_other_and_come_back_as_the_file_says(rig: Rig, busybox: str) -> None:
    config = "rollback_config: {order: start-first, parallelism: 0, monitor: 1s}"
    first, second = (
        web(busybox, "", version, scale=2).replace("order: stop-first}", f"order: stop-first}}, {config}")
        for version in "12"
    )
    rig.apply(first)
    with watched(rig) as seen:
        rig.apply(second)
    assert seen.actions == ["die", "start"] * 2
    with watched(rig) as seen:
        (report,) = rig.reconciler.take(Turn((rig.stack_of(first),), rig.scope, "rollback", fallback=True))
    assert report.synced
    assert seen.actions == ["start"] * 2 + ["die"] * 2


def test_a_rollout_stops_at_the_first_replica_that_fails(rig: Rig, busybox: str) -> None:
    rig.apply(web(busybox, "", scale=3))
    before = ids(rig)
    report = rig.take(web(busybox, CRASHES, "2", scale=3))
    assert [outcome.status for outcome in report.outcomes] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert ids(rig) == before


@pytest.mark.parametrize(
    ("config", "failed"),
    [pytest.param("failure_action: continue", 3, marks=pytest.mark.slow), ("max_failure_ratio: 0.5", 2)],
    ids=["continue", "a ratio"],
)
def test_failures_are_borne_as_far_as_the_file_says(rig: Rig, busybox: str, config: str, failed: int) -> None:
    rig.apply(web(busybox, "", scale=3))
    text = web(busybox, CRASHES, "2", scale=3).replace("order: stop-first", config)
    report = rig.take(text)
    assert [outcome.status for outcome in report.outcomes].count(Status.FAILED) == failed
    assert len(done(report)) == 0


@pytest.mark.slow
def test_two_at_once_and_a_delay_between_them(rig: Rig, busybox: str) -> None:
    rig.apply(web(busybox, "", scale=4))
    old = replicas(rig)
    text = web(busybox, "", "2", scale=4).replace("order: stop-first", "parallelism: 2, delay: 1s")
    assert [(change.delay, len(change.after)) for change in rig.plan(text).changes] == [
        (0.0, 0), (0.0, 0), (1.0, 1), (1.0, 1)
    ]  # fmt: skip
    with watched(rig, "create", "destroy") as seen:
        rig.apply(text)
    new = replicas(rig)
    made = {number: seen.at["create", one] for number, one in new.items()}
    gone = {number: seen.at["destroy", one] for number, one in old.items()}
    assert max(made[1], made[2]) < min(gone[1], gone[2]), "two at once"
    assert min(made[3] - gone[1], made[4] - gone[2]) >= 1, "and the delay before each of the others"


def test_replicas_that_share_out_a_range_of_ports_are_rolled(rig: Rig, busybox: str) -> None:
    first = free_port()
    ports = f"ports: ['127.0.0.1:{first}-{first + 1}:80']"
    rig.apply(web(busybox, ports, order="start-first", scale=2))
    text = web(busybox, ports, "2", order="start-first", scale=2)
    assert len(rig.apply(text)) == 2, "there is none: one by one, each has the port of the one before"
