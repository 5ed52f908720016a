"""Every way in which somebody's hand has been seen to change a host: what it does, the plan that mends it, and what
becomes of the container."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.kinds.base import NAME
from tests.drift.scene import Scene, loaded

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
        "file in a mounted directory added",
        lambda s: (s.on_host("/etc/conf.d") / "two.conf").write_text("two = 2\n"),
        {"file/conf.d": "update drift: two.conf", "container/web-1": "update drift: files./etc/conf.d"},
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
