"""Networks that are made anew: what keeps them from it, and what becomes of other stacks' containers."""

from __future__ import annotations

from typing import Any

import docker
import pytest

from agent.kinds.network_overlap import overlap
from agent.model import Key, Scope, Stack
from agent.reconcile import Turn
from tests.kinds.rig import Rig


def body(*subnets: str, **more: Any) -> dict[str, Any]:
    return {"IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets]}, **more}


OWN = body("10.9.0.0/16", Id="own", Name="own", Scope="local")


@pytest.mark.parametrize(
    ("wanted", "other", "is_in_the_way"),
    [
        (body("10.1.0.0/16"), body("10.1.2.0/24"), True),
        (body("10.1.2.0/24"), body("10.1.0.0/16"), True),
        (body("10.2.0.0/16", "10.1.0.0/16"), body("10.3.0.0/16", "10.1.0.0/16"), True),
        (body("fd00:1::/64"), body("fd00::/16"), True),
        (body("10.1.0.0/16"), body("10.2.0.0/16"), False),
        (body("10.1.0.0/16"), body("fd00::/16"), False),
        (body("10.1.0.0/16"), body("10.1.0.0/16", Scope="swarm"), False),
        (body("10.1.0.0/16", Driver="overlay"), body("10.1.0.0/16"), False),
        (body("10.1.0.0/16"), {"IPAM": {"Driver": "null", "Config": [{"Subnet": "10.1.0.0/16"}]}}, False),
        ({}, body("10.1.0.0/16"), False),
        ({"IPAM": {"Config": [{"Gateway": "10.1.0.1"}]}}, body("10.1.0.0/16"), False),
    ],
)
def test_a_subnet_that_another_network_has_is_in_the_way(
    wanted: dict[str, Any], other: dict[str, Any], is_in_the_way: bool
) -> None:
    found = overlap(wanted, OWN, [OWN, {"Scope": "local", **other, "Id": "other", "Name": "theirs"}])
    assert (found is not None) is is_in_the_way
    if found is not None:
        assert (found.reason, "network theirs" in found.message) == ("SubnetOverlap", True)


def test_its_own_addresses_are_not_in_the_way_of_a_network() -> None:
    assert overlap(body("10.9.1.0/24"), OWN, [OWN]) is None


@pytest.mark.engine
def test_a_subnet_that_overlaps_takes_nothing_down(rig: Rig, busybox: str, sdk: docker.APIClient) -> None:
    number = int(rig.stack[-4:], 16)
    subnet = f"10.{150 + number % 50}.{number // 50 % 250}.0/24"
    pool = docker.types.IPAMPool(subnet=subnet)
    sdk.create_network(f"{rig.stack}-theirs", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    service = f"{{image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s, networks: [front]}}"
    text = f"services: {{web: {service}}}\nnetworks: {{front: {{}}}}\n"
    rig.apply(text)
    before = rig.container("web")
    report = rig.take(text.replace("front: {}", f"front: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}"))
    assert report.failure is not None
    assert report.failure.reason == "SubnetOverlap"
    assert f"overlaps with {subnet} of network {rig.stack}-theirs" in report.failure.message
    assert (rig.calls, rig.container("web")["Id"]) == ([], before["Id"])


@pytest.mark.engine
def test_what_another_stack_has_on_a_network_is_on_the_new_one_as_it_was(
    rig: Rig, busybox: str, sdk: docker.APIClient
) -> None:
    owner, front = rig.stack, f"{rig.stack}_front"
    service = f"{{image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s"
    made = f"services: {{web: {service}, networks: [front]}}}}\nnetworks: {{front: {{labels: {{x: a}}}}}}\n"
    taken = (
        f"services: {{web: {service}, networks: {{front: {{aliases: [guest]}}}}}}}}\n"
        f"networks: {{front: {{external: true, name: {front}}}}}\n"
    )
    rig.apply(made)
    rig.stack = f"{owner}b"
    rig.scope = Scope(rig.identity.instance, rig.identity.origin, frozenset({rig.stack}))
    rig.apply(taken)
    before = rig.container("web")
    rig.stack, rig.scope = owner, Scope(rig.identity.instance, rig.identity.origin, frozenset({owner}))
    assert rig.apply(made.replace("x: a", "x: b")) == {f"{owner}-web-1": "remove, create", front: "remove, create"}
    rig.stack = f"{owner}b"
    after = rig.container("web")
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    endpoint = after["NetworkSettings"]["Networks"][front]
    assert endpoint["NetworkID"] == sdk.inspect_network(front)["Id"]
    assert "guest" in endpoint["Aliases"]
    rig.scope = Scope(rig.identity.instance, rig.identity.origin, frozenset({rig.stack}))
    assert rig.take(taken).plan.changes == (), "it finds nothing to mend"
    stranger = sdk.create_container(busybox, name=f"{owner}-stranger", command=["sleep", "600"])
    sdk.connect_container_to_network(stranger["Id"], front)
    sdk.start(stranger)
    rig.stack, rig.scope = owner, Scope(rig.identity.instance, rig.identity.origin, frozenset({owner}))
    held = {change.key: change.code for change in rig.plan(made.replace("x: a", "x: c")).changes}
    assert held[Key("network", front)] == "InUse", "of nobody's container nothing is known"


@pytest.mark.engine
def test_in_one_turn_the_network_of_one_stack_is_seen_as_that_one_wants_it(rig: Rig, busybox: str) -> None:
    """Also where others want it, whichever way: as external, or by a mistake as their own."""
    prefix, front = rig.stack, f"{rig.stack}_front"
    service = f"{{image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s, networks: [front]}}"

    def stack(name: str, network: str) -> Stack:
        rig.stack = f"{prefix}{name}"
        return rig.stack_of(f"services: {{web: {service}}}\nnetworks: {{front: {{name: {front}, {network}}}}}\n")

    scope = Scope(rig.identity.instance, rig.identity.origin, frozenset({f"{prefix}{name}" for name in "abc"}))
    others = (stack("c", "external: true"),)
    for made in (stack("b", "labels: {x: a}"), stack("b", "labels: {x: b}")):
        done = {one.stack: one for one in rig.reconciler.take(Turn((made, *others), scope, "test"))}
        assert (done[f"{prefix}b"].failure, done[f"{prefix}b"].synced) == (None, True)
    assert rig.engine.inspect_network(front)["Labels"]["x"] == "b"  # type: ignore[index]  # it is there
    before = rig.container("web")  # of b
    again = (stack("a", "labels: {x: a}"), made, *others)
    rig.reconciler.take(Turn(again, scope, "test"))
    held = rig.reconciler.look(Turn(again, scope, "test")).plan
    assert [(str(one.key), one.stack, one.code) for one in held.changes] == [
        (f"network/{front}", f"{prefix}a", "NameConflict")
    ]
    rig.stack = f"{prefix}b"
    assert rig.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]


@pytest.mark.engine
def test_what_is_only_called_like_a_twin_is_left_alone(rig: Rig, busybox: str) -> None:
    service = f"image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s"
    text = f"""
        services:
          db: {{{service}, container_name: {rig.stack}-db, networks: [back]}}
          other: {{{service}, container_name: {rig.stack}-db.next}}
        networks: {{back: {{labels: {{x: a}}}}}}
    """
    rig.apply(text)
    before = rig.engine.inspect_container(f"{rig.stack}-db.next")
    done = rig.apply(text.replace("x: a", "x: b"))
    assert done == {f"{rig.stack}-db": "remove, create", f"{rig.stack}_back": "remove, create"}
    after = rig.engine.inspect_container(f"{rig.stack}-db.next")
    assert (before and before["State"]["StartedAt"]) == (after and after["State"]["StartedAt"])


@pytest.mark.engine
def test_what_was_laid_aside_under_protection_stays_when_nobody_wants_it_and_comes_back(rig: Rig, busybox: str) -> None:
    service = f"image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s"
    db = f"db: {{{service}, volumes: [/data], x-windlass: {{protect: true}}}}"
    text = f"services:\n  web: {{{service}}}\n"
    rig.apply(f"{text}  {db}\n")
    data = rig.container("db")["Mounts"][0]["Name"]
    rig.engine.stop_container(rig.container("db")["Id"], 0)
    rig.engine.rename_container(rig.container("db")["Id"], f"{rig.stack}-db-1.old")  # as far as the agent came
    report = rig.take(text)
    assert report.failure is not None
    assert (report.failure.reason, rig.calls) == ("Protected", [])
    rig.take(f"{text}  {db}\n")
    assert rig.container("db")["Mounts"][0]["Name"] == data
