"""What a service's containers may use of the host, as the members of the engine's HostConfig that say so.

A limit stands beside the service or under `deploy.resources`; where it stands in both places Compose wants both to be
the same, and the one under `deploy` counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.compose.nodes import Map
from agent.compose.units import nano_cpus

_PLAIN: Final = {
    "CgroupParent": "cgroup_parent",
    "MemorySwap": "memswap_limit",
    "MemorySwappiness": "mem_swappiness",
    "CpuCount": "cpu_count",
    "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota",
    "CpuRealtimePeriod": "cpu_rt_period",
    "CpuRealtimeRuntime": "cpu_rt_runtime",
    "CpuShares": "cpu_shares",
    "CpusetCpus": "cpuset",
    "OomScoreAdj": "oom_score_adj",
}
_BLKIO: Final = {
    "BlkioDeviceReadBps": "device_read_bps",
    "BlkioDeviceReadIOps": "device_read_iops",
    "BlkioDeviceWriteBps": "device_write_bps",
    "BlkioDeviceWriteIOps": "device_write_iops",
}
# A device of the Container Device Interface, `VENDOR/CLASS=NAME`.
_CDI_DEVICE = re.compile(
    r"[a-zA-Z](?:[\w.-]*[a-zA-Z0-9])?/[a-zA-Z](?:[\w-]*[a-zA-Z0-9])?=[a-zA-Z0-9](?:[\w.:-]*[a-zA-Z0-9])?", re.ASCII
)
_RESTART_NAMES: Final = {"none": "no", "any": "always"}


def limits(service: Map) -> dict[str, Any]:
    """Memory, processors, block devices and the like. What is not set is empty or zero."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    limited, reserved = resources.get("limits") or {}, resources.get("reservations") or {}
    pids = limited.get("pids") or 0
    return {
        **{member: service.get(key) for member, key in _PLAIN.items()},
        **_blkio(service.get("blkio_config") or {}),
        "Memory": limited.get("memory") or service.get("mem_limit"),
        "MemoryReservation": reserved.get("memory") or service.get("mem_reservation"),
        "NanoCpus": nano_cpus(limited.get("cpus") or service.get("cpus") or 0),
        "CpuPercent": 100 * (service.get("cpu_percent") or 0),
        "PidsLimit": pids if pids > 0 else service.get("pids_limit"),
        "DeviceCgroupRules": list(service.get("device_cgroup_rules") or ()),
        "Devices": _devices(service),
        "DeviceRequests": _requests(service, reserved),
        "Ulimits": _ulimits(service),
    }


def restart_policy(service: Map) -> dict[str, Any]:
    """The policy of `deploy` stands for the whole of it: where it has no condition, nothing is started again."""
    policy = (service.get("deploy") or {}).get("restart_policy")
    if policy is not None:
        name, count = policy.get("condition") or "", policy.get("max_attempts") or 0
    else:
        name, _, attempts = (service.get("restart") or "").partition(":")
        count = int(attempts) if attempts.isdecimal() else 0
    named = {"Name": _RESTART_NAMES.get(name, name), "MaximumRetryCount": count}
    return {key: value for key, value in named.items() if value}


def _blkio(config: Mapping[str, Any]) -> dict[str, Any]:
    weights = config.get("weight_device") or ()
    return {
        "BlkioWeight": config.get("weight"),
        "BlkioWeightDevice": [{"Path": one.get("path", ""), "Weight": one.get("weight", 0)} for one in weights],
        **{
            member: [{"Path": one.get("path", ""), "Rate": one.get("rate", 0)} for one in config.get(key) or ()]
            for member, key in _BLKIO.items()
        },
    }


def _devices(service: Map) -> list[dict[str, Any]]:
    return [
        {
            "PathOnHost": device["source"],
            "PathInContainer": device["target"],
            "CgroupPermissions": device.get("permissions", ""),
        }
        for device in service.get("devices") or ()
        if not _is_cdi(device)
    ]


def _requests(service: Map, reserved: Mapping[str, Any]) -> list[dict[str, Any]]:
    requests = [_request(one, list(one["capabilities"])) for one in reserved.get("devices") or ()]
    if names := [device["source"] for device in service.get("devices") or () if _is_cdi(device)]:
        requests.append({"Driver": "cdi", "DeviceIDs": names})
    return requests + [_request(one, [*(one.get("capabilities") or ()), "gpu"]) for one in service.get("gpus") or ()]


def _request(request: Map, capabilities: list[str]) -> dict[str, Any]:
    said = {
        "Driver": request.get("driver"),
        "Count": request.get("count"),
        "DeviceIDs": list(request.get("device_ids") or ()),
        "Capabilities": [capabilities],
        "Options": dict(request.get("options") or {}),
    }
    return {key: value for key, value in said.items() if value}


def _is_cdi(device: Map) -> bool:
    source: str = device["source"]
    return source == device["target"] and bool(_CDI_DEVICE.fullmatch(source))


def _ulimits(service: Map) -> list[dict[str, Any]]:
    limited = []
    for name, limit in sorted((service.get("ulimits") or {}).items()):
        both = limit if isinstance(limit, Map) else {"soft": limit, "hard": limit}
        limited.append({"Name": name, "Soft": both["soft"], "Hard": both["hard"]})
    return limited
