"""What runs goes on as it was made while its change is held, on a real engine."""

from __future__ import annotations

import docker
import pytest

from agent.model import Action
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def text(image: str, version: str, label: str) -> str:
    return f"""
        services:
          web:
            image: {image}
            command: [sh, -c, 'trap "exit 0" TERM; sleep 600 & wait']
            environment: {{VERSION: '{version}'}}
            networks: [front]
            volumes: ['data:/data']
            post_start: [{{command: [sh, -c, 'echo {version} >> /data/started']}}]
        networks: {{front: {{}}}}
        volumes: {{data: {{labels: {{of: '{label}'}}}}}}
        """


def test_what_somebody_does_to_it_is_mended_while_its_change_waits(
    rig: Rig, busybox: str, sdk: docker.APIClient
) -> None:
    rig.apply(text(busybox, "1", "one"))
    before, name = rig.container("web"), f"{rig.stack}-web-1"
    new = text(busybox, "2", "other")
    assert {change.action for change in rig.take(new).plan.changes} == {Action.HOLD}

    hands: dict[str, tuple[str, ...]] = {
        "stop": (name,),
        "kill": (name,),
        "pause": (name,),
        "disconnect_container_from_network": (name, f"{rig.stack}_front"),
    }
    for hand, what in hands.items():
        getattr(sdk, hand)(*what)
        report = rig.take(new)
        assert done(report) == {name: "update"}
        assert {change.action for change in report.left.changes} == {Action.HOLD}
        after = rig.container("web")
        assert (after["Id"], after["State"]["Status"]) == (before["Id"], "running")
        assert f"{rig.stack}_front" in after["NetworkSettings"]["Networks"]
    ran = sdk.exec_start(sdk.exec_create(name, ["cat", "/data/started"])["Id"])
    assert ran.split() == [b"1"] * 3, "what runs after a start is what it was made with"

    assert done(rig.take(text(busybox, "2", "one"))) == {name: "replace"}
    assert rig.container("web")["Config"]["Env"][0] == "VERSION=2"
