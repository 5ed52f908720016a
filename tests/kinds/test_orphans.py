"""Only a volume that this instance made, that no container has and that nobody wants is removed, on a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from agent.engine.disposal import Disposal
from agent.errors import Refused
from agent.orphans import Orphan, Orphans
from tests.kinds.bench import Bench

pytestmark = pytest.mark.engine


@pytest.fixture
def disposal(docker_host: str) -> Iterator[Disposal]:
    engine = Disposal(docker_host, timeout=60)
    yield engine
    engine.close()


@pytest.fixture
def name(bench: Bench) -> str:
    """A volume that the bench's instance made."""
    wanted = bench.volume()
    bench.create(wanted)
    return wanted.key.name


def refusal(orphans: Orphans, name: str) -> str:
    with pytest.raises(Refused) as refused:
        orphans.remove(name)
    assert refused.value.reason == "VolumeKept"
    return refused.value.message


def test_an_orphan_is_listed_and_removed_by_its_name(
    bench: Bench, disposal: Disposal, sdk: docker.APIClient, name: str
) -> None:
    orphans = Orphans(disposal, bench.scope.instance)
    (found,) = orphans.all()
    assert (found.name, found.stack) == (name, bench.stack)
    assert isinstance(found, Orphan)
    assert orphans.remove(name).name == name
    with pytest.raises(docker.errors.NotFound):
        sdk.inspect_volume(name)
    assert orphans.all() == ()
    assert "there is no such volume" in refusal(orphans, name)


@pytest.mark.parametrize("running", [False, True])
def test_what_a_container_has_is_kept(
    bench: Bench, disposal: Disposal, sdk: docker.APIClient, prefix: str, busybox: str, name: str, running: bool
) -> None:
    config = sdk.create_host_config(binds=[f"{name}:/data"])
    made = sdk.create_container(busybox, name=f"{prefix}user", host_config=config)
    if running:
        sdk.start(made["Id"])
    orphans = Orphans(disposal, bench.scope.instance)
    assert orphans.all() == ()
    assert f"container {prefix}user has it" in refusal(orphans, name)
    assert sdk.inspect_volume(name)


def test_what_is_wanted_or_may_be_is_kept(bench: Bench, disposal: Disposal, sdk: docker.APIClient, name: str) -> None:
    wanted = Orphans(disposal, bench.scope.instance, wanted=frozenset({name}))
    unread = Orphans(disposal, bench.scope.instance, unread=frozenset({bench.stack}))
    assert (wanted.all(), unread.all()) == ((), ())
    assert "it is wanted" in refusal(wanted, name)
    assert f"stack {bench.stack} cannot be read now" in refusal(unread, name)
    assert sdk.inspect_volume(name)


def test_what_others_made_is_kept(
    bench: Bench, disposal: Disposal, sdk: docker.APIClient, prefix: str, name: str
) -> None:
    other = Orphans(disposal, "another-instance")
    assert "was not made by this agent" in refusal(other, name)
    sdk.create_volume(f"{prefix}plain")
    labels = {"windlass.instance": bench.scope.instance, "windlass.name": "something-else"}
    sdk.create_volume(f"{prefix}copied", labels=labels)
    ours = Orphans(disposal, bench.scope.instance)
    assert "was not made by this agent" in refusal(ours, f"{prefix}plain")
    assert "was not made by this agent" in refusal(ours, f"{prefix}copied")
    assert [one.name for one in ours.all()] == [name]
