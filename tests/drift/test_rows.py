"""Every way in which a host has been seen to drift from its files: noticed by its field, mended, and quiet after that.

The rows are those that `docker compose up` was measured by, most of which it does not notice.
"""

from __future__ import annotations

import pytest

from tests.drift.by_hand import BY_HAND, GONE, MADE_ANEW, RUNS_ON, STARTED_ANEW, Hand
from tests.drift.scene import Scene

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(("by_hand", "planned", "then"), [pytest.param(*row[1:], id=row[0]) for row in BY_HAND])
def test_what_is_done_by_hand_is_noticed_and_mended(
    mended_scene: Scene, by_hand: Hand, planned: dict[str, str], then: str
) -> None:
    scene = mended_scene
    before = scene.state()
    files = [scene.read(path) for path in ("/etc/app.conf", "/etc/motd", "/run/secrets/token", "/etc/conf.d/one.conf")]
    by_hand(scene)
    assert scene.planned() == planned
    scene.mend()
    _assert_is(scene, before, then)
    after = [scene.read(path) for path in ("/etc/app.conf", "/etc/motd", "/run/secrets/token", "/etc/conf.d/one.conf")]
    assert after == files == ["port = 80\n", "hello", "s3cret", "one = 1\n"]


def _assert_is(scene: Scene, before: tuple[str, str], then: str) -> None:
    if then == GONE:
        assert scene.engine.inspect_container(scene.web) is None
        return
    after = scene.state()
    assert scene.container("web")["State"]["Status"] == "running"
    is_now = MADE_ANEW if after[0] != before[0] else STARTED_ANEW if after[1] != before[1] else RUNS_ON
    assert is_now == then


DB = "  db: {image: %s, stop_grace_period: 0s, networks: [back]}\n"
SECCOMP = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["%s"], "action": "SCMP_ACT_ERRNO"}]}'


def depends_on(scene: Scene) -> None:
    scene.edit("    configs", "    depends_on: [db]\n    configs")
    scene.edit("networks: {back: ,", DB % scene.image + "networks: {back: ,")


COMMITTED = [
    (
        "label of the service",
        lambda s: s.edit("labels: {tier: front}\n    env", "labels: {tier: rear}\n    env"),
        {"container/web-1": "replace commit: labels.tier"},
        MADE_ANEW,
    ),
    (
        "mounted file",
        lambda s: s.commit("app.conf", "port = 90\n"),
        {"file/app.conf": "create file:", "container/web-1": "replace commit: volumes./etc/app.conf"},
        MADE_ANEW,
    ),
    (
        "content of a config",
        lambda s: s.edit("content: hello", "content: goodbye"),
        {"file/motd": "create file:", "container/web-1": "replace commit: volumes./etc/motd"},
        MADE_ANEW,
    ),
    (
        "content of a secret",
        lambda s: s.commit("token.txt", "other"),
        {"file/token": "create secret:", "container/web-1": "replace secret: volumes./run/secrets/token"},
        MADE_ANEW,
    ),
    (
        "content of an env_file",
        lambda s: s.commit("web.env", "MODE=slow\n"),
        {"container/web-1": "replace commit: environment.MODE"},
        MADE_ANEW,
    ),
    (
        "content of a seccomp profile",
        lambda s: s.commit("seccomp.json", SECCOMP % "acct"),
        {"container/web-1": "replace commit: security_opt"},
        MADE_ANEW,
    ),
    (
        "labels of a network",
        lambda s: s.edit("front: {labels: {tier: front}}", "front: {labels: {tier: rear}}"),
        {
            "container/web-1": "remove commit:, create commit:",
            "network/front": "remove commit:, create commit: labels.tier",
        },
        MADE_ANEW,
    ),
    (
        "network removed from a service",
        lambda s: s.edit(", front: }\n    configs", "}\n    configs"),
        {"container/web-1": "update commit: networks.front", "network/front": "remove prune:"},
        RUNS_ON,
    ),
    (
        "volume dropped",
        lambda s: (s.edit(', "data:/data"]', "]"), s.edit("volumes: {data", "x-volumes: {data")),
        {"container/web-1": "replace commit: volumes./data", "volume/data": "hold prune:"},
        MADE_ANEW,
    ),
    (
        "depends_on added",
        depends_on,
        {"container/db-1": "create commit:"},
        RUNS_ON,
    ),
    (
        "service renamed",
        lambda s: s.edit("  web:", "  site:"),
        {"container/site-1": "create commit:", "container/web-1": "remove prune:"},
        GONE,
    ),
    (
        "pull_policy",
        lambda s: s.edit("    configs", "    pull_policy: never\n    x-note: hello\n    configs"),
        {},
        RUNS_ON,
    ),
]


@pytest.mark.parametrize(("commit", "planned", "then"), [pytest.param(*row[1:], id=row[0]) for row in COMMITTED])
def test_what_is_committed_is_noticed_and_done(scene: Scene, commit: Hand, planned: dict[str, str], then: str) -> None:
    if "security_opt" in str(planned):
        scene.commit("seccomp.json", SECCOMP % "ptrace")
        scene.edit("    configs", "    security_opt: ['seccomp:seccomp.json']\n    configs")
        scene.mend()
    before = scene.state()
    commit(scene)
    assert scene.planned() == planned
    scene.mend_but_for_data()
    _assert_is(scene, before, then)


def test_a_network_that_somebody_made_for_himself_is_not_taken(scene: Scene) -> None:
    """It has none of our labels, and so may hold anything of his."""
    scene.sdk.disconnect_container_from_network(scene.web, scene.network("front"))
    scene.sdk.remove_network(scene.network("front"))
    scene.sdk.create_network(scene.network("front"), internal=True)
    assert scene.planned()["network/front"] == "hold commit:"
    [held] = [one for one in scene.look().changes if one.key.kind == "network"]
    assert held.code == "NameConflict"


VOLUMES = [
    ("labels in the file", lambda s: s.edit("tier: kept", "tier: other"), "hold commit: labels.tier"),
    ("made anew by hand, with our labels",
     lambda s: s.remade_volume(True, driver_opts={"type": "tmpfs", "device": "tmpfs"}),
     "hold drift: driver_opts.device driver_opts.type"),
    ("made anew by hand, as it may be before it is adopted",
     lambda s: s.remade_volume(False, driver_opts={"type": "tmpfs", "device": "tmpfs"}),
     "hold commit: driver_opts.device driver_opts.type"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "planned"), [pytest.param(*row[1:], id=row[0]) for row in VOLUMES])
def test_a_volume_that_is_another_than_wanted_is_held_with_the_way_to_move_its_data(
    scene: Scene, change: Hand, planned: str
) -> None:
    change(scene)
    assert scene.planned()["volume/data"] == planned
    [held] = [one for one in scene.look().changes if one.key.kind == "volume"]
    assert held.code == "VolumeImmutable"
    assert f"-v {scene.stack}_data:/from:ro -v NEW:/to" in held.reason


def test_the_data_of_a_held_volume_moves_as_it_is_told(scene: Scene) -> None:
    """To a volume that somebody makes by hand as it is wanted, which is used as it is."""
    old, new = f"{scene.stack}_data", f"{scene.stack}_new"
    scene.engine.execute(scene.container("web")["Id"], {"Cmd": ["touch", "/data/kept"]}, 10)
    scene.edit("tier: kept}", "tier: other}")
    scene.sdk.create_volume(new)
    copy = scene.sdk.create_container(
        scene.image,
        ["sh", "-c", "busybox cp -a /from/. /to/"],
        name=f"{scene.stack}-copy",
        host_config=scene.sdk.create_host_config(binds=[f"{old}:/from:ro", f"{new}:/to"]),
    )
    scene.sdk.start(copy)
    assert scene.sdk.wait(copy)["StatusCode"] == 0
    scene.edit("volumes: {data: {", f"volumes: {{data: {{name: {new}, ")
    scene.mend_but_for_data()
    assert scene.engine.execute(scene.container("web")["Id"], {"Cmd": ["test", "-e", "/data/kept"]}, 10)[0] == 0
    assert scene.engine.inspect_volume(old) is not None
