"""Which ports of the host a container is going to hold, and which of two cannot be held at a time."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host_ports import HostPort, asked_for
from tests.compose.tree import wanted


def test_a_port_reads_as_people_write_it() -> None:
    ports = [HostPort(80), HostPort(53, "udp", "10.0.0.1"), HostPort(80, address="::1")]
    assert [str(port) for port in ports] == ["80/tcp", "10.0.0.1:53/udp", "[::1]:80/tcp"]


@pytest.mark.parametrize(
    ("bindings", "held"),
    [
        ({"80/tcp": [{"HostPort": "8080"}]}, {HostPort(8080)}),
        ({"80": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}, {HostPort(8080)}),
        ({"80/tcp": [{"HostIp": "::", "HostPort": "8080"}]}, {HostPort(8080)}),
        ({"53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}]}, {HostPort(53, "udp", "10.0.0.1")}),
        ({"80/tcp": [{"HostPort": "1"}, {"HostPort": "2"}]}, {HostPort(1), HostPort(2)}),
        ({"80/tcp": [{"HostPort": "8000-8005"}]}, set()),
        ({"80/tcp": [{"HostPort": "0"}, {"HostPort": ""}, {}], "81/tcp": None}, set()),
    ],
    ids=["all addresses", "IPv4", "IPv6", "one address", "two", "one of a range", "any"],
)
def test_what_is_published_is_held(bindings: dict[str, Any], held: set[HostPort]) -> None:
    assert asked_for({"PortBindings": bindings}, ["80/tcp"]) == held


def test_what_is_on_the_network_of_the_host_most_likely_holds_what_it_exposes() -> None:
    host = {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}
    likely = {HostPort(80, certain=False), HostPort(53, "udp", certain=False)}
    assert asked_for(host, ["80/tcp", "53/udp", "3000-3005"]) == likely
    assert asked_for(host, ()) == frozenset()


def test_a_service_is_known_by_the_ports_that_it_publishes() -> None:
    text = """
services:
  a: {image: x, ports: ["127.0.0.1:8080:80", "9000-9001:9000-9001/udp", "81", {target: 82, published: 82, mode: host}]}
  b: {image: x, network_mode: host, expose: ["53/udp"]}
  c: {image: x, expose: ["53/udp"]}
"""
    found = wanted(text)
    assert found["container/web-a-1"].ports == {
        *(HostPort(8080, address="127.0.0.1"), HostPort(9000, "udp"), HostPort(9001, "udp"), HostPort(82)),
    }
    assert found["container/web-b-1"].ports == {HostPort(53, "udp", certain=False)}
    assert found["container/web-c-1"].ports == frozenset()
