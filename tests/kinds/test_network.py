"""Networks on the real engine: names that repeat, defaults that the engine fills in, whose they are."""

from __future__ import annotations

from typing import Any

import docker
import pytest

from agent.errors import Refused
from agent.model import Action, Condition, Key, Owner, Remedy
from agent.probe import Gate
from tests.kinds.bench import Bench

pytestmark = pytest.mark.engine


def pool(bench: Bench, **more: str) -> dict[str, Any]:
    """An address pool that other tests do not use."""
    number = int(bench.stack[-4:], 16)
    middle = f"10.{100 + number % 50}.{number // 50 % 250}"
    return {"Config": [{"Subnet": f"{middle}.0/24", **{key: f"{middle}.{end}" for key, end in more.items()}}]}


OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("internal", {"Internal": True}, {}),
    ("attachable", {"Attachable": True}, {"Attachable": False}),
    ("labels.x", {"Labels": {"x": "1"}}, {"Labels": {"x": "2"}}),
    ("driver_opts.com.docker.network.driver.mtu", {"Options": {"com.docker.network.driver.mtu": "1400"}}, {}),
]


@pytest.mark.parametrize(("path", "one", "other"), OPTIONS, ids=[path for path, _, _ in OPTIONS])
def test_a_field_that_is_set_is_as_wanted_and_another_differs(
    bench: Bench, path: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    seen = bench.create(bench.network(**one))
    assert (seen.owner, seen.differences) == (Owner.OURS, ())
    changed = bench.network(**other)
    [difference] = bench.seen(changed).differences
    assert (difference.path, difference.declared, difference.remedy) == (path, True, Remedy.REPLACE)
    again = bench.replace(changed)
    assert again.differences == ()
    assert again.id != seen.id


def test_another_driver_differs(bench: Bench) -> None:
    bench.create(bench.network(Driver="bridge"))
    assert bench.seen(bench.network()).differences == ()
    [difference] = bench.seen(bench.network(Driver="macvlan")).differences
    assert (difference.path, difference.seen, difference.wanted) == ("driver", "bridge", "macvlan")


def test_addresses_that_the_engine_fills_in_are_no_difference(bench: Bench) -> None:
    assert bench.create(bench.network(IPAM=pool(bench))).differences == ()
    with_gateway = bench.network(IPAM=pool(bench, Gateway="7"))
    assert [one.path for one in bench.seen(with_gateway).differences] == ["ipam.config"]
    assert bench.replace(with_gateway).differences == ()
    assert [one.path for one in bench.seen(bench.network()).differences] == ["ipam.config"], "it was asked for once"


def test_a_subnet_that_is_taken_is_named_so(bench: Bench) -> None:
    bench.create(bench.network("one", IPAM=pool(bench)))
    with pytest.raises(Refused) as caught:
        bench.create(bench.network("two", IPAM=pool(bench)))
    assert caught.value.reason == "SubnetOverlap"
    assert f"of network {bench.network('one').key.name}: choose another subnet" in caught.value.message


@pytest.mark.usefixtures("namesakes")
def test_of_several_networks_of_one_name_ours_is_taken(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.network()
    sdk.create_network(wanted.key.name, check_duplicate=False)
    assert bench.seen(wanted).owner is Owner.FOREIGN
    with pytest.raises(Refused) as caught:
        bench.create(wanted)
    assert caught.value.reason == "NameConflict"
    labels = {"windlass.instance": bench.identity.instance, "windlass.name": wanted.key.name}
    ours = [sdk.create_network(wanted.key.name, check_duplicate=False, labels=labels)["Id"] for _ in range(2)]
    seen = bench.look(wanted)
    assert seen[wanted.key].id in ours
    [leftover] = [one for one in seen.values() if one.leftover]
    assert {seen[wanted.key].id, leftover.id} == set(ours)
    bench.do(Action.REMOVE, seen=leftover)
    assert set(bench.look(wanted)) == {wanted.key}


def test_a_network_is_not_removed_from_under_a_container(bench: Bench) -> None:
    network = bench.create(bench.network())
    name = bench.name("front")
    container = bench.container(NetworkMode=name, NetworkingConfig={"EndpointsConfig": {name: {}}})
    bench.create(container)
    with pytest.raises(Refused) as caught:
        bench.do(Action.REMOVE, seen=network)
    assert caught.value.reason == "NetworkInUse"
    bench.engine.stop_container(container.key.name, 0)
    bench.do(Action.REMOVE, seen=network)
    bench.do(Action.REMOVE, seen=network)


def test_what_compose_made_is_adopted(bench: Bench, sdk: docker.APIClient) -> None:
    labels = {"com.docker.compose.project": bench.stack, "com.docker.compose.network": "front"}
    wanted = bench.network(Labels=labels)
    sdk.create_network(wanted.key.name, labels={**labels, "com.docker.compose.version": "2.26.1"})
    seen = bench.seen(wanted)
    assert (seen.owner, seen.differences) == (Owner.ADOPTABLE, ())
    other = bench.network(Labels={**labels, "com.docker.compose.network": "back"})
    assert bench.seen(other).owner is Owner.FOREIGN


def test_pruning_keeps_to_the_scope_and_a_gate_to_the_name(bench: Bench) -> None:
    bench.create(bench.network("gone"))
    key = Key("network", bench.name("gone"))
    [stray] = bench.kinds["network"].observe([], bench.scope)
    assert (stray.key, stray.owner, stray.stack) == (key, Owner.OURS, bench.stack)
    assert bench.kinds["network"].probe(key, Condition.EXISTS)[0] is Gate.PASSED
    bench.do(Action.REMOVE, seen=stray)
    assert bench.kinds["network"].probe(key, Condition.EXISTS)[0] is Gate.FAILED


def test_a_strangers_container_on_a_network_that_cannot_stay_is_told(
    bench: Bench, sdk: docker.APIClient, busybox: str
) -> None:
    wanted = bench.network()
    bench.create(wanted)
    stranger = f"{bench.stack}-stranger"
    made = sdk.create_container(
        busybox, name=stranger, host_config=sdk.create_host_config(network_mode=wanted.key.name)
    )
    sdk.start(made)
    assert Key("container", stranger) not in bench.look(wanted), "of a network that is as wanted nothing is asked"
    seen = bench.look(bench.network(Internal=True))[Key("container", stranger)]
    assert (seen.owner, seen.uses) == (Owner.FOREIGN, frozenset({wanted.key}))
