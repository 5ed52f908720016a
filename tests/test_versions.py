"""What an engine is sent that is older than what the bodies are made for."""

from __future__ import annotations

from typing import Any

import pytest

from agent.versions import container_body, needs, network_body

ONE, TWO = {"Aliases": ["a"], "MacAddress": "m"}, {"Aliases": ["b"], "GwPriority": 1}
BODY = {
    "Image": "x",
    "Labels": {"Subpath": "mine"},
    "HostConfig": {"NetworkMode": "one", "Annotations": {"a": "b"}},
    "NetworkingConfig": {"EndpointsConfig": {"two": TWO, "one": ONE}},
}


def test_the_newest_takes_all_of_it_at_once() -> None:
    assert container_body(BODY, (1, 51)) == (BODY, {})


def test_an_old_one_takes_one_network_and_its_address_beside_it() -> None:
    body, others = container_body(BODY, (1, 41))
    assert body == {
        "Image": "x",
        "Labels": {"Subpath": "mine"},
        "HostConfig": {"NetworkMode": "one"},
        "NetworkingConfig": {"EndpointsConfig": {"one": {"Aliases": ["a"]}}},
        "MacAddress": "m",
    }
    assert others == {"two": {"Aliases": ["b"]}}
    assert BODY["NetworkingConfig"] == {"EndpointsConfig": {"two": TWO, "one": ONE}}  # which is left as it was


@pytest.mark.parametrize("networking", [{}, {"NetworkingConfig": {}}, {"NetworkingConfig": {"EndpointsConfig": None}}])
def test_without_networks_of_its_own_it_says_nothing_of_them(networking: dict[str, Any]) -> None:
    host = {"Image": "x", "HostConfig": {"NetworkMode": "host"}}
    assert container_body({**host, **networking}, (1, 41)) == (host, {})


def test_between_them_only_what_came_later_is_left_out() -> None:
    body, others = container_body(BODY, (1, 47))
    assert not others
    assert body["NetworkingConfig"]["EndpointsConfig"] == {"one": ONE, "two": {"Aliases": ["b"]}}
    assert body["HostConfig"] == BODY["HostConfig"]


def test_a_network_of_a_name_is_made_once() -> None:
    assert network_body({"EnableIPv4": False}, (1, 43)) == {"CheckDuplicate": True}
    assert network_body({"EnableIPv4": False}, (1, 48)) == {"EnableIPv4": False}


@pytest.mark.parametrize(
    ("body", "api", "needed"),
    [
        (BODY, (1, 41), ""),
        ({"Healthcheck": {"StartInterval": 1}}, (1, 43), "the start_interval of a health check (API 1.44)"),
        ({"Healthcheck": {"StartInterval": 1}}, (1, 44), ""),
        ({"HostConfig": {"Mounts": [{"Type": "image"}]}}, (1, 47), "a mounted image (API 1.48)"),
        ({"HostConfig": {"Mounts": [{"Type": "image"}]}}, (1, 48), ""),
        ({"HostConfig": {"Mounts": [{"VolumeOptions": {"Subpath": "x"}}]}}, (1, 44), "a part of a volume (API 1.45)"),
        ({"HostConfig": {"Mounts": [{"BindOptions": {"ReadOnlyForceRecursive": True}}]}}, (1, 43),
         "a mount that is read-only all the way down (API 1.44)"),
        ({"NetworkingConfig": {"EndpointsConfig": {"n": {"DriverOpts": {"com.docker.network.endpoint.ifname": "e"}}}}},
         (1, 48), "a named network interface (API 1.49)"),
        ({"HostConfig": {"NetworkMode": "n"}, "NetworkingConfig": {"EndpointsConfig": {"o": {"MacAddress": "m"}}}},
         (1, 43), "an address for each network card (API 1.44)"),
    ],
)  # fmt: skip
def test_what_matters_is_told_where_it_would_be_lost(body: dict[str, Any], api: tuple[int, int], needed: str) -> None:
    assert needs(body, api) == needed
