"""Every option of a container against the real engine: set it and it is as wanted, ask for another and it differs."""

from __future__ import annotations

from typing import Any

import pytest

from agent.kinds.base import our_labels
from agent.kinds.container_fields import TABLE
from agent.kinds.table import fingerprint
from agent.model import Resource
from tests.engine import images
from tests.kinds.bench import Bench

pytestmark = pytest.mark.engine

MEGA = 1 << 20

# The path that is to differ, one setting, another one. Both are tried in both directions, and each against unset.
OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("command", {"Cmd": ["sleep", "1"]}, {"Cmd": ["sleep", "2"]}),
    ("entrypoint", {"Entrypoint": ["sleep"]}, {"Entrypoint": ["true"]}),
    ("environment.A", {"Env": ["A=1"]}, {"Env": ["A=2"]}),
    ("labels.x", {"Labels": {"x": "1"}}, {"Labels": {"x": "2"}}),
    ("user", {"User": "1"}, {"User": "2"}),
    ("working_dir", {"WorkingDir": "/a"}, {"WorkingDir": "/b"}),
    ("stop_signal", {"StopSignal": "SIGINT"}, {"StopSignal": "SIGUSR1"}),
    ("stop_grace_period", {"StopTimeout": 0}, {"StopTimeout": 3}),
    ("tty", {"Tty": True}, {"Tty": False}),
    ("stdin_open", {"OpenStdin": True}, {}),
    ("init", {"Init": True}, {"Init": False}),
    ("hostname", {"Hostname": "a"}, {"Hostname": "b"}),
    ("domainname", {"Domainname": "a"}, {"Domainname": "b"}),
    ("network_mode", {"NetworkMode": "none"}, {"NetworkMode": "host"}),
    ("expose", {"ExposedPorts": {"80": {}}}, {"ExposedPorts": {"81/tcp": {}}}),
    (
        "ports.80/tcp",
        {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}},
        {"PortBindings": {"80/tcp": [{"HostPort": ""}]}},
    ),
    ("dns", {"Dns": ["1.1.1.1"]}, {"Dns": ["1.1.1.2"]}),
    ("dns_opt", {"DnsOptions": ["ndots:1"]}, {"DnsOptions": ["ndots:2"]}),
    ("dns_search", {"DnsSearch": ["a"]}, {"DnsSearch": ["b"]}),
    ("extra_hosts", {"ExtraHosts": ["a:1.1.1.1"]}, {"ExtraHosts": ["a:1.1.1.2"]}),
    ("volumes./x", {"Binds": ["/tmp:/x:ro"]}, {"Tmpfs": {"/x": "size=1m"}}),
    ("volumes./x", {"Mounts": [{"Type": "volume", "Target": "/x/"}]}, {"Binds": ["/tmp:/x"]}),
    ("read_only", {"ReadonlyRootfs": True}, {"ReadonlyRootfs": False}),
    ("shm_size", {"ShmSize": 8 * MEGA}, {"ShmSize": 16 * MEGA}),
    ("device_cgroup_rules", {"DeviceCgroupRules": ["c 1:3 r"]}, {"DeviceCgroupRules": ["c 1:3 rw"]}),
    (
        "devices",
        {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/a", "CgroupPermissions": "rwm"}]},
        {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}]},
    ),
    ("privileged", {"Privileged": True}, {"Privileged": False}),
    ("cap_add", {"CapAdd": ["net_admin"]}, {"CapAdd": ["CAP_SYS_TIME", "NET_ADMIN"]}),
    ("cap_drop", {"CapDrop": ["ALL"]}, {"CapDrop": ["CHOWN"]}),
    ("security_opt", {"SecurityOpt": ["no-new-privileges"]}, {"SecurityOpt": ["seccomp=unconfined"]}),
    ("masked_paths", {"MaskedPaths": []}, {"MaskedPaths": ["/proc/kcore"]}),
    ("readonly_paths", {"ReadonlyPaths": []}, {"ReadonlyPaths": ["/proc/bus"]}),
    ("group_add", {"GroupAdd": ["1"]}, {"GroupAdd": ["1", "2"]}),
    ("uts", {"UTSMode": "host"}, {}),
    ("pid", {"PidMode": "host"}, {}),
    ("ipc", {"IpcMode": "shareable"}, {"IpcMode": "host"}),
    ("userns_mode", {"UsernsMode": "host"}, {}),
    ("cgroup", {"CgroupnsMode": "private"}, {"CgroupnsMode": "host"}),
    ("cgroup_parent", {"CgroupParent": "/a"}, {"CgroupParent": "/b"}),
    ("sysctls.net.core.somaxconn", {"Sysctls": {"net.core.somaxconn": "1"}}, {"Sysctls": {"net.core.somaxconn": "2"}}),
    (
        "restart",
        {"RestartPolicy": {"Name": "always"}},
        {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}},
    ),
    ("memory", {"Memory": 64 * MEGA}, {"Memory": 32 * MEGA}),
    ("memswap_limit", {"Memory": 64 * MEGA, "MemorySwap": -1}, {"Memory": 64 * MEGA, "MemorySwap": 96 * MEGA}),
    ("mem_reservation", {"MemoryReservation": 32 * MEGA}, {"MemoryReservation": 16 * MEGA}),
    ("mem_swappiness", {"MemorySwappiness": 10}, {"MemorySwappiness": 20}),
    ("oom_kill_disable", {"OomKillDisable": True, "Memory": 64 * MEGA}, {"OomKillDisable": False, "Memory": 64 * MEGA}),
    ("oom_score_adj", {"OomScoreAdj": 5}, {"OomScoreAdj": 6}),
    ("cpus", {"NanoCpus": 5 * 10**8}, {"NanoCpus": 10**9}),
    ("cpu_shares", {"CpuShares": 10}, {"CpuShares": 20}),
    ("cpu_quota", {"CpuQuota": 50000}, {"CpuQuota": 60000}),
    ("cpu_period", {"CpuPeriod": 50000}, {"CpuPeriod": 60000}),
    ("cpuset", {"CpusetCpus": "0"}, {"CpusetCpus": "0,1"}),
    ("pids_limit", {"PidsLimit": 100}, {"PidsLimit": 0}),
    (
        "ulimits.nofile",
        {"Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}]},
        {"Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 30}]},
    ),
    ("blkio_weight", {"BlkioWeight": 100}, {"BlkioWeight": 200}),
    (
        "logging",
        {"LogConfig": {"Type": "local", "Config": {}}},
        {"LogConfig": {"Type": "none", "Config": None}},
    ),
    (
        "logging.options.max-size",
        {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}},
        {"LogConfig": {"Type": "", "Config": {"max-size": "2m"}}},
    ),
    (
        "healthcheck.retries",
        {"Healthcheck": {"Test": ["CMD", "true"], "Retries": 2}},
        {"Healthcheck": {"Test": ["CMD", "true"], "Retries": 3}},
    ),
    (
        "healthcheck.test",
        {"Healthcheck": {"Test": ["CMD", "true"]}},
        {"Healthcheck": {"Test": ["CMD-SHELL", "true"]}},
    ),
    ("mac_address", {"MacAddress": "02:42:ac:11:00:98"}, {"MacAddress": "02:42:ac:11:00:99"}),
]


def make(bench: Bench, wanted: Resource) -> None:
    """Make the container without starting it: what the engine reports of its configuration is the same."""
    made_from = fingerprint(TABLE, wanted.spec, bench.identity.key)
    body = wanted.spec["body"]
    labels = {**body.get("Labels", {}), **our_labels(bench.identity, wanted, "rev1", made_from)}
    bench.engine.create_container(wanted.key.name, {**body, "Labels": labels})


def unlike(bench: Bench, *wanted: Resource) -> list[dict[str, bool]]:
    """What differs but the state, for each: path to whether a commit did it."""
    seen = bench.look(*wanted)
    return [
        {one.path: one.declared for one in seen[resource.key].differences if one.path != "state"} for resource in wanted
    ]


@pytest.mark.parametrize(("path", "one", "other"), OPTIONS, ids=[f"{n}-{o[0]}" for n, o in enumerate(OPTIONS)])
def test_an_option_that_is_set_is_as_wanted_and_another_one_differs(
    bench: Bench, path: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    pair = [bench.container("one", **one), bench.container("two", **other), bench.container("plain")]
    for wanted in pair:
        make(bench, wanted)
    assert unlike(bench, *pair) == [{}, {}, {}], "set and looked at again"
    changed = [bench.container("one", **other), bench.container("two", **one), bench.container("plain", **one)]
    for found in [*unlike(bench, *changed), *unlike(bench, bench.container("one"))]:
        assert any(_head(seen) == _head(path) for seen in found), found
        assert all(found.values()), "each is a commit's doing"
    differs = unlike(bench, changed[0])[0]  # newer engines tell the address of a card before it is in use
    assert any(seen == path or seen.startswith(f"{path}.") for seen in differs), differs


IMAGES: list[tuple[str, dict[str, Any]]] = [
    ("bare", {}),
    ("env", {"Env": ["PATH=/bin", "A=1", "B=x=y"]}),
    ("entrypoint", {"Entrypoint": ["sleep"], "Cmd": ["60"]}),
    ("volumes", {"Volumes": {"/data": {}, "/tmp/x/": {}}}),
    ("health", {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**10, "Retries": 4}}),
    ("user", {"User": "1000", "WorkingDir": "/tmp/"}),
    ("labels", {"Labels": {"a": "b", "com.docker.compose.project": "other", "windlass.instance": "x"}}),
    ("ports", {"ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGINT"}),
]
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("env", {"Env": ["A", "C=3", "B=2"]}),
    ("command", {"Cmd": ["sleep", "60"]}),
    ("no-entrypoint", {"Entrypoint": [""], "Cmd": ["sleep", "60"]}),
    ("mounts", {"Mounts": [{"Type": "volume", "Target": "/data"}], "Tmpfs": {"/tmp/x": ""}}),
    ("health", {"Healthcheck": {"Retries": 9}}),
    ("no-health", {"Healthcheck": {"Test": ["NONE"]}}),
    ("labels", {"Labels": {"a": "c", "d": "", "com.docker.compose.version": "9", "com.docker.compose.service": "x"}}),
    ("ports", {"PortBindings": {"81/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}, "StopSignal": "QUIT"}),
    ("user", {"User": "0", "WorkingDir": "/"}),
]


@pytest.mark.parametrize("config", [config for _, config in IMAGES], ids=[name for name, _ in IMAGES])
def test_what_an_image_sets_is_no_difference(bench: Bench, docker_host: str, config: dict[str, Any]) -> None:
    reference = f"{bench.stack}:1"
    images.load(docker_host, reference, **config)
    try:
        for short, body in BODIES:
            wanted = bench.container(short, Image=reference, **body)
            make(bench, wanted)
            assert unlike(bench, wanted) == [{}], short
    finally:
        images.unload(docker_host, reference)


def _head(path: str) -> str:
    return path.split(".", maxsplit=1)[0]
