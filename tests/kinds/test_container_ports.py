"""Which ports of the host a container holds, by its report."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host_ports import HostPort
from agent.kinds.container_ports import ports_of

RANGE = {"80/tcp": [{"HostPort": "8000-8005"}], "81/tcp": [{"HostIp": "", "HostPort": "0"}]}
GIVEN = {
    "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8003"}, {"HostIp": "::", "HostPort": "8003"}],  # noqa: S104
    "81/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}],  # noqa: S104 - read, not bound
}


def report(state: str, bindings: Any, given: Any = None, **host: Any) -> dict[str, Any]:
    return {
        "State": {state: True},
        "HostConfig": {"PortBindings": bindings, **host},
        "Config": {"ExposedPorts": {"80/tcp": {}}},
        "NetworkSettings": {"Ports": given},
    }


@pytest.mark.parametrize(
    ("found", "held"),
    [
        (report("Running", {"80/tcp": [{"HostPort": "8080"}]}), {HostPort(8080)}),
        (report("Restarting", {"80/tcp": [{"HostPort": "8080"}]}, {}), {HostPort(8080)}),
        (report("Dead", {"80/tcp": [{"HostPort": "8080"}]}), set()),
        (report("Running", RANGE, GIVEN), {HostPort(8003)}),
        (report("Running", RANGE), set()),
        (report("Running", None, {}, NetworkMode="host"), {HostPort(80)}),
        (report("Running", None, {"80/tcp": None}), set()),
    ],
    ids=["runs", "between two restarts", "ended", "one of a range", "not given yet", "the host's network", "none"],
)
def test_what_a_container_holds(found: dict[str, Any], held: set[HostPort]) -> None:
    assert ports_of(found) == held
