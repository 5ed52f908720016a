"""Containers on the real engine: made, left alone, mended, adopted, pruned."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import docker
import pytest

from agent.errors import Overtaken, Refused
from agent.kinds.base import FIELDS, INSTANCE, NAME, REVISION
from agent.model import Action, Condition, Health, Key, Owner, Remedy, Resource
from agent.probe import Gate
from tests.engine import images
from tests.kinds.bench import MEGA, Bench, rich
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Poll until the condition gives something true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)
    return found


def test_a_second_look_at_what_was_made_finds_nothing_to_do(nets: Bench) -> None:
    wanted = rich(nets)
    seen = nets.create(wanted)
    assert seen.owner is Owner.OURS
    assert seen.differences == ()
    assert seen.uses >= {
        Key("network", nets.name("front")),
        Key("network", nets.name("back")),
        Key("volume", nets.name("data")),
        Key("image", nets.image),
        Key("file", "/tmp"),
    }
    until(lambda: nets.seen(wanted).health is Health.HEALTHY)
    report = nets.report(wanted)
    assert report["Config"]["Labels"][REVISION] == "rev1"
    assert "hunter2" not in report["Config"]["Labels"][FIELDS]
    aliases = report["NetworkSettings"]["Networks"][nets.name("front")]["Aliases"]
    assert {"web", "www"} <= set(aliases)


def test_a_create_that_was_cut_is_finished(nets: Bench, sdk: docker.APIClient) -> None:
    wanted = rich(nets)
    nets.create(wanted)
    sdk.stop(wanted.key.name, timeout=0)
    sdk.disconnect_container_from_network(wanted.key.name, nets.name("back"))
    identity = nets.report(wanted)["Id"]
    seen = nets.create(wanted)
    assert (seen.id, seen.differences) == (identity, ())


def test_limits_and_the_restart_policy_change_in_place(bench: Bench) -> None:
    first = bench.container(Memory=64 * MEGA, RestartPolicy={"Name": "always"}, PidsLimit=100, NanoCpus=10**9)
    identity = bench.create(first).id
    second = bench.container(Memory=128 * MEGA, CpuShares=20, NanoCpus=5 * 10**8)
    differences = bench.differences(second)
    assert {path: one.remedy for path, one in differences.items()} == dict.fromkeys(
        ("memory", "memswap_limit", "restart", "pids_limit", "cpus", "cpu_shares"), Remedy.IN_PLACE
    )
    assert all(one.declared for one in differences.values())
    seen = bench.update(second)
    assert (seen.id, seen.differences) == (identity, ())
    third = bench.container()
    assert {one.remedy for one in bench.differences(third).values()} == {Remedy.REPLACE}, "the engine clears none"


def test_a_port_in_use_is_named_and_leaves_nothing_behind(bench: Bench) -> None:
    def on(short: str, port: str) -> Resource:
        binding = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
        return bench.container(short, ExposedPorts={"80/tcp": {}}, PortBindings=binding)

    holder = on("holder", "")
    bench.create(holder)
    port = bench.report(holder)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    wanted = on("web", port)
    with pytest.raises(Refused) as caught:
        bench.do(Action.CREATE, wanted)
    assert caught.value.reason == "PortInUse"
    assert f"127.0.0.1:{port}" in caught.value.message
    assert wanted.key not in bench.look(wanted)


def test_a_name_that_somebody_else_has_is_foreign_and_left_alone(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.container()
    sdk.create_container(bench.image, name=wanted.key.name)
    assert bench.seen(wanted).owner is Owner.FOREIGN
    with pytest.raises(Refused) as caught:
        bench.do(Action.CREATE, wanted)
    assert caught.value.reason == "NameConflict"


def test_labels_that_an_image_brings_prove_nothing(bench: Bench, sdk: docker.APIClient, docker_host: str) -> None:
    wanted = bench.container()
    reference = f"{bench.stack}:labelled"
    labels = {
        INSTANCE: bench.identity.instance,
        NAME: wanted.key.name,
        "windlass.stack": bench.stack,
        "com.docker.compose.project": bench.stack,
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "1",
    }
    images.load(docker_host, reference, Labels=labels)
    try:
        sdk.create_container(reference, name=wanted.key.name)
        assert bench.seen(wanted).owner is Owner.FOREIGN
        assert bench.look() == {}, "and it is never pruned"
        sdk.remove_container(wanted.key.name)
        assert bench.create(bench.container(Image=reference)).owner is Owner.OURS
    finally:
        images.unload(docker_host, reference)


def test_a_running_compose_project_is_adopted(bench: Bench, sdk: docker.APIClient) -> None:
    compose = {
        "com.docker.compose.project": bench.stack,
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
    }
    theirs = {**compose, "com.docker.compose.version": "2.26.1", "com.docker.compose.project.working_dir": "/home/me"}
    wanted = bench.container(Labels={**compose, "com.docker.compose.version": "2.40.3"}, Env=["A=1"])
    made = sdk.create_container(bench.image, name=wanted.key.name, labels=theirs, environment=["A=1"])
    sdk.start(made)
    seen = bench.seen(wanted)
    assert (seen.owner, seen.differences, seen.id) == (Owner.ADOPTABLE, (), made["Id"])
    changed = bench.seen(bench.container(Labels=compose, Env=["A=2"]))
    assert [(one.path, one.declared) for one in changed.differences] == [("environment.A", True)]
    assert bench.look() == {}, "it is pruned only once it is ours"


def test_only_what_is_in_the_scope_is_pruned(bench: Bench) -> None:
    bench.create(bench.container("gone"))
    stray = bench.look()[Key("container", bench.name("gone"))]
    assert (stray.owner, stray.stack, stray.service) == (Owner.OURS, bench.stack, "gone")
    elsewhere = bench.scope.__class__(bench.identity.instance, "dir:other", frozenset({"other"}), whole=True)
    assert bench.kinds["container"].observe([], elsewhere) == []
    whole = bench.scope.__class__(bench.identity.instance, bench.identity.origin, frozenset(), whole=True)
    assert len(bench.kinds["container"].observe([], whole)) == 1
    bench.do(Action.REMOVE, seen=stray)
    bench.do(Action.REMOVE, seen=stray)
    assert bench.look() == {}


def test_a_change_to_what_has_gone_is_overtaken(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.container()
    seen = bench.create(wanted)
    sdk.remove_container(seen.id, force=True)
    for action in (Action.UPDATE, Action.REPLACE):
        with pytest.raises(Overtaken):
            bench.do(action, wanted, seen)
    bench.do(Action.REMOVE, wanted, seen)


def test_a_moved_tag_is_a_difference_of_the_image(bench: Bench, docker_host: str) -> None:
    reference = f"{bench.stack}:moving"
    first = images.load(docker_host, reference, Env=["PATH=/bin", "A=1"])
    wanted = bench.container(Image=reference)
    bench.create(wanted)
    try:
        second = images.load(docker_host, reference, Env=["PATH=/bin", "A=2"])
        [difference] = bench.seen(wanted).differences
        assert (difference.path, difference.seen, difference.wanted) == ("image", first, second)
        assert (difference.declared, difference.remedy) == (False, Remedy.REPLACE)
        other = bench.differences(bench.container(Image="windlass-test/there-is-none:1"))
        assert (other["image"].seen, other["image"].declared) == (reference, True)
        assert bench.replace(wanted).differences == ()
    finally:
        images.unload(docker_host, reference, first)


def test_a_key_that_is_not_ours_makes_every_difference_drift(bench: Bench) -> None:
    bench.create(bench.container(Env=["A=1"]))
    forgetful = Bench(bench.engine, bench.stack, bench.image, key=b"another")
    seen = forgetful.seen(bench.container(Env=["A=2"]))
    assert (seen.owner, [one.declared for one in seen.differences]) == (Owner.OURS, [False])


def test_a_network_namespace_of_another_container_is_known_by_name(bench: Bench) -> None:
    bench.create(bench.container("donor", IpcMode="shareable"))
    mode = f"container:{bench.name('donor')}"
    wanted = bench.container(NetworkMode=mode, PidMode=mode, IpcMode=mode)
    seen = bench.create(wanted)
    assert seen.differences == ()
    assert Key("container", bench.name("donor")) in seen.uses
    bench.replace(bench.container("donor", IpcMode="shareable", Env=["A=1"]))
    assert set(bench.differences(wanted)) >= {"network_mode", "pid", "ipc"}, "the namespaces are gone with the donor"


def test_a_link_is_a_use_and_is_known_by_name(bench: Bench) -> None:
    bench.create(bench.container("db"))
    wanted = bench.container(Links=[f"{bench.name('db')}:sql", f"{bench.name('db')}:db"])
    seen = bench.create(wanted)
    assert seen.differences == ()
    assert Key("container", bench.name("db")) in seen.uses


def test_an_update_can_start_anew_what_runs(bench: Bench) -> None:
    wanted = bench.container(StopTimeout=0)
    bench.create(wanted)
    before = bench.report(wanted)
    bench.do(Action.UPDATE, wanted, bench.seen(wanted), restarts=True)
    after = bench.report(wanted)
    assert after["State"]["Running"]
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]


def test_a_container_says_which_image_it_was_made_from_as_composes_do(bench: Bench) -> None:
    wanted = bench.container()
    assert bench.create(wanted).differences == ()
    report = bench.report(wanted)
    assert report["Config"]["Labels"]["com.docker.compose.image"] == report["Image"]


@pytest.mark.parametrize(
    ("body", "condition", "gate", "words"),
    [
        ({"Cmd": ["sh", "-c", "echo oh dear; exit 3"]}, Condition.COMPLETED, Gate.FAILED, "exit code 3\noh dear"),
        (
            {"Healthcheck": {"Test": ["CMD", "false"], "Interval": 10**8, "Retries": 1}},
            Condition.HEALTHY,
            Gate.FAILED,
            "unhealthy",
        ),
        ({"Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**12}}, Condition.HEALTHY, Gate.PENDING, "not passed"),
    ],
)
def test_a_gate_says_whether_it_holds_and_why_not(
    bench: Bench, body: dict[str, Any], condition: Condition, gate: Gate, words: str
) -> None:
    wanted = bench.container(**body)
    bench.do(Action.CREATE, wanted)
    probe = bench.kinds["container"].probe
    found = until(lambda: answer if (answer := probe(wanted.key, condition)).gate is gate else None)
    assert found.gate is gate
    assert words in found.detail


def test_a_job_that_is_done_is_as_wanted(bench: Bench) -> None:
    wanted = bench.container(state="completed", Cmd=["true"])
    bench.do(Action.CREATE, wanted)
    until(lambda: bench.report(wanted)["State"]["Status"] == "exited")
    seen = bench.seen(wanted)
    assert (seen.differences, seen.health, seen.detail, seen.over) == ((), Health.HEALTHY, "completed", True)
    stays = bench.seen(bench.container(Cmd=["true"]))
    assert [one.path for one in stays.differences] == ["state"]
    assert stays.health is Health.DEGRADED


def test_what_is_to_share_something_of_a_container_that_is_not_there_is_refused(bench: Bench) -> None:
    wanted = bench.container(NetworkMode=f"container:{bench.name('missing')}")
    with pytest.raises(Refused, match=r"there is no container .*-missing here") as caught:
        bench.do(Action.CREATE, wanted)
    assert caught.value.reason == "ContainerMissing"


def test_where_the_engine_is_too_old_for_one_nothing_of_its_stack_is_touched(rig: Rig, busybox: str) -> None:
    if rig.engine.api >= (1, 44):
        pytest.skip("this engine can do all of it")
    text = f"""
        services:
          web: {{image: "{busybox}", stop_grace_period: 0s, networks: {{front: }}}}
          api: {{image: "{busybox}", stop_grace_period: 0s, networks: {{front: }}}}
        networks: {{front: }}
    """
    rig.apply(text)
    before = rig.container("web")["Id"], rig.container("api")["Id"]
    newer = text.replace("web: {", "web: {healthcheck: {test: 'true', start_period: 1s, start_interval: 1s}, ")
    newer = newer.replace("api: {", "api: {user: '1', ")
    report = rig.take(newer)
    assert {str(change.action) for change in report.plan.changes} == {"hold"}
    assert report.failure
    assert (report.failure.reason, "the start_interval of a health check (API 1.44)" in report.failure.message) == (
        "EngineTooOld",
        True,
    )
    assert (rig.container("web")["Id"], rig.container("api")["Id"]) == before
