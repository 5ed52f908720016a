"""The model of a host says what a real engine says, to the same calls through the same door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.engine import Engine
from agent.errors import Trouble
from tests.model.engine import ModelEngine
from tests.model.host import ModelHost

pytestmark = pytest.mark.engine


class Trial:
    """Says what comes of each call. Things go by short names, behind which are `prefix` and, on calls, their ids."""

    def __init__(self, engine: Engine, prefix: str, image: str) -> None:
        self.engine, self.prefix, self.image = engine, prefix, image
        self.ids: dict[str, str] = {}
        self.said: list[str] = []

    def name(self, short: str) -> str:
        return f"{self.prefix}-{short}"

    def note(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            found = call()
        except Trouble as trouble:
            self.said.append(f"{what}: {type(trouble).__name__} {trouble.reason}")
            return None
        self.said.append(f"{what}: ok")
        return found

    def make(self, short: str, network: str = "", **more: Any) -> None:
        host = {"NetworkMode": network and (network if ":" in network else self.name(network)), **more.pop("host", {})}
        body = {"Image": self.image, "StopTimeout": 0, "HostConfig": host, **more}
        made = self.note(f"make {short}", lambda: self.engine.create_container(self.name(short), body))
        if made:
            self.ids[short] = made

    def start(self, short: str) -> None:
        self.note(f"start {short}", lambda: self.engine.start_container(self.ids[short]))

    def stop(self, short: str) -> None:
        self.note(f"stop {short}", lambda: self.engine.stop_container(self.ids[short], 0))

    def remove(self, short: str, **how: bool) -> None:
        self.note(f"remove {short}", lambda: self.engine.remove_container(self.ids[short], **how))

    def rename(self, short: str, new: str) -> None:
        self.note(f"rename {short} {new}", lambda: self.engine.rename_container(self.ids[short], self.name(new)))

    def unpause(self, short: str) -> None:
        self.note(f"unpause {short}", lambda: self.engine.unpause_container(self.ids[short]))

    def network(self, short: str) -> None:
        made = self.note(f"network {short}", lambda: self.engine.create_network(self.name(short), {}))
        self.ids[f"network {short}"] = made or self.ids.get(f"network {short}", "")

    def drop(self, short: str) -> None:
        self.note(f"drop {short}", lambda: self.engine.remove_network(self.ids[f"network {short}"]))

    def connect(self, network: str, short: str) -> None:
        self.note(
            f"connect {network} {short}",
            lambda: self.engine.connect_network(self.ids[f"network {network}"], self.ids[short], {}),
        )

    def disconnect(self, network: str, short: str) -> None:
        self.note(
            f"disconnect {network} {short}",
            lambda: self.engine.disconnect_network(self.ids[f"network {network}"], self.ids[short]),
        )

    def look(self) -> None:
        """What is told of each container that was made: its state, its networks and its volumes."""
        for short, container in list(self.ids.items()):
            if short.startswith("network "):
                continue
            report = self.engine.inspect_container(container)
            if report is None:
                self.said.append(f"{short}: gone")
                continue
            state = report["State"]
            networks = sorted(name.replace(self.prefix, "") for name in report["NetworkSettings"]["Networks"])
            mounts = [(m["Type"], len(m["Name"]) == 64, m["Destination"]) for m in report["Mounts"]]
            never = state["StartedAt"].startswith("0001-")
            name = report["Name"].replace(self.prefix, "")
            self.said.append(f"{short}: {name} {state['Status']} {networks} {sorted(mounts)} never ran: {never}")


def names_and_states(trial: Trial) -> None:
    trial.make("a")
    trial.make("a")
    trial.make("b")
    trial.rename("b", "a")
    trial.rename("b", "b")
    trial.rename("b", "c")
    trial.stop("a")
    trial.start("a")
    trial.start("a")
    trial.unpause("a")
    trial.remove("a")
    trial.look()
    trial.stop("a")
    trial.stop("a")
    trial.remove("a")
    trial.remove("a")
    trial.start("a")
    trial.rename("a", "d")
    trial.look()
    trial.remove("b", force=True)


def programs(trial: Trial) -> None:
    trial.make("well", Cmd=["true"])
    trial.make("badly", Cmd=["false"])
    for short in ("well", "badly"):
        trial.start(short)
        container = trial.ids[short]
        while (trial.engine.inspect_container(container) or {})["State"]["Status"] != "exited":
            pass
        trial.said.append(str((trial.engine.inspect_container(container) or {})["State"]["ExitCode"]))
    trial.look()


def networks_under_containers(trial: Trial) -> None:
    trial.network("n")
    trial.network("n")
    trial.network("m")
    trial.make("a", "n")
    trial.drop("n")
    trial.start("a")
    trial.network("n")
    trial.start("a")
    trial.drop("n")
    trial.connect("m", "a")
    trial.connect("m", "a")
    trial.disconnect("m", "a")
    trial.disconnect("m", "a")
    trial.look()
    trial.stop("a")
    trial.drop("n")
    trial.start("a")
    trial.network("n")
    trial.start("a")  # it means the former one
    trial.look()


def namespaces(trial: Trial) -> None:
    trial.make("owner")
    trial.make("guest", f"container:{trial.ids['owner']}")
    trial.start("guest")
    trial.start("owner")
    trial.start("guest")
    trial.stop("owner")
    trial.stop("guest")
    trial.start("guest")
    trial.remove("owner")
    trial.start("guest")
    trial.look()


def ports(trial: Trial) -> None:
    more: Any = {"ExposedPorts": {"80/tcp": {}}}
    more["host"] = {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18473"}]}}
    trial.network("n")
    trial.make("a", "n", **more)
    trial.make("b", "n", **more)
    trial.start("a")
    trial.start("b")
    trial.look()
    trial.stop("a")
    trial.start("b")
    trial.look()


def volumes(trial: Trial) -> None:
    named = f"{trial.name('data')}:/data"
    trial.make("a", Volumes={"/scratch": {}}, host={"Binds": [named]})
    trial.look()
    report = trial.engine.inspect_container(trial.ids["a"])
    assert report is not None
    scratch = next(mount["Name"] for mount in report["Mounts"] if mount["Destination"] == "/scratch")
    trial.make("b", Volumes={"/scratch": {}}, host={"Binds": [f"{scratch}:/scratch"]})
    trial.look()
    trial.remove("a", volumes=True)  # which the other one still has
    trial.said.append(str(trial.engine.inspect_volume(scratch) is not None))
    trial.remove("b", volumes=True)  # and which it was given by its name
    trial.said.append(str(trial.engine.inspect_volume(scratch) is not None))
    trial.make("d", host={"Binds": [f"{scratch}:/scratch"]})  # so that it goes with this one
    trial.make("c", Volumes={"/scratch": {}})
    report = trial.engine.inspect_container(trial.ids["c"])
    assert report is not None
    trial.remove("c", volumes=True)
    trial.said.append(str(trial.engine.inspect_volume(report["Mounts"][0]["Name"]) is not None))
    trial.said.append(str(trial.engine.inspect_volume(trial.name("data")) is not None))


@pytest.mark.parametrize(
    "play",
    [names_and_states, programs, networks_under_containers, namespaces, ports, volumes],
    ids=lambda one: one.__name__,
)
def test_the_model_says_what_the_engine_says(
    engine: Engine, prefix: str, busybox: str, play: Callable[[Trial], None]
) -> None:
    model = ModelEngine(ModelHost({busybox: {"Cmd": ["forever"]}}))
    real, modelled = Trial(engine, prefix, busybox), Trial(model, prefix, busybox)
    play(real)
    play(modelled)
    model.close()
    assert modelled.said == real.said
