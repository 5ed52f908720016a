"""What a service takes from another one's container, and what runs around its life, from the file to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import docker
import pytest

from agent.kinds import container_hooks
from agent.model import Action
from tests.e2e.agents import until
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def services(image: str, **keys: str) -> str:
    """A Compose file of services of one image: the name of each and its further keys."""
    lines = [
        f"  {name}: {{image: '{image}', stop_grace_period: 0s{f', {more}' if more else ''}}}"
        for name, more in keys.items()
    ]
    return "\n".join(["services:", *lines, "volumes: {data: {}}"])


def state(rig: Rig, service: str) -> tuple[str, str]:
    """What changes when a container is made anew, and when it is started anew."""
    report = rig.container(service)
    return report["Id"], report["State"]["StartedAt"]


def host(rig: Rig, service: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = rig.container(service)["HostConfig"]
    return found


@pytest.mark.parametrize(
    ("keys", "member"),
    [
        ("network_mode: 'service:db'", "NetworkMode"),
        ("pid: 'service:db'", "PidMode"),
        pytest.param("ipc: 'service:db'", "IpcMode", marks=pytest.mark.slow),
    ],
)
def test_whoever_shares_a_namespace_goes_along(rig: Rig, busybox: str, keys: str, member: str) -> None:
    db, web = f"{rig.stack}-db-1", f"{rig.stack}-web-1"
    shareable = "ipc: shareable, " if member == "IpcMode" else ""
    rig.apply(services(busybox, web=keys, db=f"{shareable}environment: {{A: '1'}}"))
    assert host(rig, "web")[member] == f"container:{rig.container('db')['Id']}"
    done = rig.apply(services(busybox, web=keys, db=f"{shareable}environment: {{A: '2'}}"))
    assert done == {web: "stop, remove, create", db: "replace"}
    assert host(rig, "web")[member] == f"container:{rig.container('db')['Id']}"


def test_whoever_is_attached_to_what_is_taken_back_goes_on_with_it(rig: Rig, busybox: str) -> None:
    """Nothing is known as good, and nobody goes back: what ran, runs again all the same."""
    keys = {"web": "network_mode: 'service:vpn'", "last": "pid: 'service:web'"}
    rig.apply(services(busybox, vpn="environment: {A: '1'}", **keys))
    before = {name: rig.container(name)["Id"] for name in ("vpn", *keys)}
    bad = services(busybox, vpn="command: ['false'], deploy: {update_config: {order: start-first}}", **keys)
    [replaced] = [one for one in rig.plan(bad).changes if one.action is Action.REPLACE]
    assert f"start-first is not possible: container/{rig.stack}-web-1 is attached to it" in replaced.interruption
    report = rig.take(bad)
    assert report.failure is not None
    assert report.failure.reason == "CrashOnStart"
    assert done(report) == {f"{rig.stack}-{name}-1": "stop, run" for name in keys}
    after = {name: rig.container(name) for name in ("vpn", *keys)}
    assert {name: one["Id"] for name, one in after.items() if one["State"]["Running"]} == before
    ask = {"Cmd": ["cat", "/proc/net/dev"], "AttachStdout": True}
    assert "eth0" in rig.engine.execute(before["web"], ask, 10)[1], "it has the network of what came back"


def test_what_has_run_to_its_end_is_not_run_again_for_what_is_taken_back(rig: Rig, busybox: str) -> None:
    job = "network_mode: 'service:vpn', command: ['true'], restart: 'no'"
    web = "depends_on: {job: {condition: service_completed_successfully}}"
    rig.apply(services(busybox, vpn="environment: {A: '1'}", job=job, web=web))
    before = state(rig, "job")
    report = rig.take(services(busybox, vpn="command: ['false']", job=job, web=web))
    assert report.failure is not None
    assert rig.container("vpn")["State"]["Running"]
    assert state(rig, "job") == before


def test_whoever_takes_the_volumes_of_another_goes_along(rig: Rig, busybox: str) -> None:
    def text(value: str) -> str:
        db = f"volumes: ['data:/data'], environment: {{A: '{value}'}}"
        return services(busybox, web="volumes_from: ['db']", db=db)

    rig.apply(text("1"))
    [mount] = rig.container("web")["Mounts"]
    assert (mount["Destination"], mount["Name"]) == ("/data", f"{rig.stack}_data")
    done = rig.apply(text("2"))
    assert done == {f"{rig.stack}-web-1": "stop, remove, create", f"{rig.stack}-db-1": "replace"}
    assert [mount["Name"] for mount in rig.container("web")["Mounts"]] == [f"{rig.stack}_data"]


@pytest.mark.parametrize(
    ("mode", "depends"),
    [("service:db", "{db: {condition: service_healthy}}"), ("container:{stack}-db-1", "[db]")],
    ids=["service", "container"],
)
def test_whoever_shares_a_network_is_started_anew_with_its_owner_whatever_it_depends_on(
    rig: Rig, sdk: docker.APIClient, busybox: str, mode: str, depends: str
) -> None:
    db, web = f"{rig.stack}-db-1", f"{rig.stack}-web-1"
    tell = "command: [sh, -c, 'busybox readlink /proc/self/ns/net; exec sleep 600']"
    check = f"{tell}, healthcheck: {{test: [CMD, 'true'], interval: 100ms}}"
    sharing = f"{tell}, network_mode: '{mode.format(stack=rig.stack)}', depends_on: {depends}"
    text = services(busybox, web=sharing, db=check)
    assert rig.apply(text) == {f"{rig.stack}_default": "create", db: "create", web: "create"}
    made = rig.container("web")["Id"]

    sdk.stop(db, timeout=0)
    assert rig.apply(text) == {db: "update", web: "update"}
    until(partial(share, rig), "the same network")

    sdk.restart(db, timeout=0)  # by whomever
    until(lambda: not share(rig), "that it is cut off")
    (change,) = rig.plan(text).changes
    assert (change.key.name, change.action, change.cause) == (web, "update", "drift")
    assert change.reason == f"is cut off: it shares namespaces with {db}, started after it"
    assert rig.apply(text) == {web: "update"}
    until(partial(share, rig), "the same network")
    assert rig.container("web")["Id"] == made


def share(rig: Rig) -> bool:
    """Whether both have told, at their last starts, that they are in the same network namespace."""
    web, db = (rig.engine.logs(rig.container(one)["Id"]).split()[-1:] for one in ("web", "db"))
    return bool(web) and web == db


@pytest.mark.parametrize(
    "network",
    ["", pytest.param("network_mode: bridge, ", marks=pytest.mark.slow)],
    ids=["a network of its own", "the bridge"],
)
def test_a_link_holds_when_its_target_is_made_anew(rig: Rig, busybox: str, network: str) -> None:
    link = f"{network}links: ['db:database']"
    rig.apply(services(busybox, web=link, db=f"{network}environment: {{A: '1'}}"))
    web = rig.container("web")
    rig.apply(services(busybox, web=link, db=f"{network}environment: {{A: '2'}}"))
    ask = ["cat", "/etc/hosts"] if network else ["busybox", "nslookup", "database"]
    said = rig.engine.execute(rig.container("web")["Id"], {"Cmd": ask, "AttachStdout": True}, 10)[1]
    (endpoint,) = rig.container("db")["NetworkSettings"]["Networks"].values()
    assert endpoint["IPAddress"] in said, "the name is known for what is there now"
    assert rig.container("web")["State"]["StartedAt"] != web["State"]["StartedAt"]


def test_whoever_depends_with_restart_is_started_anew(rig: Rig, busybox: str) -> None:
    web = "depends_on: {db: {condition: service_started, restart: true}}"
    rig.apply(services(busybox, web=web, other="depends_on: [db]", db="environment: {A: '1'}"))
    before, other = state(rig, "web"), state(rig, "other")
    done = rig.apply(services(busybox, web=web, other="depends_on: [db]", db="environment: {A: '2'}"))
    assert done == {f"{rig.stack}-db-1": "replace", f"{rig.stack}-web-1": "update"}
    after = state(rig, "web")
    assert (after[0] == before[0], after[1] > before[1]) == (True, True)
    assert state(rig, "other") == other


def hooked(image: str, value: str, post: str = "true", before: str = "true") -> str:
    """A service that notes in a volume what runs when."""
    keys = [
        "volumes: ['data:/data']",
        f"environment: {{A: '{value}'}}",
        f"pre_start: [{{command: [sh, -c, 'echo before {value} >> /data/log; {before}']}}]",
        f"post_start: [{{command: [sh, -c, 'echo after {value} >> /data/log; {post}']}}]",
        f"pre_stop: [{{command: [sh, -c, 'echo stopping {value} >> /data/log']}}]",
    ]
    return services(image, web=", ".join(keys))


def log(rig: Rig) -> list[str]:
    command = {"Cmd": ["cat", "/data/log"], "AttachStdout": True}
    return rig.engine.execute(rig.container("web")["Id"], command, 10)[1].splitlines()


def test_hooks_run_once_in_their_order(rig: Rig, busybox: str) -> None:
    rig.apply(hooked(busybox, "1"))
    assert log(rig) == ["before 1", "after 1"]
    rig.apply(hooked(busybox, "2"))
    assert log(rig) == ["before 1", "after 1", "stopping 1", "before 2", "after 2"]
    assert rig.engine.list_containers(f"com.docker.compose.project={rig.stack}", "com.docker.compose.hook") == []


@pytest.mark.parametrize(
    ("failing", "what"),
    [
        pytest.param({"post": "echo alas; exit 3"}, "post_start of web, hook 0", marks=pytest.mark.slow),
        ({"before": "echo alas; exit 3"}, "pre_start[0] of web"),
    ],
)
def test_a_hook_that_fails_brings_back_what_ran(rig: Rig, busybox: str, failing: dict[str, str], what: str) -> None:
    good = hooked(busybox, "1")
    rig.apply(good)
    before = rig.container("web")
    failure = rig.take(hooked(busybox, "2", **failing)).failure
    assert failure is not None
    assert (failure.reason, f"{what} ended with status 3: alas" in failure.message) == ("HookFailed", True)
    after = rig.container("web")
    assert (after["Id"], after["State"]["Running"], after["Name"]) == (before["Id"], True, before["Name"])
    assert log(rig)[-1] == "after 1", "what ran is started with what it was made to run after a start"
    assert rig.engine.list_containers(f"com.docker.compose.project={rig.stack}", "com.docker.compose.hook") == []
    assert rig.apply(good) == {}


def test_what_crashes_before_a_hook_can_run_in_it_is_given_up(rig: Rig, busybox: str) -> None:
    good = "post_start: [{command: ['true']}], pre_stop: [{command: [/not-there]}]"
    bad = f"{good}, restart: always, command: [sh, -c, 'echo alas; exit 3']"
    rig.apply(services(busybox, web=good))
    before = rig.container("web")["Id"]
    failure = rig.take(services(busybox, web=bad)).failure
    assert failure is not None
    assert (failure.reason, "alas" in failure.message) == ("CrashOnStart", True), failure
    assert rig.container("web")["Id"] == before, (
        "a pre_stop that fails stops neither the replacement nor what comes back"
    )


def test_a_hook_runs_once_for_a_service(rig: Rig, busybox: str) -> None:
    text = hooked(busybox, "1").replace("stop_grace_period", "scale: 2, stop_grace_period", 1)
    rig.apply(text)
    assert sorted(log(rig)) == ["after 1", "after 1", "before 1"]


def test_a_hook_that_goes_on_is_waited_for_and_no_other_is_begun_beside_it(
    rig: Rig, busybox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "echo begun >> /tmp/log; [ -e /tmp/first ] || exec touch /tmp/first; until [ -e /tmp/go ]; do sleep .1; done"
    )
    text = services(busybox, web=f"post_start: [{{command: [sh, -c, '{script}']}}]")
    rig.apply(text)
    web = rig.container("web")["Id"]
    rig.engine.stop_container(web, 0)
    monkeypatch.setattr(container_hooks, "PATIENCE", 1.0)
    for _ in range(2):
        report = rig.take(text)
        assert report.failure is not None
        assert "has not ended after 1 seconds: it goes on in there, and is waited for" in report.failure.message
    told = {"Cmd": ["cat", "/tmp/log"], "AttachStdout": True}
    assert rig.engine.execute(web, told, 60) == (0, "begun\nbegun\n"), "at the first start and once at the second"
    monkeypatch.setattr(container_hooks, "PATIENCE", 600.0)
    rig.engine.execute(web, {"Cmd": ["touch", "/tmp/go"]}, 60)
    assert rig.apply(text) == {f"{rig.stack}-web-1": "update"}


def test_a_hook_without_an_end_keeps_nothing_from_being_replaced_and_stops_its_own_change(
    rig: Rig, busybox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_hooks, "PATIENCE", 1.0)
    endless = "[{command: [sh, -c, 'tail -f /dev/null']}]"
    web = f"{rig.stack}-web-1"
    good = services(busybox, web=f"pre_stop: {endless}")
    rig.apply(good)
    before = rig.container("web")["Id"]

    report = rig.take(services(busybox, web=f"post_start: {endless}, environment: {{A: '1'}}"))
    assert report.failure is not None
    assert report.failure.reason == "HookFailed", "what is wanted is to blame, and not the engine"
    assert "post_start of web, hook 0 has not ended after 1 seconds" in report.failure.message
    now = rig.container("web")
    assert (now["Id"], now["State"]["Running"]) == (before, True), "it is taken back"

    report = rig.take(services(busybox, web="environment: {A: '2'}"))
    assert report.failure is None
    assert done(report) == {web: "replace"}
    said = f"pre_stop of {web}, hook 0 has not ended after 1 seconds; it was stopped all the same"
    assert said in [outcome.detail for outcome in report.outcomes]
