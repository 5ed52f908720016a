"""What a container may use: how it is read and printed, what the engine is sent of it, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from agent.compose import render
from tests.compose.tree import body, problems, project

DEVICE = {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("cpu_shares: 5.9\ncpu_period: '7'", {"cpu_shares": 5, "cpu_period": 7}),
        ("cpu_percent: '50'\ncpu_count: 2", {"cpu_percent": 50, "cpu_count": 2}),
        ("memswap_limit: 2g\nmem_swappiness: 60", {"memswap_limit": "2147483648", "mem_swappiness": "60"}),
        ("memswap_limit: -1", {"memswap_limit": "-1"}),
        ("oom_kill_disable: 'yes'\noom_score_adj: '-5'", {"oom_kill_disable": True, "oom_score_adj": -5}),
        ("storage_opt: {size: 1}", {"storage_opt": {"size": "1"}}),
        ("deploy:", {}),
        ("deploy: {}", {"deploy": {"resources": {}, "placement": {}}}),
        ("deploy: {resources: {limits: {cpus: '0.50', memory: 50M, pids: '9'}, reservations: {cpus: 1}}}", {
            "deploy": {"placement": {}, "resources": {
                "limits": {"cpus": 0.5, "memory": "52428800", "pids": 9}, "reservations": {"cpus": 1},
            }},
        }),
        ("deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: gpu}}]}}}", {
            "deploy": {"placement": {}, "resources": {"reservations": {
                "generic_resources": [{"discrete_resource_spec": {"kind": "gpu", "value": 0}}],
            }}},
        }),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", {
            "deploy": {"placement": {}, "resources": {"reservations": {
                "devices": [{"capabilities": ["gpu"], "count": -1}],
            }}},
        }),
        ("deploy: {restart_policy: {condition: any, max_attempts: 0, delay: 5s, window: 1m}}", {
            "deploy": {"placement": {}, "resources": {}, "restart_policy": {
                "condition": "any", "delay": "5s", "max_attempts": 0, "window": "1m0s",
            }},
        }),
        ("ulimits: {nproc: 0, core: '-1', nofile: {soft: 0, hard: 5}}",
         {"ulimits": {"core": -1, "nofile": {"hard": 5}, "nproc": {}}}),
        ("scale: 2\ndeploy: {}", {"deploy": {"replicas": 2, "resources": {}, "placement": {}}, "scale": 2}),
        ("group_add: [5, '5']\nexpose: [5, '5-6']", {"group_add": ["5", "5"], "expose": ["5", "5-6"]}),
        ("gpus: all", {"gpus": [{"count": -1}]}),
        ("gpus: [{device_ids: ['0'], options: [a=b]}, {count: '2'}]", {
            "gpus": [{"device_ids": ["0"], "options": {"a": "b"}}, {"count": 2}],
        }),
        ("devices: [/dev/a, '/dev/b:/dev/c', '/dev/d::r', {source: /e, target: /f}]", {"devices": [
            {"source": "/dev/a", "target": "/dev/a", "permissions": "rwm"},
            {"source": "/dev/b", "target": "/dev/c", "permissions": "rwm"},
            {"source": "/dev/d", "target": "/dev/d", "permissions": "r"},
            {"source": "/e", "target": "/f"},
        ]}),
        ("blkio_config: {weight: 300, weight_device: [{path: /dev/a, weight: 4}], device_read_bps: [{path: /dev/a, "
         "rate: 1mb}]}", {"blkio_config": {
             "weight": 300, "weight_device": [{"Path": "/dev/a", "Weight": 4}],
             "device_read_bps": [{"Path": "/dev/a", "Rate": "1048576"}],
         }}),
    ],
)  # fmt: skip
def test_a_limit_is_printed_as_compose_prints_it(keys: str, expected: dict[str, Any]) -> None:
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    printed = render(project(f"services:\n  a:\n    image: x\n{lines}"), "/p")["services"]["a"]
    for key in ("command", "entrypoint", "image", "networks"):
        del printed[key]
    assert printed == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("cpu_shares: 5\ncpu_period: 6\ncpu_quota: 7\ncpu_rt_period: 8\ncpu_rt_runtime: 9\ncpuset: 0-1\ncpu_count: 2",
         {"CpuShares": 5, "CpuPeriod": 6, "CpuQuota": 7, "CpuRealtimePeriod": 8, "CpuRealtimeRuntime": 9,
          "CpusetCpus": "0-1", "CpuCount": 2}),
        ("cpu_percent: 5", {"CpuPercent": 500}),
        ("memswap_limit: 1k\nmem_swappiness: 60", {"MemorySwap": 1024, "MemorySwappiness": 60}),
        ("mem_swappiness: 0", {"MemorySwappiness": None}),
        ("oom_kill_disable: true\noom_score_adj: 5", {"OomKillDisable": True, "OomScoreAdj": 5}),
        ("cgroup_parent: p\ncgroup: host\nipc: host\npid: host\nuts: host\nuserns_mode: host\nisolation: default\n"
         "runtime: runc\nstorage_opt: {size: 1G}",
         {"CgroupParent": "p", "CgroupnsMode": "host", "IpcMode": "host", "PidMode": "host", "UTSMode": "host",
          "UsernsMode": "host", "Isolation": "default", "Runtime": "runc", "StorageOpt": {"size": "1G"}}),
        ("dns_search: a\ndns_opt: [x=1, x=2]", {"DnsSearch": ["a"], "DnsOptions": ["x=2"]}),
        ("device_cgroup_rules: ['c 1:3 mr']", {"DeviceCgroupRules": ["c 1:3 mr"]}),
        ("devices: ['/dev/a:/dev/b:r']", {"Devices": [DEVICE], "DeviceRequests": None}),
        ("devices: ['/dev/a:/dev/b:r', vendor.com/gpu=0]",
         {"Devices": [DEVICE], "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=0"]}]}),
        ("devices: ['v/c=0:/dev/x']", {"DeviceRequests": None}),  # mapped elsewhere, it is a path
        ("gpus: [{driver: d, device_ids: [g], capabilities: [c]}]", {"DeviceRequests": [
            {"Driver": "d", "DeviceIDs": ["g"], "Capabilities": [["c", "gpu"]]},
        ]}),
        ("deploy: {resources: {reservations: {memory: 1k, devices: [{capabilities: [gpu], count: 1}]}}}\n"
         "mem_reservation: 1024",
         {"MemoryReservation": 1024, "DeviceRequests": [{"Count": 1, "Capabilities": [["gpu"]]}]}),
        ("deploy: {resources: {limits: {cpus: 5.7, memory: 1k, pids: 3}}}",
         {"NanoCpus": 5699999744, "Memory": 1024, "PidsLimit": 3}),
        ("deploy: {resources: {limits: {pids: -1}}}", {"PidsLimit": None}),
        ("restart: always\ndeploy: {restart_policy: {max_attempts: 3}}", {"RestartPolicy": {"MaximumRetryCount": 3}}),
        ("deploy: {restart_policy: {condition: none}}", {"RestartPolicy": {"Name": "no"}}),
        ("blkio_config: {weight: 3, weight_device: [{path: a, weight: 4}], device_read_bps: [{path: a, rate: 1k}],"
         " device_read_iops: [{path: b, rate: 5}], device_write_bps: [{path: c, rate: 6}],"
         " device_write_iops: [{path: d, rate: 7}]}",
         {"BlkioWeight": 3, "BlkioWeightDevice": [{"Path": "a", "Weight": 4}],
          "BlkioDeviceReadBps": [{"Path": "a", "Rate": 1024}], "BlkioDeviceReadIOps": [{"Path": "b", "Rate": 5}],
          "BlkioDeviceWriteBps": [{"Path": "c", "Rate": 6}], "BlkioDeviceWriteIOps": [{"Path": "d", "Rate": 7}]}),
    ],
)  # fmt: skip
def test_a_limit_is_sent_to_the_engine(keys: str, expected: dict[str, Any]) -> None:
    host = body(keys)["HostConfig"]
    assert {key: host.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("cpu_percent: 101", "4:18: services.a.cpu_percent: must be between 0 and 100"),
        ("cpu_percent: 1.5", '4:18: services.a.cpu_percent: "1.5" is not a whole number'),
        ("ulimits: {nproc: 1.5}", '4:22: services.a.ulimits.nproc: "1.5" is not a whole number'),
        ("expose: [1.5]", "4:14: services.a.expose[0]: must be a string or a whole number, not a number"),
        ("volumes: [{type: tmpfs, target: /x, tmpfs: {mode: '0700'}}]", "4:55: services.a.volumes[0].tmpfs.mode: must "
         "be a number, write the octal digits without quotes, with 0o before them"),
        ("cpus: 1\n    deploy: {resources: {limits: {memory: 1k}}}", "4:11: services.a.cpus: is 1.0, but deploy."
         "resources.limits.cpus is not set"),
        ("mem_limit: 2k\n    deploy: {resources: {limits: {memory: 1k}}}", "4:16: services.a.mem_limit: is 2048, but "
         "deploy.resources.limits.memory is 1024"),
        ("cpu_quota: 1400us", '4:16: services.a.cpu_quota: "1400us" is not a whole number'),
        ("cgroup: hosts", '4:13: services.a.cgroup: "hosts" is not one of host, private, did you mean "host"?'),
        ("oom_score_adj: 1001", "4:20: services.a.oom_score_adj: must be between -1000 and 1000"),
        ("external_links: [b, b]", '4:25: services.a.external_links[1]: "b" is in the list already'),
        ("devices: ['a:b:c:d']", '4:15: services.a.devices[0]: the device "a:b:c:d" has too many colons, '
         "write source, target and permissions"),
        ("devices: [{target: a}]", '4:15: services.a.devices[0]: needs the key "source"'),
        ("devices: [{source: a}]", '4:15: services.a.devices[0]: needs the key "target"'),
        ("gpus: some", '4:11: services.a.gpus: "some" is not all, write all, or a list of what is asked for'),
        ("gpus: [{count: 1, device_ids: [a]}]", "4:20: services.a.gpus[0].count: count and device_ids exclude each "
         "other"),
        ("gpus: [{count: some}]", '4:20: services.a.gpus[0].count: "some" is not a whole number'),
        ("deploy: {resources: {reservations: {devices: [{count: 1}]}}}", "4:51: services.a.deploy.resources."
         'reservations.devices[0]: needs the key "capabilities"'),
        ("deploy: {resources: {limits: {memory: 5}}}", "4:43: services.a.deploy.resources.limits.memory: must be a "
         "string, not a number, put it in quotes"),
        ("deploy: {resources: {limits: {cpus: x}}}", '4:41: services.a.deploy.resources.limits.cpus: "x" is not a '
         "number"),
        ("blkio_config: {weight: 65536}", "4:28: services.a.blkio_config.weight: must be between 0 and 65535"),
        ("blkio_config: {device_read_bps: [{path: a, rate: x}]}", "4:54: services.a.blkio_config.device_read_bps[0]."
         'rate: "x" is no size such as 64m or 1.5g'),
    ],
)  # fmt: skip
def test_a_limit_that_is_wrong(keys: str, problem: str) -> None:
    assert problems(f"services:\n  b: {{image: x}}\n  a:\n    {keys}\n    image: x\n") == [f"compose.yaml:{problem}"]


def test_limits_of_two_files_are_one() -> None:
    limits = "services: {a: {image: x, deploy: {resources: {limits: {%s}}}}}\n"
    files = {"compose.override.yaml": limits % "cpus: 2"}
    loaded = project(limits % "memory: 1k, cpus: 1", files)
    printed = render(loaded, "/p")["services"]["a"]["deploy"]["resources"]
    assert printed == {"limits": {"cpus": 2, "memory": "1024"}}
