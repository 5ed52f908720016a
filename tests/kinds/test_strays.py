"""What is told of a container that nobody wants any more."""

from __future__ import annotations

from typing import Any

import pytest

from agent.kinds.container_strays import is_apart

ANONYMOUS = {"Type": "volume", "Name": "0" * 64, "Destination": "/data"}


def report(mounts: list[dict[str, Any]] | None = None, endpoint: dict[str, Any] | None = None, **host: Any) -> Any:
    return {
        "HostConfig": {"NetworkMode": "front", **host},
        "NetworkSettings": {"Networks": {"front": {"IPAMConfig": {}, **(endpoint or {})}}},
        "Mounts": mounts or [],
    }


@pytest.mark.parametrize(
    ("of", "apart"),
    [
        pytest.param(report(), True, id="a network"),
        pytest.param(report([ANONYMOUS]), True, id="an anonymous volume"),
        pytest.param(report([{"Type": "tmpfs", "Destination": "/tmp"}]), True, id="a tmpfs"),
        pytest.param(report([{**ANONYMOUS, "Name": "data"}]), False, id="a named volume"),
        pytest.param(report([{"Type": "bind", "Source": "/etc/x", "Destination": "/x"}]), False, id="a file"),
        pytest.param(report(PortBindings={"80/tcp": [{"HostPort": "80"}]}), False, id="a port"),
        pytest.param(report(Devices=[{"PathOnHost": "/dev/x"}]), False, id="a device"),
        pytest.param(report(endpoint={"IPAMConfig": {"IPv4Address": "10.0.0.7"}}), False, id="an address"),
        pytest.param(report(NetworkMode="host"), False, id="the network of the host"),
        pytest.param(report(NetworkMode="container:db"), False, id="the network of another one"),
        pytest.param(report(PidMode="container:db"), False, id="the processes of another one"),
        pytest.param(report(VolumesFrom=["db"]), False, id="the volumes of another one"),
        pytest.param(report(Links=["/db:/web/db"]), False, id="a link"),
    ],
)
def test_what_another_one_can_run_beside(of: Any, apart: bool) -> None:
    assert is_apart(of) is apart
