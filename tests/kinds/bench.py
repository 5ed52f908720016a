"""What the tests of the kinds do again and again: want something, look, carry out, look again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from agent.engine import Engine
from agent.kinds.base import Identity, Kind
from agent.kinds.container import ContainerKind
from agent.kinds.image import ImageKind
from agent.kinds.network import NetworkKind
from agent.kinds.volume import VolumeKind
from agent.model import Action, Cause, Change, Difference, Key, Observed, Resource, Scope
from agent.planning.masking import field_change
from agent.rollout import Pace

MEGA = 1 << 20
# Twenty seconds of the rollout's are one of the test's.
PACE = Pace(lambda: time.monotonic() * 20, lambda seconds, _: time.sleep(seconds), lambda: False)


class Bench:
    """A host with one stack, named after the test's prefix, whose objects all begin with it."""

    address = ""  # in the first of the test's networks

    def __init__(self, engine: Engine, prefix: str, image: str, key: bytes = b"key") -> None:
        self.engine = engine
        self.stack = prefix
        self.image = image
        self.identity = Identity(f"instance-{prefix}", "dir:0123456789ab", key)
        self.scope = Scope(self.identity.instance, self.identity.origin, frozenset({prefix}))
        kinds: tuple[Kind, ...] = (
            ContainerKind(engine, self.identity),
            NetworkKind(engine, self.identity),
            VolumeKind(engine, self.identity),
            ImageKind(engine),
        )
        self.kinds = {kind.name: kind for kind in kinds}

    def name(self, short: str) -> str:
        return f"{self.stack}-{short}"

    def container(self, short: str = "web", *, state: str = "running", **body: Any) -> Resource:
        """A wanted container; members of its HostConfig are given with the others, as `Memory=…`."""
        host = {key: body.pop(key) for key in [*body] if key in HOST_MEMBERS}
        whole = {"Image": self.image, **body, "HostConfig": {**body.get("HostConfig", {}), **host}}
        spec = {"body": whole, "platform": "", "state": state}
        return Resource(Key("container", self.name(short)), self.stack, spec, service=short)

    def network(self, short: str = "front", **body: Any) -> Resource:
        return Resource(Key("network", self.name(short)), self.stack, body)

    def volume(self, short: str = "data", **body: Any) -> Resource:
        return Resource(Key("volume", self.name(short)), self.stack, body)

    def look(self, *wanted: Resource) -> dict[Key, Observed]:
        kinds = {resource.key.kind for resource in wanted} or {"container"}
        found = {}
        for kind in kinds:
            of_kind = [resource for resource in wanted if resource.key.kind == kind]
            found.update({one.key: one for one in self.kinds[kind].observe(of_kind, self.scope)})
        return found

    def seen(self, wanted: Resource) -> Observed:
        return self.look(wanted)[wanted.key]

    def differences(self, wanted: Resource) -> dict[str, Difference]:
        return {one.path: one for one in self.seen(wanted).differences}

    def do(self, action: Action, wanted: Resource | None = None, seen: Observed | None = None, **more: Any) -> None:
        key = wanted.key if wanted else seen.key if seen else Key("", "")
        fields = tuple(map(field_change, seen.differences if seen else ()))
        change = Change(1, action, key, self.stack, Cause.COMMIT, "test", fields, wanted=wanted, seen=seen, **more)
        kind = self.kinds[key.kind]
        match action:
            case Action.CREATE:
                kind.create(change, "rev1")
            case Action.UPDATE:
                kind.update(change, "rev1")
            case Action.REPLACE:
                kind.replace(change, "rev1", PACE)
            case _:
                kind.remove(change)

    def create(self, wanted: Resource) -> Observed:
        self.do(Action.CREATE, wanted)
        return self.seen(wanted)

    def update(self, wanted: Resource) -> Observed:
        self.do(Action.UPDATE, wanted, self.seen(wanted))
        return self.seen(wanted)

    def replace(self, wanted: Resource) -> Observed:
        self.do(Action.REPLACE, wanted, self.seen(wanted))
        return self.seen(wanted)

    def report(self, wanted: Resource) -> Mapping[str, Any]:
        report = self.engine.inspect_container(wanted.key.name)
        assert report is not None
        return report


HOST_MEMBERS = frozenset(
    (
        *("Binds", "Mounts", "Tmpfs", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "RestartPolicy", "NetworkMode"),
        *("PortBindings", "LogConfig", "CapAdd", "CapDrop", "Privileged", "Init", "ShmSize", "Ulimits", "Sysctls"),
        *("ExtraHosts", "SecurityOpt", "MaskedPaths", "ReadonlyPaths", "ReadonlyRootfs", "Dns", "DnsSearch"),
        *("DnsOptions", "PidMode", "IpcMode", "UTSMode", "GroupAdd", "Devices", "DeviceCgroupRules", "CpuShares"),
        *("CpuPeriod", "CpuQuota", "CpusetCpus", "MemoryReservation", "MemorySwappiness", "OomKillDisable"),
        *("OomScoreAdj", "CgroupnsMode", "CgroupParent", "VolumesFrom", "Annotations", "StorageOpt", "Runtime"),
        *("BlkioWeight", "UsernsMode", "Links", "PublishAllPorts", "Isolation"),
    )
)


@pytest.fixture
def bench(engine: Engine, prefix: str, busybox: str) -> Bench:
    return Bench(engine, prefix, busybox)


def rich(bench: Bench, **more: Any) -> Resource:
    """A container with about everything that a service usually has."""
    front, back = bench.name("front"), bench.name("back")
    return bench.container(
        **{
            "Env": ["A=1", "PASSWORD=hunter2"],
            "Labels": {"com.docker.compose.project": bench.stack, "com.docker.compose.service": "web", "x": "y"},
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9},
            "StopTimeout": 1,
            "Memory": 64 * MEGA,
            "RestartPolicy": {"Name": "unless-stopped"},
            "ExposedPorts": {"80/tcp": {}},
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "Mounts": [{"Type": "volume", "Target": "/anonymous"}],
            "Binds": [f"{bench.name('data')}:/data:rw", "/tmp:/host:ro"],
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}],
            "NetworkMode": front,
            "NetworkingConfig": {
                "EndpointsConfig": {
                    front: {"Aliases": ["web", "www"], "IPAMConfig": {"IPv4Address": bench.address}},
                    back: {"Aliases": ["web"]},
                }
            },
            **more,
        }
    )


@pytest.fixture
def nets(bench: Bench) -> Bench:
    """Two networks, the first with a subnet of its own."""
    last = int(bench.stack[-4:], 16)
    subnet = f"10.{200 + last % 50}.{last // 50 % 250}"
    bench.address = f"{subnet}.9"
    config = {"Config": [{"Subnet": f"{subnet}.0/24"}]}
    bench.create(bench.network("front", IPAM=config))
    bench.create(bench.network("back"))
    return bench
