"""Containers that are made anew on the real engine: what they keep, and what becomes of the old one."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import docker
import pytest

from agent.errors import Refused, Unreachable
from agent.handling import Handling, Order, Rollout
from agent.kinds.container_mounts import anonymous
from agent.model import Action, Key, Owner
from tests.kinds.bench import Bench, rich

pytestmark = pytest.mark.engine

TAKEN = {"HostIp": "127.0.0.1", "HostPort": "that somebody else serves at"}


def test_a_network_made_anew_takes_its_stopped_users_along(nets: Bench, sdk: docker.APIClient) -> None:
    wanted = rich(nets)
    nets.create(wanted)
    sdk.stop(wanted.key.name, timeout=0)
    sdk.remove_network(nets.name("back"))
    nets.create(nets.network("back"))
    assert set(nets.differences(wanted)) == {"state", f"networks.{nets.name('back')}.id"}
    assert nets.update(wanted).differences == ()


def test_what_is_taken_away_and_comes_back_keeps_its_anonymous_volumes(nets: Bench) -> None:
    wanted = nets.container(Volumes={"/anonymous": {}})
    nets.create(wanted)
    volume = anonymous(nets.report(wanted))["/anonymous"]
    nets.do(Action.REMOVE, wanted, nets.seen(wanted))
    assert nets.engine.inspect_container(wanted.key.name) is None
    nets.create(wanted)
    assert anonymous(nets.report(wanted)) == {"/anonymous": volume}
    assert nets.engine.inspect_container(wanted.key.name + ".old") is None
    nets.do(Action.REMOVE, None, nets.seen(wanted))
    assert nets.engine.inspect_container(wanted.key.name + ".old") is None


def test_what_comes_back_is_there_although_the_one_before_it_cannot_be_removed(
    nets: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: Any, **_more: Any) -> None:
        raise Refused("remove container: driver failed to remove root filesystem: device or resource busy")

    wanted = nets.container(Volumes={"/anonymous": {}})
    nets.create(wanted)
    nets.do(Action.REMOVE, wanted, nets.seen(wanted))
    with monkeypatch.context() as patched:
        patched.setattr(nets.engine, "remove_container", busy)
        assert nets.create(wanted).differences == ()
    (left,) = (one for one in nets.look(wanted).values() if one.leftover)
    assert left.key.name == wanted.key.name + ".old"
    nets.do(Action.REMOVE, None, left)


def test_a_replacement_keeps_the_name_and_the_anonymous_volumes(nets: Bench) -> None:
    first, second = rich(nets), rich(nets, Env=["A=2"])
    old = nets.create(first).id
    volume = anonymous(nets.report(first))["/anonymous"]
    differences = nets.differences(second)
    assert set(differences) == {"environment.A", "environment.PASSWORD"}
    assert differences["environment.PASSWORD"].secret
    assert not differences["environment.A"].secret
    seen = nets.replace(second)
    assert seen.id != old
    assert seen.differences == ()
    assert anonymous(nets.report(second)) == {"/anonymous": volume}
    assert nets.engine.inspect_container(old) is None
    assert [one.key.name for one in nets.look(second).values()] == [second.key.name], "no leftovers"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"Cmd": ["/there/is/no/such/program"]}, "StartFailed"),
        ({"Image": "windlass-test/there-is-none:1"}, "ImageNotFound"),
        ({"Mounts": [{"Type": "bind", "Source": "/there/is/none", "Target": "/x"}]}, "MountSourceMissing"),
        ({"ExposedPorts": {"80/tcp": {}}, "PortBindings": {"80/tcp": [TAKEN]}}, "PortInUse"),
    ],
)
def test_a_replacement_that_is_refused_puts_the_old_one_back(bench: Bench, body: dict[str, Any], reason: str) -> None:
    first = bench.container()
    old = bench.create(first).id
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = json.dumps(body).replace(TAKEN["HostPort"], str(taken.getsockname()[1]))
        with pytest.raises(Refused) as caught:
            bench.replace(bench.container(**json.loads(text)))
    assert caught.value.reason == reason
    seen = bench.look(first)
    assert [(one.id, one.differences) for one in seen.values()] == [(old, ())]
    assert bench.report(first)["State"]["Running"]


def test_one_that_the_engine_can_never_start_again_is_made_anew_with_its_anonymous_volumes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as it leaves behind when it dies in the middle of a start, see `tests/faults`."""
    wanted = bench.container(Volumes={"/anonymous": {}})
    first = bench.create(wanted)
    volumes = anonymous(bench.report(wanted))
    bench.engine.stop_container(first.id, 0)
    start = bench.engine.start_container

    def cut(container: str) -> None:
        if container == first.id:
            raise Refused("start it: task 0a1b: already exists", reason="StartCut")
        start(container)

    monkeypatch.setattr(bench.engine, "start_container", cut)
    bench.do(Action.UPDATE, wanted, bench.seen(wanted))
    (seen,) = bench.look(wanted).values()
    assert seen.id != first.id
    assert seen.differences == ()
    assert (bench.report(wanted)["State"]["Running"], anonymous(bench.report(wanted))) == (True, volumes)


@pytest.mark.parametrize("order", [Order.STOP_FIRST, Order.START_FIRST])
def test_a_replacement_goes_on_with_another_one_where_the_engine_died_in_the_start_of_the_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, order: Order
) -> None:
    first = bench.create(bench.container())
    second = replace(bench.container(Env=["A=1"]), handling=Handling(rollout=Rollout(order)))
    start, cut = bench.engine.start_container, list[str]()

    def dies(container: str) -> None:
        cut.append(container)
        raise Unreachable("start it: the engine broke off the connection")

    def never_starts(container: str) -> None:
        if container in cut:
            raise Refused("start it: task 0a1b: already exists", reason="StartCut")
        start(container)

    monkeypatch.setattr(bench.engine, "start_container", dies)
    with pytest.raises(Unreachable):
        bench.do(Action.REPLACE, second, first)
    monkeypatch.setattr(bench.engine, "start_container", never_starts)
    seen = bench.replace(second)
    assert seen.id not in {first.id, *cut}
    assert seen.differences == ()
    assert set(bench.look(second)) == {second.key}, "neither the old one nor the one that was cut is left"


def test_the_old_one_is_back_although_the_engine_stumbles_over_the_removal_of_the_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.create(bench.container())
    second = bench.container(Cmd=["sh", "-c", "exit 3"], RestartPolicy={"Name": "always"})
    remove, stumbled = bench.engine.remove_container, list[str]()

    def stumbles(container: str, **options: bool) -> None:
        if container != first.id and not stumbled:
            stumbled.append(container)
            raise Refused("remove it: unlinkat: directory not empty", reason="EngineError")
        remove(container, **options)

    monkeypatch.setattr(bench.engine, "remove_container", stumbles)
    with pytest.raises(Refused) as caught:
        bench.do(Action.REPLACE, second, first)
    assert (caught.value.reason, len(stumbled)) == ("CrashOnStart", 1)
    assert (bench.report(second)["Id"], bench.report(second)["State"]["Running"]) == (first.id, True)


@pytest.mark.parametrize("runs", [False, True], ids=["it is down", "it runs on"])
def test_the_old_one_goes_on_where_the_new_one_cannot_be_removed_but_not_beside_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, runs: bool
) -> None:
    first = bench.create(bench.container())
    check = {"Test": ["CMD", "false"], "Interval": 10**8, "Retries": 1}
    second = bench.container(**({"Healthcheck": check} if runs else {"Cmd": ["sh", "-c", "exit 3"]}))
    remove = bench.engine.remove_container

    def is_busy(container: str, **_options: bool) -> None:
        raise Refused(f"remove {container}: device or resource busy", reason="EngineError")

    stop = bench.engine.stop_container

    def stop_but_the_new_one(container: str, grace: int | None = None) -> None:
        if runs and container != first.id:
            raise Refused(f"stop {container}: permission denied", reason="EngineError")
        stop(container, grace)

    monkeypatch.setattr(bench.engine, "stop_container", stop_but_the_new_one)
    monkeypatch.setattr(bench.engine, "remove_container", is_busy)
    for _ in range(2):
        with pytest.raises(Refused, match=r"the old one could not be put back: .* busy"):
            bench.do(Action.REPLACE, second, first)
        old, new = (bench.engine.inspect_container(f"{second.key.name}{twin}") for twin in (".old", ""))
        assert old
        assert new
        assert (old["Id"], old["State"]["Running"]) == (first.id, not runs)
        assert new["State"]["Running"] is runs
    monkeypatch.setattr(bench.engine, "remove_container", remove)
    with pytest.raises(Refused):
        bench.do(Action.REPLACE, second, first)
    assert (bench.report(second)["Id"], bench.report(second)["State"]["Running"]) == (first.id, True)


def test_what_a_cut_replacement_left_is_a_leftover_and_in_nobodys_way(bench: Bench, sdk: docker.APIClient) -> None:
    first, second = bench.container(), bench.container(Env=["A=1"])
    bench.create(first)
    labels = bench.report(first)["Config"]["Labels"]
    twin = f"{first.key.name}.next"
    sdk.create_container(bench.image, name=twin, labels=labels)
    seen = bench.look(first)
    assert seen[Key("container", twin)].leftover
    assert seen[Key("container", twin)].owner is Owner.OURS
    assert bench.replace(second).differences == ()
    assert set(bench.look(second)) == {second.key}
