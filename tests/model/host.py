"""A Docker host small enough to hold in the head: it refuses what an Engine of API 1.41 refuses, and no more.

It is spoken to as `agent.engine.transport.Client` speaks to a real one, so that all above runs as it is. What a
container does is told by its command: `true` ends well at once, `false` ends badly, anything else runs until it is
stopped. A health check passes or fails at once, by the same words. `tests/model/test_likeness.py` does the same to this
and to a real engine, and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from docker.errors import APIError

Json = dict[str, Any]

BUILT_IN = ("bridge", "host", "none")
NEVER = "0001-01-01T00:00:00Z"


def refused(status: int, text: str) -> APIError:
    """What the SDK raises for an answer of that status."""
    answer = requests.Response()
    answer.status_code = status
    return APIError(text, response=answer, explanation=text)


@dataclass
class Container:
    id: str
    name: str
    image: str
    body: Json
    endpoints: dict[str, Json]
    mounts: list[Json]
    own_volumes: frozenset[str] = frozenset()  # that were made for it and nobody named
    state: str = "created"
    code: int = 0
    started: str = NEVER
    restarts: int = 0

    @property
    def runs(self) -> bool:
        return self.state in ("running", "paused", "restarting")

    @property
    def host(self) -> Json:
        found: Json = self.body["HostConfig"]
        return found

    @property
    def volumes(self) -> frozenset[str]:
        return frozenset(mount["Name"] for mount in self.mounts if mount["Type"] == "volume")


@dataclass
class ModelHost:
    """`images` are configurations by reference; the id of an image is made of its reference."""

    images: dict[str, Json] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)  # by id
    networks: dict[str, Json] = field(default_factory=dict)  # by id
    volumes: dict[str, Json] = field(default_factory=dict)  # by name
    serial: int = 0

    def __post_init__(self) -> None:
        for name in BUILT_IN:
            self._add_network({"Name": name})

    # --- as a client asks ---

    def get(self, path: str, names: tuple[str, ...], params: Mapping[str, Any]) -> Any:
        reads: dict[str, Callable[..., Any]] = {
            "/info": lambda: {"LoggingDriver": "json-file"},
            "/version": lambda: {"Os": "linux", "Arch": "amd64"},
            "/containers/json": lambda: self._listed((params.get("filters") or {}).get("label") or ()),
            "/containers/{0}/json": lambda name: self.report(self.container(name)),
            "/containers/{0}/logs": lambda name: [],
            "/networks": lambda: list(self.networks.values()),
            "/networks/{0}": lambda name: self._network_report(self.network(name)),
            "/volumes": lambda: {"Volumes": list(self.volumes.values())},
            "/volumes/{0}": self._volume,
            "/images/{0}/json": self._image,
        }
        return json.loads(json.dumps(reads[path](*names)))

    def post(self, path: str, names: tuple[str, ...], body: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        writes: dict[str, Callable[..., Any]] = {
            "/containers/create": lambda: self._create(str(params["name"]), deepcopy(dict(body))),
            "/containers/{0}/start": self.start,
            "/containers/{0}/stop": self.stop,
            "/containers/{0}/unpause": self.unpause,
            "/containers/{0}/rename": lambda name: self.rename(name, str(params["name"])),
            "/containers/{0}/update": lambda name: self.container(name).host.update(deepcopy(dict(body))),
            "/networks/create": lambda: self._create_network(deepcopy(dict(body))),
            "/networks/{0}/connect": lambda name: self.connect(
                name, str(body["Container"]), deepcopy(dict(body.get("EndpointConfig") or {}))
            ),
            "/networks/{0}/disconnect": lambda name: self.disconnect(name, str(body["Container"])),
            "/volumes/create": lambda: self._make_volume(str(body["Name"]), deepcopy(dict(body))),
        }
        return deepcopy(writes[path](*names))

    def delete(self, path: str, names: tuple[str, ...], params: Mapping[str, Any]) -> None:
        if path == "/containers/{0}":
            self.remove(names[0], force=bool(params.get("force")), volumes=bool(params.get("v")))
        else:
            self.remove_network(names[0])

    # --- containers ---

    def container(self, name: str) -> Container:
        """By name or id."""
        for one in self.containers.values():
            if name in (one.id, one.name):
                return one
        raise refused(404, f"No such container: {name}")

    def called(self, name: str) -> Container | None:
        return next((one for one in self.containers.values() if one.name == name), None)

    def _listed(self, labels: Sequence[str]) -> list[Json]:
        found = []
        for one in self.containers.values():
            own = self.report(one)["Config"]["Labels"]
            if all(own.get(label.partition("=")[0]) == label.partition("=")[2] for label in labels):
                ports = [
                    {"IP": host, "PrivatePort": 80, "PublicPort": int(number), "Type": "tcp"}
                    for host, _, number in (port.rpartition(":") for port in sorted(self._held(one)))
                ]
                found.append(
                    {"Id": one.id, "Names": [f"/{one.name}"], "Labels": own, "State": one.state, "Ports": ports}
                )
        return found

    def _create(self, name: str, body: Json) -> Json:
        self._free(name)
        image = self._image(str(body["Image"]))
        body["HostConfig"] = {**(body.get("HostConfig") or {})}
        id = self._new_id()
        own: set[str] = set()
        mounts = list(self._mounts(body, image["Config"], own))
        endpoints = self._first_endpoint(body)
        self.containers[id] = Container(id, name, image["Id"], body, endpoints, mounts, frozenset(own))
        return {"Id": id}

    def _free(self, name: str) -> None:
        if other := self.called(name):
            raise refused(409, f'Conflict. The container name "/{name}" is already in use by container "{other.id}".')

    def _first_endpoint(self, body: Json) -> dict[str, Json]:
        mode = body["HostConfig"].get("NetworkMode") or "default"
        if mode.startswith("container:"):
            return {}
        name = "bridge" if mode == "default" else mode
        asked = ((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).get(name) or {}
        return {name: {**asked, "NetworkID": ""}}

    def _mounts(self, body: Json, image: Json, own: set[str]) -> Iterator[Json]:
        """Volumes that are mounted and not there are made; those that nobody named are the container's own."""
        asked = [tuple(str(bind).split(":")[:2]) for bind in body["HostConfig"].get("Binds") or ()]
        asked += [(one.get("Source") or "", one["Target"]) for one in body["HostConfig"].get("Mounts") or ()]
        targets = {target for _, target in asked}
        asked += [
            ("", one) for one in {**(image.get("Volumes") or {}), **(body.get("Volumes") or {})} if one not in targets
        ]
        for source, target in asked:
            if source.startswith("/"):
                yield {"Type": "bind", "Source": source, "Destination": target}
                continue
            name = source or self._new_id()
            if not source:
                own.add(name)
            self._make_volume(name, {})
            yield {"Type": "volume", "Name": name, "Destination": target}

    def start(self, name: str) -> None:
        one = self.container(name)
        if one.state == "paused":
            raise refused(409, "cannot start a paused container, try unpause instead")
        if one.runs:
            return
        for network, endpoint in one.endpoints.items():
            endpoint["NetworkID"] = self.network(endpoint["NetworkID"] or network)["Id"]
        self._join(one)
        if taken := self._ports(one) & {port for other in self.containers.values() for port in self._held(other)}:
            one.code = 128
            text = f"driver failed programming external connectivity on endpoint {one.name}"
            raise refused(500, f"{text}: Bind for {min(taken)} failed: port is already allocated")
        self._run(one)

    def _join(self, one: Container) -> None:
        mode = str(one.host.get("NetworkMode") or "")
        if mode.startswith("container:"):
            owner = self.container(mode.partition(":")[2])
            if not owner.runs:
                raise refused(409, f"cannot join network of a non running container: {owner.id}")

    def _run(self, one: Container) -> None:
        one.started = datetime.now(UTC).isoformat()
        one.state, one.code, one.restarts = "running", 0, 0
        program = next(iter(one.body.get("Cmd") or ["forever"]))
        if program in ("true", "false"):
            one.code = int(program == "false")
            policy = (one.host.get("RestartPolicy") or {}).get("Name") or "no"
            again = policy in ("always", "unless-stopped") or (policy == "on-failure" and one.code)
            one.state, one.restarts = ("restarting", 1) if again else ("exited", 0)

    def _ports(self, one: Container) -> set[str]:
        return {
            f"{binding.get('HostIp') or '0.0.0.0'}:{binding['HostPort']}"
            for bindings in (one.host.get("PortBindings") or {}).values()
            for binding in bindings or ()
            if binding.get("HostPort") not in (None, "", "0")
        }

    def _held(self, one: Container) -> set[str]:
        return self._ports(one) if one.runs else set()

    def stop(self, name: str, code: int = 0) -> None:
        one = self.container(name)
        if one.runs:
            one.state, one.code = "exited", code

    def pause(self, name: str) -> None:
        one = self.container(name)
        if one.state == "running":
            one.state = "paused"

    def unpause(self, name: str) -> None:
        one = self.container(name)
        if one.state != "paused":
            raise refused(500, f"Container {one.id} is not paused")
        one.state = "running"

    def rename(self, name: str, new: str) -> None:
        one = self.container(name)
        if one.name == new:
            raise refused(400, "Renaming a container with the same name as its current name")
        self._free(new)
        one.name = new

    def remove(self, name: str, *, force: bool, volumes: bool = False) -> None:
        one = self.container(name)
        if one.state == "removing":  # somebody else has had it removed, and by the next look it is
            del self.containers[one.id]
            raise refused(409, f"removal of container {one.id} is already in progress")
        if one.runs and not force:
            raise refused(409, f"You cannot remove a running container {one.id}. Stop the container before")
        del self.containers[one.id]
        if volumes:
            used = {volume for other in self.containers.values() for volume in other.volumes}
            for volume in one.own_volumes - used:
                del self.volumes[volume]

    def report(self, one: Container) -> Json:
        """As `GET /containers/ID/json` says it."""
        image = self._image(one.image)["Config"]
        own = {key: value for key, value in one.body.items() if key not in ("HostConfig", "NetworkingConfig")}
        config = {**image, **{key: value for key, value in own.items() if value is not None}}
        if own.get("Entrypoint") and not own.get("Cmd"):
            config["Cmd"] = None
        config["Labels"] = {**(image.get("Labels") or {}), **(own.get("Labels") or {})}
        names = {entry.partition("=")[0] for entry in own.get("Env") or ()}
        kept = [entry for entry in image.get("Env") or () if entry.partition("=")[0] not in names]
        config["Env"] = kept + list(own.get("Env") or ())
        config["Hostname"] = own.get("Hostname") or one.id[:12]
        config["Volumes"] = {**(image.get("Volumes") or {}), **(own.get("Volumes") or {})} or None
        return {
            "Id": one.id,
            "Name": f"/{one.name}",
            "Image": one.image,
            "RestartCount": one.restarts,
            "State": self._state(one),
            "Config": config,
            "HostConfig": _host_config(one.host),
            "Mounts": one.mounts,
            "NetworkSettings": {"Networks": one.endpoints},
        }

    def _state(self, one: Container) -> Json:
        state: Json = {
            "Status": one.state,
            "Running": one.runs,
            "Paused": one.state == "paused",
            "Restarting": one.state == "restarting",
            "Dead": False,
            "ExitCode": one.code,
            "StartedAt": one.started,
        }
        check = list((one.body.get("Healthcheck") or {}).get("Test") or ())
        if check and check != ["NONE"]:
            fails = check[-1] == "false"
            health = ("unhealthy" if fails else "healthy") if one.state == "running" else "starting"
            state["Health"] = {"Status": health, "FailingStreak": 3 * int(fails), "Log": []}
        return state

    # --- networks ---

    def network(self, name: str) -> Json:
        """By id or name."""
        if name in self.networks:
            return self.networks[name]
        found = [one for one in self.networks.values() if one["Name"] == name]
        if not found:
            raise refused(404, f"network {name} not found")
        if len(found) > 1:
            raise refused(400, f"network {name} is ambiguous (2 matches found on name)")
        return found[0]

    def attached(self, network: str) -> list[Container]:
        """Who runs on the network of that id."""
        return [
            one
            for one in self.containers.values()
            if one.runs and any(endpoint["NetworkID"] == network for endpoint in one.endpoints.values())
        ]

    def _network_report(self, network: Json) -> Json:
        return {**network, "Containers": {one.id: {"Name": one.name} for one in self.attached(network["Id"])}}

    def _create_network(self, body: Json) -> Json:
        if body.get("CheckDuplicate") and any(one["Name"] == body["Name"] for one in self.networks.values()):
            raise refused(409, f"network with name {body['Name']} already exists")
        return {"Id": self._add_network(body)}

    def _add_network(self, body: Json) -> str:
        id = self._new_id()
        defaults = {"Driver": "bridge", "Labels": {}, "Options": {}, "IPAM": {"Driver": "default"}, "Internal": False}
        self.networks[id] = {**defaults, **body, "Id": id, "Created": f"{self.serial:08}"}
        return id

    def remove_network(self, name: str) -> None:
        network = self.network(name)
        if network["Name"] in BUILT_IN:
            raise refused(403, f"{network['Name']} is a pre-defined network and cannot be removed")
        if self.attached(network["Id"]):
            text = f"network {network['Name']} id {network['Id']} has active endpoints"
            raise refused(403, f"error while removing network: {text}")
        del self.networks[network["Id"]]

    def connect(self, network: str, name: str, endpoint: Json) -> None:
        there, one = self.network(network), self.container(name)
        if one.runs and there["Name"] in one.endpoints:
            raise refused(403, f"endpoint with name {one.name} already exists in network {there['Name']}")
        one.endpoints[there["Name"]] = {**endpoint, "NetworkID": there["Id"]}

    def disconnect(self, network: str, name: str) -> None:
        there, one = self.network(network), self.container(name)
        if there["Name"] not in one.endpoints:
            raise refused(500, f"container {one.id} is not connected to network {there['Name']}")
        del one.endpoints[there["Name"]]

    # --- the rest ---

    def _make_volume(self, name: str, body: Json) -> Json:
        made = {"Name": name, "Driver": "local", "Options": body.get("DriverOpts"), "Labels": body.get("Labels")}
        return self.volumes.setdefault(name, made)

    def _volume(self, name: str) -> Json:
        if name not in self.volumes:
            raise refused(404, f"get {name}: no such volume")
        return self.volumes[name]

    def _image(self, name: str) -> Json:
        """By reference or id."""
        for reference, config in self.images.items():
            if name in (reference, image_id(reference)):
                return {"Id": image_id(reference), "Config": config, "RepoTags": [reference]}
        raise refused(404, f"No such image: {name}")

    def restart_engine(self) -> None:
        """It was killed and started again: what it does not bring back by itself lies stopped, ended by a signal."""
        for one in self.containers.values():
            policy = (one.host.get("RestartPolicy") or {}).get("Name") or "no"
            if one.state in ("running", "paused"):
                one.state, one.code = ("running", 0) if policy == "always" else ("exited", 137)

    def _new_id(self) -> str:
        self.serial += 1
        return f"{self.serial:064x}"


def image_id(reference: str) -> str:
    return f"sha256:{reference.encode().hex():0>64}"


def _host_config(body: Mapping[str, Any]) -> Json:
    said = {key: value for key, value in body.items() if value is not None}
    memory = said.get("Memory") or 0
    usual = {"NetworkMode": "default", "RestartPolicy": {"Name": "no"}, "MemorySwap": 2 * memory}
    return {**usual, "LogConfig": {"Type": "json-file", "Config": {}}, **said}
