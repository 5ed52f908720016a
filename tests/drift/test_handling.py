"""What a stack says of how its drift is dealt with: fields that are left alone, and containers that are ill."""

from __future__ import annotations

import pytest

from agent.model import Health
from tests.drift.scene import Scene

pytestmark = pytest.mark.engine
MEGA = 1 << 20
WEB = "    configs:"


def ignoring(scene: Scene, *paths: str) -> None:
    scene.edit(WEB, f"    x-windlass: {{ignore: [{', '.join(paths)}]}}\n{WEB}")


def test_an_ignored_field_is_left_alone_also_when_another_is_mended(scene: Scene) -> None:
    ignoring(scene, "memory", "memswap_limit")
    scene.mend()
    before = scene.state()
    scene.sdk.update_container(scene.web, mem_limit=32 * MEGA, memswap_limit=64 * MEGA)
    assert scene.planned() == {}
    scene.sdk.update_container(scene.web, restart_policy={"Name": "no"})
    scene.engine.update_container(scene.web, {"PidsLimit": 50})
    assert scene.planned() == {"container/web-1": "update drift: restart pids_limit"}
    scene.mend()
    host = scene.container("web")["HostConfig"]
    assert (host["RestartPolicy"]["Name"], host["PidsLimit"]) == ("unless-stopped", 100)
    assert (host["Memory"], host["MemorySwap"]) == (32 * MEGA, 64 * MEGA)
    assert scene.state() == before


def test_of_memory_and_swap_one_may_be_ignored(scene: Scene) -> None:
    ignoring(scene, "memswap_limit")
    scene.mend()
    scene.sdk.update_container(scene.web, mem_limit=32 * MEGA, memswap_limit=96 * MEGA)
    assert scene.planned() == {"container/web-1": "update drift: memory"}
    scene.mend()
    host = scene.container("web")["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (64 * MEGA, 96 * MEGA)


def test_an_ignored_network_is_left_alone_also_when_another_is_mended(scene: Scene) -> None:
    """Its aliases, a network that somebody added, and one that was taken away."""
    back, front = scene.network("back"), scene.network("front")
    ignoring(scene, f"networks.{back}.aliases", "networks.bridge")
    scene.mend()
    before = scene.state()
    scene.sdk.disconnect_container_from_network(scene.web, back)
    scene.sdk.connect_container_to_network(scene.web, back, aliases=["other"])
    scene.sdk.connect_container_to_network(scene.web, "bridge")
    assert scene.planned() == {}
    scene.sdk.disconnect_container_from_network(scene.web, front)
    assert scene.planned() == {"container/web-1": "update drift: networks.front"}
    scene.mend()
    networks = scene.container("web")["NetworkSettings"]["Networks"]
    assert sorted(networks) == sorted(["bridge", back, front])
    assert "other" in networks[back]["Aliases"]
    assert scene.state() == before


def test_of_one_network_one_field_may_be_ignored_while_another_is_mended(scene: Scene) -> None:
    back = scene.network("back")
    scene.edit("networks: {back: ,", "networks: {back: {ipam: {config: [{subnet: 10.231.77.0/28}]}},")
    scene.edit("{aliases: [api]}", "{aliases: [api], ipv4_address: 10.231.77.7}")
    ignoring(scene, f"networks.{back}.aliases")
    scene.mend()
    scene.sdk.disconnect_container_from_network(scene.web, back)
    scene.sdk.connect_container_to_network(scene.web, back, aliases=["other"], ipv4_address="10.231.77.9")
    assert scene.planned() == {"container/web-1": "update drift: networks.back.ipv4_address"}
    scene.mend()
    endpoint = scene.container("web")["NetworkSettings"]["Networks"][back]
    assert endpoint["IPAddress"] == "10.231.77.7"
    assert "other" in endpoint["Aliases"]
    assert "api" not in endpoint["Aliases"]


def test_an_ignored_label_is_left_alone_and_another_is_not(scene: Scene) -> None:
    ignoring(scene, "labels.tier")
    scene.mend()
    before = scene.state()
    scene.edit("labels: {tier: front}\n    env", "labels: {tier: rear}\n    env")
    assert scene.planned() == {}
    scene.edit("labels: {tier: rear}\n    env", "labels: {tier: rear, more: '1'}\n    env")
    assert scene.planned() == {"container/web-1": "replace commit: labels.more"}
    scene.mend()
    assert scene.state() != before


def test_an_ignored_field_of_a_network_is_left_alone(scene: Scene) -> None:
    scene.edit("services:\n", "x-windlass: {ignore: [internal]}\nservices:\n")
    scene.mend()
    scene.remade("back", internal=True)
    before = scene.state()
    assert scene.planned() == {}
    scene.mend()
    assert scene.state() == before


def test_an_ignored_file_is_mended_and_nobody_started_anew(scene: Scene) -> None:
    ignoring(scene, "files")
    scene.mend()
    before, path = scene.state(), scene.on_host("/etc/app.conf")
    path.write_text("port = 81\n")
    assert scene.planned() == {"file/app.conf": "update drift: content"}
    scene.mend()
    assert path.read_text() == "port = 80\n"
    assert scene.state() == before


CHECK = """\
    healthcheck: {{test: [CMD, test, '!', -e, /tmp/ill], interval: 200ms, timeout: 5s, retries: 1}}
    x-windlass: {{heal_unhealthy: {heals}}}
"""


def made_ill(scene: Scene, *, heals: bool) -> None:
    scene.edit(WEB, CHECK.format(heals=str(heals).lower()) + WEB)
    scene.edit("/etc/app.conf:ro,", "/etc/app.conf:ro, {type: tmpfs, target: /tmp},")
    scene.mend()
    scene.settled(lambda: health(scene) == "healthy")
    scene.engine.execute(scene.container("web")["Id"], {"Cmd": ["touch", "/tmp/ill"]}, 10)
    scene.settled(lambda: health(scene) == "unhealthy")


def health(scene: Scene) -> str:
    return str(scene.container("web")["State"]["Health"]["Status"])


def test_what_is_unhealthy_is_only_told_where_nobody_asked_for_more(scene: Scene) -> None:
    made_ill(scene, heals=False)
    assert scene.planned() == {}
    assert scene.mend().health is Health.DEGRADED


def test_what_is_unhealthy_is_started_anew_where_the_stack_says_so(scene: Scene) -> None:
    made_ill(scene, heals=True)
    before = scene.state()
    assert scene.planned() == {"container/web-1": "update drift: health"}
    assert "its health check fails" in str(scene.look())
    scene.mend()
    after = scene.state()
    assert (after[0] == before[0], after[1] > before[1]) == (True, True)
    scene.settled(lambda: health(scene) == "healthy")


def test_what_was_paused_goes_on_and_is_not_started_anew_for_its_check(scene: Scene) -> None:
    """The engine calls it unhealthy from then on until its next check has passed, although none has failed."""
    check = CHECK.format(heals="true").replace("200ms", "2s")
    scene.edit(WEB, check + WEB)
    scene.mend()
    scene.settled(lambda: health(scene) == "healthy")
    before = scene.state()
    scene.sdk.pause(scene.container("web")["Id"])
    assert scene.planned() == {"container/web-1": "update drift: state"}
    scene.mend()
    assert scene.state() == before
    assert scene.planned() == {}
