"""Somebody makes a network with the name of another one, which the engine allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest

from agent.errors import Refused
from agent.kinds.namesakes import chosen
from tests.kinds.rig import Rig


def network(name: str, identity: str, **labels: str) -> dict[str, Any]:
    return {"Name": name, "Id": identity * 64, "Created": identity, "Labels": {**labels}}


OURS = {"windlass.instance": "me"}
COMPOSES = {"com.docker.compose.project": "web"}


@pytest.mark.parametrize(
    ("listed", "meant"),
    [
        ([network("n", "1"), network("n", "2", **COMPOSES), network("n", "3", **OURS)], "3"),
        ([network("n", "1"), network("n", "2", **COMPOSES)], "2"),
        ([network("n", "1", **{"windlass.instance": "you"}), network("n", "2", **OURS)], "2"),
        ([network("n", "4", **OURS), network("n", "3", **OURS), network("m", "1", **OURS)], "3"),
        ([network("n", "5"), network("m", "1")], "5"),
    ],
    ids=["ours", "of compose", "another instance's", "the first of ours", "by now the only one"],
)
def test_of_several_networks_of_a_name_ours_is_meant(listed: list[dict[str, Any]], meant: str) -> None:
    assert chosen("n", "web", listed, "me") == meant * 64


def test_what_is_none_of_these_is_not_guessed() -> None:
    with pytest.raises(Refused, match=r"2 networks are called n \(1{12} and 2{12}\).*docker network rm"):
        chosen("n", "db", [network("n", "1", **COMPOSES), network("n", "2")], "me")


@pytest.fixture
def double(rig: Rig, sdk: docker.APIClient, namesakes: None) -> Iterator[Any]:
    """Makes one more network of the name."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(sdk.create_network(name, check_duplicate=False)["Id"])
        return made[-1]

    yield make
    for one in sdk.containers(all=True, filters={"name": f"{rig.stack}-"}):
        sdk.remove_container(one["Id"], force=True)
    for id in made:
        sdk.remove_network(id)


def text(image: str, version: str, more: str = "") -> str:
    return f"""
services:
  web: {{image: '{image}', stop_grace_period: 0s, environment: {{A: '{version}'}}, networks: [back, front]{more}}}
networks: {{back: , front: }}
"""


def attached(rig: Rig) -> dict[str, str]:
    found = rig.container("web")["NetworkSettings"]["Networks"]
    return {name: endpoint["NetworkID"] for name, endpoint in found.items()}


@pytest.mark.engine
def test_a_network_that_somebody_made_of_the_same_name_is_in_nobodys_way(rig: Rig, busybox: str, double: Any) -> None:
    hook = ", pre_start: [{command: ['true']}]"
    rig.apply(text(busybox, "1"))
    before = attached(rig)
    for name in before:
        double(name)
    assert rig.apply(text(busybox, "1")) == {}
    assert rig.apply(text(busybox, "2", hook)) == {f"{rig.stack}-web-1": "replace"}
    assert attached(rig) == before
    assert rig.container("web")["HostConfig"]["NetworkMode"] == f"{rig.stack}_back"
    rig.engine.disconnect_network(before[f"{rig.stack}_front"], rig.container("web")["Id"])
    assert rig.apply(text(busybox, "2", hook)) == {f"{rig.stack}-web-1": "update"}
    assert attached(rig) == before
    rig.engine.remove_container(rig.container("web")["Id"], force=True)
    rig.apply(text(busybox, "2", hook))
    assert attached(rig) == before


@pytest.mark.engine
def test_where_nobody_can_tell_what_is_new_is_held_and_what_runs_goes_on(rig: Rig, busybox: str, double: Any) -> None:
    name = f"{rig.stack}-shared"
    outside = text(busybox, "1").replace("front: ", f"front: {{external: true, name: {name}}}")
    first = double(name)
    rig.apply(outside)
    before = rig.container("web")
    second = double(name)
    assert rig.take(outside).synced, "nothing is to be put on it"
    report = rig.take(outside.replace("'1'", "'2'"))
    assert report.failure is not None
    assert report.failure.reason == "NameAmbiguous"
    assert all(id[:12] in report.failure.message for id in (first, second))
    assert [(one.action, one.code) for one in report.plan.changes] == [("hold", "NameAmbiguous")]
    assert not report.can_be_judged, "it passes: nobody knows yet whether the content is good"
    now = rig.container("web")
    assert (now["Id"], now["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
