"""The address of a network card that is asked for, where a container has to be connected again."""

from __future__ import annotations

import docker
import pytest

from agent.kinds.container_networks import seen_networks, wanted_networks, with_addresses
from agent.model import Difference, Remedy
from tests.kinds.rig import Rig

ADDRESS = "02:42:ac:11:00:77"
BODY = {
    "HostConfig": {"NetworkMode": "front"},
    "NetworkingConfig": {"EndpointsConfig": {"front": {"MacAddress": ADDRESS}, "back": {}}},
}


@pytest.mark.parametrize(
    ("paths", "api", "remedy"),
    [
        (("networks", "networks.front"), (1, 44), Remedy.REPLACE),
        (("networks", "networks.front", "networks.front.aliases"), (1, 45), Remedy.REPLACE),
        (("networks", "networks.front.aliases"), (1, 45), Remedy.IN_PLACE),  # a network of that name
        (("networks", "networks.front"), (1, 43), Remedy.IN_PLACE),
        (("networks", "networks.back"), (1, 45), Remedy.IN_PLACE),
        (("memory",), (1, 45), Remedy.IN_PLACE),
    ],
)
def test_what_connecting_would_lose_is_made_anew(paths: tuple[str, ...], api: tuple[int, int], remedy: Remedy) -> None:
    *above, path = paths
    [found] = with_addresses([Difference(path, None, "x", Remedy.IN_PLACE, above=tuple(above))], BODY, api)
    assert found.remedy is remedy


@pytest.mark.engine
def test_what_was_disconnected_has_its_address_after_one_turn(rig: Rig, busybox: str, sdk: docker.APIClient) -> None:
    service = f"{{image: {busybox}, stop_grace_period: 0s, mac_address: '{ADDRESS}', networks: [front]}}"
    text = f"services: {{web: {service}}}\nnetworks: {{front: }}\n"
    rig.apply(text)
    network = f"{rig.stack}_front"
    sdk.disconnect_container_from_network(f"{rig.stack}-web-1", network)
    rig.apply(text)
    assert rig.container("web")["NetworkSettings"]["Networks"][network]["MacAddress"] == ADDRESS


def test_an_alias_that_is_the_former_host_name_is_no_drift_of_the_aliases() -> None:
    """The engine makes an alias of the host name, so a report does not tell whether that was asked for as well."""
    network = {"NetworkID": "1", "Aliases": ["gw", "web"]}
    report = {
        "HostConfig": {"NetworkMode": "back"},
        "Config": {"Hostname": "gw"},
        "NetworkSettings": {"Networks": {"back": network}},
    }
    body = {"Hostname": "gw2", "HostConfig": report["HostConfig"]}
    body["NetworkingConfig"] = {"EndpointsConfig": {"back": {"Aliases": ["gw", "web"]}}}
    ids = {"back": frozenset({"1"})}
    assert wanted_networks(body, ids, report, ranked=True) == seen_networks(report, ids)


@pytest.mark.engine
def test_what_could_not_be_connected_is_not_taken_for_connected(rig: Rig, busybox: str, sdk: docker.APIClient) -> None:
    """The engine reports the endpoint that it was asked for all the same."""
    number, network = int(rig.stack[-4:], 16), f"{rig.stack}_front"
    subnet = f"10.{150 + number % 50}.{number // 50 % 250}"
    service = f"image: {busybox}, stop_grace_period: 0s, networks: {{front: {{ipv4_address: {subnet}.6}}}}"
    text = f"services: {{web: {{{service}}}}}\nnetworks: {{front: {{ipam: {{config: [{{subnet: {subnet}.0/24}}]}}}}}}\n"
    rig.apply(text)
    holder = sdk.create_container(busybox, ["sleep", "600"], name=f"{rig.stack}-holder")
    sdk.connect_container_to_network(holder["Id"], network, ipv4_address=f"{subnet}.5")
    sdk.start(holder)
    moved = text.replace(f"{subnet}.6", f"{subnet}.5")
    for _ in range(2):
        report = rig.take(moved)
        assert (report.failure is not None, report.synced) == (True, False)
    sdk.remove_container(holder["Id"], force=True)
    assert rig.apply(moved) == {f"{rig.stack}-web-1": "update"}
    attached = sdk.inspect_network(network)["Containers"]
    assert [one["IPv4Address"] for one in attached.values()] == [f"{subnet}.5/24"]
