"""Changes of a small stack in the middle of which an agent may die: by a commit, and by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.engine import Engine
from agent.kinds.container_mounts import anonymous
from agent.model import Stack
from tests.model.rig import FatedRig

END = """
networks: {front: , back: }
volumes: {data: }
x-windlass: {rollout: {monitor: MONITOR}}
"""


def web(version: str, more: str = "") -> str:
    """The service that all is about, with something in a named and in an anonymous volume."""
    return (
        f"  web: {{image: IMAGE, stop_grace_period: 1s, networks: [front, back], environment: {{VERSION: '{version}'}},"
        f" volumes: ['data:/data', /scratch]{f', {more}' if more else ''}}}\n"
    )


def other(name: str, more: str = "networks: [back]") -> str:
    return f"  {name}: {{image: IMAGE, stop_grace_period: 1s, {more}}}\n"


START_FIRST = "deploy: {update_config: {order: start-first}}"
CRASHES = "command: ['false']"
CONFIG = "configs: [{source: motd, target: /etc/motd}]"
MOTD = "configs: {motd: {content: hello}}\n"


@dataclass(frozen=True)
class Transition:
    """From `before` to `after`, texts of services. `by_hand` is what somebody did before the turn that is cut, and
    with `bad` the new content is none to stay at: it is taken back, and `before` is wanted again. With `by_compose`
    what runs of `before` was made by `docker compose up`. `end` is the rest of the file, and the former one where
    `former_end` is another; what needs a registry is done `on_model_only`."""

    before: str
    after: str
    by_hand: Callable[[FatedRig], None] | None = None
    bad: bool = False
    by_compose: bool = False
    end: str = END
    former_end: str = END
    least: int = 1  # calls that change something
    on_model_only: bool = False

    def former(self, rig: FatedRig, image: str) -> Stack | None:
        return _stack(rig, self.before, self.former_end, image) if self.before else None

    def later(self, rig: FatedRig, image: str) -> Stack:
        return _stack(rig, self.after, self.end, image)


def _stack(rig: FatedRig, services: str, end: str, image: str) -> Stack:
    return rig.stack_of(f"services:\n{services}{end}".replace("IMAGE", image).replace("MONITOR", rig.monitor))


def make_by_compose(rig: FatedRig, stack: Stack | None) -> None:
    """Put in the place of each container of the stack the one that `docker compose up` makes."""
    for one in stack.resources if stack else ():
        if one.key.kind != "container":
            continue
        volumes = anonymous(rig.engine.inspect_container(one.key.name) or {})
        rig.engine.remove_container(one.key.name, force=True)
        for volume in volumes.values():
            drop_volume(rig, volume)
        rig.engine.start_container(rig.engine.create_container(one.key.name, one.spec["body"]))


def drop_volume(rig: FatedRig, name: str) -> None:
    rig.engine._calls.write("", "remove", lambda client: client.drop("/volumes/{0}", name))


def rename(rig: FatedRig) -> None:
    rig.engine.rename_container(rig.container("web")["Id"], f"{rig.stack}-by-hand")


def disconnect(rig: FatedRig) -> None:
    rig.engine.disconnect_network(f"{rig.stack}_front", rig.container("web")["Id"])


def lose_an_alias(rig: FatedRig) -> None:
    disconnect(rig)
    rig.engine.connect_network(f"{rig.stack}_front", rig.container("web")["Id"], {})


def remove_the_volume(rig: FatedRig) -> None:
    name = f"{rig.stack}_data"
    if rig.engine.inspect_volume(name):
        drop_volume(rig, name)


def stop_and_update(rig: FatedRig) -> None:
    container = rig.container("web")["Id"]
    rig.engine.stop_container(container, 0)
    rig.engine.update_container(container, {"RestartPolicy": {"Name": "always"}})


def remove(rig: FatedRig) -> None:
    rig.engine.remove_container(rig.container("db")["Id"], force=True)


def edit(rig: FatedRig) -> None:
    mounts = rig.container("web")["Mounts"]
    path = Path(next(one["Source"] for one in mounts if one["Destination"] == "/etc/motd"))
    path.chmod(0o644)
    path.write_text("another greeting")


def pause(rig: FatedRig) -> None:
    container = rig.container("web")["Id"]
    rig.engine._calls.write("", "pause", lambda client: client.tell("/containers/{0}/pause", container))


def forget_the_newer_image(rig: FatedRig) -> None:
    """Nobody has noted that it was fetched, where an agent has died over that, and then nobody removes it."""
    if rig.engine.inspect_image(f"{PULLED}:2"):
        rig.engine.remove_image(f"{PULLED}:2")


def pulled(version: str) -> str:
    return web(version).replace("IMAGE", f"{PULLED}:{version}")


def built(version: str) -> str:
    recipe = f'build: {{context: ., dockerfile_inline: "FROM IMAGE\\nENV BUILT={version}"}}'
    return web(version).replace("image: IMAGE", recipe)


PULLED = "registry.example/app"
HOOKS = ", ".join(f"{when}: [{{command: ['true']}}]" for when in ("pre_start", "post_start", "pre_stop"))
AFTER = "post_start: [{command: [sh, -c, 'echo after >> /data/log']}]"
DEPLOYS = END.replace("x-windlass: {", "x-windlass: {hooks: {pre_deploy: migrate}, ")
MIGRATE = other("migrate", "command: ['true']")


def published(*ports: int) -> str:
    return f"ports: [{', '.join(f'127.0.0.1:{port}:80' for port in ports)}]"


_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))  # of those that run tests
HTTP, HTTPS = 18474 + 2 * _PROCESS, 18475 + 2 * _PROCESS  # of the host, and nobody else's
SHARED = "network_mode: 'service:vpn'"
REMADE = END.replace("front: ,", "front: {labels: {tier: front}},")

TRANSITIONS: dict[str, Transition] = {
    "a first deploy": Transition(
        "",
        other("db") + other("web", "networks: [front, back], volumes: ['data:/data']"),
        by_hand=remove_the_volume,
        least=7,
    ),
    "stop-first": Transition(web("1"), web("2"), least=6),
    "start-first": Transition(web("1", START_FIRST), web("2", START_FIRST), least=6),
    "stop-first, taken back": Transition(web("1"), web("2", CRASHES), bad=True, least=8),
    "start-first, taken back": Transition(
        web("1", START_FIRST), web("2", f"{START_FIRST}, {CRASHES}"), bad=True, least=4
    ),
    "a removed service": Transition(other("db") + web("1"), web("1"), least=2),
    "replicas": Transition(
        other("db", "networks: [back], scale: 2"),
        other("db", "networks: [back], scale: 2, environment: {A: '2'}"),
        end="\nnetworks: {back: }\nx-windlass: {rollout: {monitor: MONITOR}}\n",
        former_end="\nnetworks: {back: }\nx-windlass: {rollout: {monitor: MONITOR}}\n",
        least=10,
    ),
    "a network that is made anew": Transition(web("1"), web("1"), end=REMADE, least=8),
    "started anew with another": Transition(
        other("db") + web("1", "depends_on: {db: {condition: service_started, restart: true}}"),
        other("db", "networks: [back], environment: {A: '2'}")
        + web("1", "depends_on: {db: {condition: service_started, restart: true}}"),
        least=8,
    ),
    "a network that is shared": Transition(
        web("1") + other("side", "network_mode: 'service:web'"),
        web("2") + other("side", "network_mode: 'service:web'"),
        least=8,
    ),
    "a network that is shared, taken back": Transition(
        web("1", START_FIRST) + other("side", "network_mode: 'service:web'") + other("last", "pid: 'service:side'"),
        web("2", f"{START_FIRST}, {CRASHES}")
        + other("side", "network_mode: 'service:web'")
        + other("last", "pid: 'service:side'"),
        bad=True,
        least=10,
    ),
    "what runs around its life": Transition(web("1", HOOKS), web("2", HOOKS), least=12),
    "a run before the deploy": Transition(
        MIGRATE + web("1"), MIGRATE + web("2"), end=DEPLOYS, former_end=DEPLOYS, least=8
    ),
    "an image that is fetched, and one that goes": Transition(
        pulled("1"), pulled("2"), by_hand=forget_the_newer_image, least=8, on_model_only=True
    ),
    "an image that is built": Transition(built("1"), built("2"), least=7, on_model_only=True),
    "paused by hand": Transition(web("1"), web("1"), by_hand=pause, least=1),
    "a port that goes to whose network is shared": Transition(
        web("1") + other("app", f"networks: [back], {published(HTTP)}") + other("vpn"),
        web("1") + other("app", SHARED) + other("vpn", f"networks: [back], {published(HTTP)}"),
        least=10,
    ),
    "a port that goes to whose network is shared, taken back": Transition(
        web("1") + other("app", f"networks: [back], {published(HTTP)}") + other("vpn"),
        web("1") + other("app", SHARED) + other("vpn", f"networks: [back], {published(HTTP)}, {CRASHES}"),
        bad=True,
        least=6,
    ),
    "whose port went to whose network is shared, taken back": Transition(
        web("1") + other("app", f"networks: [back], {published(HTTP)}") + other("vpn"),
        web("1") + other("app", f"{SHARED}, {CRASHES}") + other("vpn", f"networks: [back], {published(HTTP)}"),
        bad=True,
        least=10,
    ),
    "a port that comes back from whose network was shared": Transition(
        web("1") + other("app", SHARED) + other("vpn", f"networks: [back], {published(HTTP)}"),
        web("1") + other("app", f"networks: [back], {published(HTTP)}"),
        least=6,
    ),
    "ports that are swapped": Transition(
        web("1", published(HTTP)) + other("db", f"networks: [back], {published(HTTPS)}"),
        web("1", published(HTTPS)) + other("db", f"networks: [back], {published(HTTP)}"),
        least=12,
    ),
    "ports that are swapped, taken back": Transition(
        web("1", published(HTTP)) + other("db", f"networks: [back], {published(HTTPS)}"),
        web("1", published(HTTPS)) + other("db", f"networks: [back], {published(HTTP)}, {CRASHES}"),
        bad=True,
        least=8,
    ),
    "adopted": Transition(web("1"), web("2"), by_compose=True, least=6),
    "adopted, start-first": Transition(web("1", START_FIRST), web("2", START_FIRST), by_compose=True, least=6),
    "adopted, taken back": Transition(web("1"), web("2", CRASHES), bad=True, by_compose=True, least=8),
    "adopted with a network that is made anew": Transition(web("1"), web("1"), end=REMADE, by_compose=True, least=8),
    "adopted and changed with a network that is made anew": Transition(
        web("1"), web("2"), end=REMADE, by_compose=True, least=8
    ),
    "what runs after its start": Transition(web("1", AFTER), web("2", AFTER), least=8),
    "what runs after its start, start-first": Transition(
        web("1", f"{START_FIRST}, {AFTER}"), web("2", f"{START_FIRST}, {AFTER}"), least=8
    ),
    "renamed by hand and removed": Transition(other("db") + web("1"), other("db"), by_hand=rename, least=2),
    "renamed by hand": Transition(web("1"), web("1"), by_hand=rename, least=1),
    "disconnected by hand": Transition(web("1"), web("1"), by_hand=disconnect, least=1),
    "an alias lost by hand": Transition(web("1"), web("1"), by_hand=lose_an_alias, least=2),
    "stopped and updated by hand": Transition(web("1"), web("1"), by_hand=stop_and_update, least=2),
    "removed by hand": Transition(other("db") + web("1"), other("db") + web("1"), by_hand=remove, least=2),
    "a mounted file edited": Transition(
        web("1", CONFIG), web("1", CONFIG), by_hand=edit, end=END + MOTD, former_end=END + MOTD, least=2
    ),
}


def assert_as_wanted(rig: FatedRig, stack: Stack | None) -> None:
    """Each wanted container runs, or has run, and nothing else of the stack is there but volumes."""
    resources = stack.resources if stack else ()
    containers = [one for one in resources if one.key.kind == "container"]
    wanted = {one.key.name: "exited" if one.handling.hook else "running" for one in containers}
    assert states(rig.engine, f"{rig.stack}-") == wanted
    networks = [one["Name"] for one in rig.engine.list_networks() if one["Name"].startswith(f"{rig.stack}_")]
    assert sorted(networks) == sorted(one.key.name for one in resources if one.key.kind == "network")


def states(engine: Engine, prefix: str) -> dict[str, str]:
    """By name, the state of every container whose name begins so."""
    found = {one["Names"][0].removeprefix("/"): one["State"] for one in engine.list_containers()}
    return {name: state for name, state in found.items() if name.startswith(prefix)}


def kept(rig: FatedRig) -> dict[str, Any]:
    """The volumes of `web`, of which nobody may lose sight."""
    report = rig.engine.inspect_container(f"{rig.stack}-web-1")
    return anonymous(report) if report else {}
