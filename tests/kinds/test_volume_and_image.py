"""Volumes are made and never touched again; images are there or pulled."""

from __future__ import annotations

import hashlib

import docker
import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.kinds import volume
from agent.kinds.table import compare, fingerprint
from agent.model import Action, Condition, Key, Owner, Remedy, Resource
from agent.probe import Gate
from tests.kinds.bench import Bench

pytestmark = pytest.mark.engine


def test_a_volume_is_as_wanted_once_it_is_made(bench: Bench) -> None:
    wanted = bench.volume(Labels={"x": "1"}, Driver="local", DriverOpts={"type": "tmpfs", "device": "tmpfs"})
    seen = bench.create(wanted)
    assert (seen.owner, seen.differences, seen.keeps_data) == (Owner.OURS, (), True)
    other = bench.seen(bench.volume(Labels={"x": "2"}, DriverOpts={"type": "tmpfs", "device": "x"}))
    assert {(one.path, one.remedy, one.declared) for one in other.differences} == {
        ("labels.x", Remedy.NEVER, True),
        ("driver_opts.device", Remedy.NEVER, True),
    }


def test_a_volume_that_nobody_marked_is_used_as_it_is(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.volume(Labels={"x": "1", "com.docker.compose.volume": "data"})
    sdk.create_volume(wanted.key.name)
    seen = bench.seen(wanted)
    assert (seen.owner, seen.differences) == (Owner.ADOPTABLE, ())


@pytest.mark.parametrize(
    ("labels", "owner"),
    [
        ({"com.docker.compose.project": "{stack}", "com.docker.compose.volume": "data"}, Owner.ADOPTABLE),
        ({"com.docker.compose.project": "other", "com.docker.compose.volume": "data"}, Owner.FOREIGN),
        ({"windlass.instance": "another"}, Owner.FOREIGN),
    ],
)
def test_whose_a_volume_is(bench: Bench, sdk: docker.APIClient, labels: dict[str, str], owner: Owner) -> None:
    wanted = bench.volume(Labels={"com.docker.compose.volume": "data"})
    sdk.create_volume(wanted.key.name, labels={key: value.format(stack=bench.stack) for key, value in labels.items()})
    assert bench.seen(wanted).owner is owner


def test_nothing_removes_a_volume(bench: Bench) -> None:
    wanted = bench.volume()
    bench.create(wanted)
    [stray] = bench.kinds["volume"].observe([], bench.scope)
    assert (stray.key, stray.keeps_data) == (wanted.key, True)
    for action in (Action.REMOVE, Action.REPLACE, Action.UPDATE):
        with pytest.raises(Refused) as caught:
            bench.do(action, wanted, stray)
        assert caught.value.reason == "VolumeImmutable"
    assert bench.kinds["volume"].probe(wanted.key, Condition.EXISTS)[0] is Gate.PASSED
    assert not [name for name in dir(Engine) if "volume" in name and ("remove" in name or "prune" in name)]


def image(bench: Bench, reference: str, platform: str = "") -> Resource:
    spec = {"reference": reference, "platform": platform}
    return Resource(Key("image", reference), bench.stack, spec, prepares=True, on_demand=True)


def test_an_image_is_there_or_is_pulled(bench: Bench) -> None:
    there = image(bench, bench.image)
    assert bench.seen(there).differences == ()
    bench.do(Action.CREATE, there)
    missing = image(bench, "127.0.0.1:1/windlass-test/none:1")
    assert bench.look(missing) == {}
    with pytest.raises(Refused) as caught:
        bench.do(Action.CREATE, missing)
    assert caught.value.reason == "ImagePullFailed"
    assert bench.kinds["image"].probe(there.key, Condition.EXISTS)[0] is Gate.PASSED


def test_an_image_of_another_platform_is_to_be_replaced(bench: Bench) -> None:
    assert bench.seen(image(bench, bench.image, "linux")).differences == ()
    [difference] = bench.seen(image(bench, bench.image, "linux/s390x")).differences
    assert (difference.path, difference.wanted, difference.remedy) == ("platform", "linux/s390x", Remedy.REPLACE)


def test_a_volume_that_is_called_like_an_anonymous_one_is_meant_by_its_name(
    bench: Bench, sdk: docker.APIClient
) -> None:
    """As somebody does who saves the data of an anonymous one."""
    name, other = (hashlib.sha256(f"{bench.stack}{one}".encode()).hexdigest() for one in "ab")
    try:
        wanted = bench.container(Binds=[f"{name}:/data:rw"])
        assert bench.create(wanted).differences == ()
        assert bench.replace(bench.container(Binds=[f"{name}:/data:rw"], Env=["A=1"])).differences == ()
        moved = bench.container(Binds=[f"{other}:/data:rw"], Env=["A=1"])
        assert list(bench.differences(moved)) == ["volumes./data"]
        assert bench.replace(moved).differences == ()
        assert [mount["Name"] for mount in bench.report(moved)["Mounts"]] == [other]
    finally:
        bench.engine.remove_container(wanted.key.name, force=True)
        for one in (name, other):
            sdk.remove_volume(one)


def test_a_volume_that_goes_to_another_stack_or_is_called_otherwise_there_is_used_as_it_is(bench: Bench) -> None:
    """Its name on the host is the same, so it is the same volume."""
    labels = {"com.docker.compose.project": "one", "com.docker.compose.volume": "data", "x": "1"}
    bench.create(bench.volume(Labels=labels))
    moved = {"com.docker.compose.project": "two", "com.docker.compose.volume": "kept"}
    seen = bench.seen(bench.volume(Labels={**labels, **moved}))
    assert (seen.owner, seen.differences) == (Owner.OURS, ())
    assert [one.path for one in bench.seen(bench.volume(Labels={**labels, **moved, "x": "2"})).differences] == [
        "labels.x"
    ]


def test_the_driver_of_a_volume_may_be_a_plugin_without_its_tag() -> None:
    body = {"Driver": "vieux/sshfs"}
    made = fingerprint(volume.TABLE, body, b"k")
    for driver, paths in (("vieux/sshfs:latest", []), ("vieux/sshfs", []), ("vieux/sshfs:next", ["driver"])):
        facts = volume.Facts(body, {"Driver": driver}, Owner.OURS)
        assert [one.path for one in compare(volume.TABLE, facts, made, made)] == paths
