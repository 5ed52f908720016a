"""Every way in which a host has been seen to drift from its files: noticed by its field, mended, and quiet after that.

The rows are those that `docker compose up` was measured by, most of which it does not notice.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from agent.kinds.base import NAME
from tests.drift.scene import Scene, loaded

pytestmark = pytest.mark.engine

Hand = Callable[[Scene], object]
RUNS_ON, STARTED_ANEW, MADE_ANEW, GONE = "runs on", "started anew", "made anew", "gone"
MEGA = 1 << 20


def rewired(scene: Scene) -> None:
    """What a person does who wants a container back on its network."""
    scene.sdk.disconnect_container_from_network(scene.web, scene.network("back"))
    scene.sdk.connect_container_to_network(scene.web, scene.network("back"))


def replaced_on_host(scene: Scene, target: str, content: str, *, old: bool = False) -> None:
    """Another file takes the place; with `old` one that was written before the container began."""
    path = scene.on_host(target)
    other = path.parent / "other"
    other.write_text(content)
    if old:
        os.utime(other, (1, 1))
    other.chmod(0o644)
    other.replace(path)


def directory_made_anew(scene: Scene) -> None:
    path = scene.on_host("/etc/conf.d")
    path.rename(path.parent / "elsewhere")
    path.mkdir()
    (path / "one.conf").write_text("one = 2\n")


def moved_tag(scene: Scene) -> None:
    """The tag names another image, which is there."""
    name, _, tag = scene.image.partition(":")
    with loaded(scene, f"{name}:other", Env=["PATH=/bin", "OTHER=1"]):
        scene.sdk.tag(f"{name}:other", name, tag)


def extra_container(scene: Scene) -> None:
    """A container with all the labels of the first, but that it says its own name."""
    labels = scene.container("web")["Config"]["Labels"]
    scene.sdk.create_container(
        scene.image, name=f"{scene.stack}-web-2", labels={**labels, NAME: f"{scene.stack}-web-2"}
    )


def put_right_by_hand(scene: Scene) -> None:
    """As it lies when the agent was killed between the file and its users."""
    path = scene.on_host("/etc/app.conf")
    path.write_text("port = 81\n")
    replaced_on_host(scene, "/etc/app.conf", "port = 80\n")


BY_HAND = [
    (
        "disconnected from the second network",
        lambda s: s.sdk.disconnect_container_from_network(s.web, s.network("front")),
        {"container/web-1": "update drift: networks.front"},
        RUNS_ON,
    ),
    (
        "disconnected from the first network",
        lambda s: s.sdk.disconnect_container_from_network(s.web, s.network("back")),
        {"container/web-1": "update drift: networks.back"},
        RUNS_ON,
    ),
    ("reconnected without its aliases", rewired, {"container/web-1": "update drift: networks.back.aliases"}, RUNS_ON),
    (
        "connected to an extra network",
        lambda s: s.sdk.connect_container_to_network(s.web, "bridge"),
        {"container/web-1": "update drift: networks.bridge"},
        RUNS_ON,
    ),
    (
        "update --memory",
        lambda s: s.sdk.update_container(s.web, mem_limit=32 * MEGA, memswap_limit=64 * MEGA),
        {"container/web-1": "update drift: memory memswap_limit"},
        RUNS_ON,
    ),
    (
        "update --restart no",
        lambda s: s.sdk.update_container(s.web, restart_policy={"Name": "no"}),
        {"container/web-1": "update drift: restart"},
        RUNS_ON,
    ),
    (
        "update --cpus",
        lambda s: s.engine.update_container(s.web, {"NanoCpus": 10**9}),
        {"container/web-1": "update drift: cpus"},
        RUNS_ON,
    ),
    (
        "update --pids-limit",
        lambda s: s.engine.update_container(s.web, {"PidsLimit": 50}),
        {"container/web-1": "update drift: pids_limit"},
        RUNS_ON,
    ),
    (
        "renamed",
        lambda s: s.sdk.rename(s.web, f"{s.web}-elsewhere"),
        {"container/web-1": "update drift: name"},
        RUNS_ON,
    ),
    ("paused", lambda s: s.sdk.pause(s.web), {"container/web-1": "update drift: state"}, RUNS_ON),
    ("stopped", lambda s: s.sdk.stop(s.web, timeout=0), {"container/web-1": "update drift: state"}, STARTED_ANEW),
    ("killed", lambda s: s.sdk.kill(s.web), {"container/web-1": "update drift: state"}, STARTED_ANEW),
    ("removed", lambda s: s.sdk.remove_container(s.web, force=True), {"container/web-1": "create drift:"}, MADE_ANEW),
    (
        "mounted file edited",
        lambda s: s.on_host("/etc/app.conf").write_text("port = 81\n"),
        {"file/app.conf": "update drift: content", "container/web-1": "update drift: files./etc/app.conf"},
        STARTED_ANEW,
    ),
    (
        "mounted file replaced",
        lambda s: replaced_on_host(s, "/etc/app.conf", "port = 82\n"),
        {"file/app.conf": "update drift: content", "container/web-1": "update drift: files./etc/app.conf"},
        STARTED_ANEW,
    ),
    (
        "mounted file replaced by an old one",
        lambda s: replaced_on_host(s, "/etc/app.conf", "port = 82\n", old=True),
        {"file/app.conf": "update drift: content", "container/web-1": "update drift:"},
        STARTED_ANEW,
    ),
    (
        "mounted file put right already",
        put_right_by_hand,
        {"container/web-1": "update drift: files./etc/app.conf"},
        STARTED_ANEW,
    ),
    (
        "mounted file removed",
        lambda s: s.on_host("/etc/app.conf").unlink(),
        {"file/app.conf": "create drift:", "container/web-1": "update drift:"},
        STARTED_ANEW,
    ),
    (
        "mode of a mounted file",
        lambda s: s.on_host("/etc/app.conf").chmod(0o600),
        {"file/app.conf": "update drift: content", "container/web-1": "update drift:"},
        STARTED_ANEW,
    ),
    (
        "config edited on the host",
        lambda s: s.on_host("/etc/motd").write_text("bye"),
        {"file/motd": "update drift: content", "container/web-1": "update drift: files./etc/motd"},
        STARTED_ANEW,
    ),
    (
        "secret edited on the host",
        lambda s: s.on_host("/run/secrets/token").write_text("stolen"),
        {"file/token": "update drift: content", "container/web-1": "update drift: files./run/secrets/token"},
        STARTED_ANEW,
    ),
    (
        "file in a mounted directory edited",
        lambda s: (s.on_host("/etc/conf.d") / "one.conf").write_text("one = 2\n"),
        {"file/conf.d": "update drift: one.conf", "container/web-1": "update drift:"},
        STARTED_ANEW,
    ),
    (
        "mounted directory made anew",
        directory_made_anew,
        {"file/conf.d": "update drift: one.conf", "container/web-1": "update drift: files./etc/conf.d"},
        STARTED_ANEW,
    ),
    (
        "network made anew with --internal",
        lambda s: s.remade("back", internal=True),
        {"container/web-1": "remove drift:, create drift:", "network/back": "remove drift:, create drift: internal"},
        MADE_ANEW,
    ),
    (
        "network made anew with other options",
        lambda s: s.remade("back", options={"com.docker.network.driver.mtu": "1400"}),
        {
            "container/web-1": "remove drift:, create drift:",
            "network/back": "remove drift:, create drift: driver_opts.com.docker.network.driver.mtu",
        },
        MADE_ANEW,
    ),
    (
        "update of what was not set",
        lambda s: s.engine.update_container(s.web, {"CpuShares": 512}),
        {"container/web-1": "replace drift: cpu_shares"},
        MADE_ANEW,
    ),
    ("local tag moved", moved_tag, {"container/web-1": "replace image: image"}, MADE_ANEW),
    ("extra container with the same labels", extra_container, {"container/web-2": "remove prune:"}, RUNS_ON),
    (
        "written inside of the container",
        lambda s: s.engine.execute(s.container("web")["Id"], {"Cmd": ["touch", "/x"]}, 9),
        {},
        RUNS_ON,
    ),
    ("local image removed while it runs", lambda s: s.sdk.remove_image(s.image, force=True), {}, RUNS_ON),
]


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
