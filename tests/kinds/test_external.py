"""Networks and volumes that a stack uses and that are not its own, on a real engine."""

from __future__ import annotations

from typing import Any

import docker
import pytest

from agent.guard import Consent
from agent.model import Action
from agent.reconcile import Turn
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine


def stack(image: str, prefix: str) -> str:
    return f"""\
        services:
          web: {{image: {image}, stop_grace_period: 0s, networks: [outside], volumes: ["kept:/data"]}}
        networks: {{outside: {{external: true, name: {prefix}-outside}}}}
        volumes: {{kept: {{external: true, name: {prefix}-kept}}}}
    """


def test_what_is_external_has_to_be_there_and_is_never_changed_nor_removed(
    rig: Rig, busybox: str, prefix: str, sdk: docker.APIClient
) -> None:
    text, web, network, volume = stack(busybox, prefix), f"{prefix}-web-1", f"{prefix}-outside", f"{prefix}-kept"
    # As an earlier `docker compose up` of the same project has left them, when they were its own.
    labels = {"com.docker.compose.project": rig.stack, "tier": "any"}

    def as_made() -> tuple[Any, Any]:
        found = sdk.inspect_network(network)
        return [found[part] for part in ("Id", "Internal", "Labels")], sdk.inspect_volume(volume)

    report = rig.take(text)
    held = {change.key.name: change.code for change in report.plan.changes if change.action is Action.HOLD}
    assert held == {network: "ExternalNetworkMissing", volume: "ExternalVolumeMissing", web: "Waits"}
    assert report.failure is not None
    assert report.failure.reason == "ExternalNetworkMissing"
    assert f"docker network create {network}" in str(report.plan)
    assert f"docker volume create {volume}" in str(report.plan)
    assert not sdk.containers(all=True, filters={"name": web})

    sdk.create_network(network, internal=True, labels=labels)
    sdk.create_volume(volume, labels=labels)
    made = as_made()
    assert rig.apply(text) == {web: "create"}
    found = rig.container("web")
    assert list(found["NetworkSettings"]["Networks"]) == [network]
    assert [mount["Name"] for mount in found["Mounts"]] == [volume]
    assert as_made() == made

    sdk.disconnect_container_from_network(web, network)
    sdk.remove_network(network)
    sdk.create_network(network)  # another one, and otherwise
    made = as_made()
    assert rig.apply(text) == {web: "update"}
    assert as_made() == made

    (report,) = rig.reconciler.take(Turn((), rig.scope, "test", consent=Consent(allowed=9)))
    assert report.synced
    assert not sdk.containers(all=True, filters={"name": web})
    assert as_made() == made
