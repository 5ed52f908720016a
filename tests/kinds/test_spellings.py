"""What may be written in more than one way, or is left out by an engine or a kernel that does not know it: as wanted
all the same. Else it would be made anew at each look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import docker
import pytest

from agent.kinds.container_facts import Facts
from agent.kinds.container_fields import TABLE
from agent.kinds.table import compare, fingerprint
from tests.kinds.bench import Bench

ADDRESS = "02:42:ac:11:00:9a"
MOUNT = {"Type": "bind", "Source": "/tmp", "Target": "/x", "ReadOnly": True}


@pytest.mark.engine
@pytest.mark.parametrize(
    "body",
    [
        {"WorkingDir": "//app"},
        {"MacAddress": ADDRESS.replace(":", "-").upper()},
        {"MacAddress": "0242.ac11.009a"},
        {"Mounts": [{**MOUNT, "BindOptions": {"ReadOnlyNonRecursive": True}}]},
    ],
    ids=["slashes", "dashes", "dots", "as older engines mount anyway"],
)
def test_a_container_is_as_wanted_however_that_is_written(bench: Bench, body: dict[str, Any]) -> None:
    assert bench.create(bench.container(**body)).differences == ()


@pytest.mark.engine
def test_what_is_to_be_on_no_network_is_taken_off_one(bench: Bench, sdk: docker.APIClient) -> None:
    front, wanted = bench.network(), bench.container(NetworkMode="none")
    bench.create(front)
    assert bench.create(wanted).differences == ()
    sdk.disconnect_container_from_network(wanted.key.name, "none")
    sdk.connect_container_to_network(wanted.key.name, front.key.name)
    assert list(bench.differences(wanted)) == [f"networks.{front.key.name}"]
    assert bench.update(wanted).differences == ()
    sdk.restart(wanted.key.name, timeout=0)
    assert bench.seen(wanted).differences == ()
    assert front.key.name not in bench.report(wanted)["NetworkSettings"]["Networks"]


def seen(body: dict[str, Any], report: dict[str, Any], **more: Any) -> list[str]:
    """In what a container differs that was made from the body."""
    host = {"NetworkMode": "front", **body.pop("HostConfig", {})}
    endpoints = {"front": body.pop("Endpoint", {})}
    whole = {**body, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": endpoints}}
    inspect = {
        "Id": "f" * 64,
        "Name": "/web",
        "Config": body,
        "State": {"Status": "running"},
        "HostConfig": {**host, **report.pop("HostConfig", {})},
        "NetworkSettings": {"Networks": {"front": {**endpoints["front"], **report.pop("Endpoint", {})}}},
    }
    facts = replace(Facts("web", {"body": whole}, inspect, {}, api=(1, 51)), **more)
    made = fingerprint(TABLE, facts.spec, b"k")
    return [one.path for one in compare(TABLE, facts, made, made)]


LONG, SHORT = "2001:DB8:0:0::5", "2001:db8::5"


@pytest.mark.parametrize(
    ("body", "report"),
    [
        ({"Endpoint": {"IPAMConfig": {"IPv6Address": LONG}}}, {"Endpoint": {"IPAMConfig": {"IPv6Address": SHORT}}}),
        (
            {"Endpoint": {"IPAMConfig": {"LinkLocalIPs": ["FE80::0:1"]}}},
            {"Endpoint": {"IPAMConfig": {"LinkLocalIPs": ["fe80::1"]}}},
        ),
        ({"HostConfig": {"Dns": [LONG, "1.1.1.1"]}}, {"HostConfig": {"Dns": [SHORT, "1.1.1.1"]}}),
        (
            {"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "0:0::1", "HostPort": "80"}]}}},
            {"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "::1", "HostPort": "80"}]}}},
        ),
    ],
    ids=["ipv6_address", "link_local_ips", "dns", "ports"],
)
def test_an_address_is_the_same_in_any_spelling(body: dict[str, Any], report: dict[str, Any]) -> None:
    """Newer engines report them in the shortest one."""
    assert seen(body, report) == []


@pytest.mark.parametrize(
    ("asked", "reported", "daemon"),
    [
        ({"MemorySwappiness": 10}, {"MemorySwappiness": None}, {"CgroupVersion": "2"}),
        ({"MemorySwappiness": 10}, {"MemorySwappiness": None}, {"CgroupVersion": "1", "MemoryLimit": False}),
        ({"MemoryReservation": 1 << 20}, {"MemoryReservation": 0}, {"MemoryLimit": False}),
    ],
)
def test_a_limit_that_the_kernel_does_not_have_is_no_difference(
    asked: dict[str, Any], reported: dict[str, Any], daemon: dict[str, Any]
) -> None:
    assert seen({"HostConfig": dict(asked)}, {"HostConfig": reported}, daemon=daemon) == []
    able = {"CgroupVersion": "1", "MemoryLimit": True}
    assert len(seen({"HostConfig": dict(asked)}, {"HostConfig": reported}, daemon=able)) == 1


@pytest.mark.parametrize(("made", "wanted"), [(None, False), (True, False), (False, True), (True, None), (None, True)])
def test_no_process_to_reap_others_is_not_the_same_as_nothing_said(made: bool | None, wanted: bool | None) -> None:
    """An engine may have one by default (`dockerd --init`)."""
    asked = {} if wanted is None else {"Init": wanted}
    assert seen({"HostConfig": asked}, {"HostConfig": {"Init": made}}) == ["init"]
    assert seen({"HostConfig": asked}, {"HostConfig": {"Init": wanted}}) == []
