"""The fields of a container, a row each: the table that comparison, plans, fingerprints and adoption read.

To add a field, add its row here and the member of the body to what is known below.
"""

from __future__ import annotations

from typing import Any

from agent.kinds.base import comparable_labels
from agent.kinds.container_facts import (
    Facts,
    addresses,
    bindings,
    capabilities,
    devices,
    environment,
    folder,
    hosts,
    limit,
    links,
    mapping,
    named_owner,
    number,
    ordered,
    ports,
    restart,
    security,
    signal,
    text,
    ulimits,
    unordered,
    volumes_from,
)
from agent.kinds.container_networks import (
    RANKED,
    declared_networks,
    seen_addresses,
    seen_mode,
    seen_networks,
    wanted_addresses,
    wanted_cards,
    wanted_mode,
    wanted_networks,
)
from agent.kinds.container_rows import (
    HEALTHY,
    as_said,
    build_row,
    command_declared,
    command_wanted,
    domainname_seen,
    either_way,
    entrypoint_wanted,
    environment_seen,
    environment_wanted,
    exposed_wanted,
    files_seen,
    files_wanted,
    guarded,
    health,
    health_seen,
    health_wanted,
    hostname_seen,
    hostname_wanted,
    image_seen,
    image_wanted,
    labels_declared,
    labels_wanted,
    links_told,
    log_defaults,
    log_driver,
    mounts_declared,
    mounts_seen,
    mounts_wanted,
    name_seen,
    namespace,
    namespaces_seen,
    namespaces_wanted,
    network_ids,
    of_daemon,
    of_image,
    optional,
    plain,
    program_seen,
    security_seen,
    since,
    state_declared,
    state_remedy,
    state_seen,
    supported,
    swap,
    swappiness,
    system_paths_row,
    ulimit_defaults,
    where_kept,
    with_image,
)
from agent.kinds.table import (
    Row,
    Spec,
    holds_secret,
    in_place,
    in_place_unless_cleared,
    look,
    set_or_none,
    started_anew,
)

# What `POST /containers/{id}/update` can change: the path of the row and the member of the body.
LIVE = {
    "restart": "RestartPolicy",
    "memory": "Memory",
    "memswap_limit": "MemorySwap",
    "mem_reservation": "MemoryReservation",
    "cpus": "NanoCpus",
    "cpu_shares": "CpuShares",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpuset": "CpusetCpus",
    "cpuset_mems": "CpusetMems",
    "pids_limit": "PidsLimit",
}

STATE = (
    Row[Facts]("name", lambda _spec: None, lambda facts: facts.name, name_seen, in_place),
    Row[Facts]("state", state_declared, lambda _facts: "running", state_seen, state_remedy),
    Row[Facts]("health", lambda _spec: None, lambda _facts: HEALTHY, health_seen, started_anew),
    Row[Facts]("files", lambda _spec: None, files_wanted, files_seen, started_anew, depth=1),
    Row[Facts]("namespaces", lambda _spec: None, namespaces_wanted, namespaces_seen, started_anew, depth=1),
)

PROGRAM = (
    Row[Facts]("image", plain("image", "Image", text).declared, image_wanted, image_seen),
    build_row(),
    with_image(Row("entrypoint", as_said("Entrypoint"), entrypoint_wanted, program_seen("Entrypoint"))),
    with_image(Row("command", command_declared, command_wanted, program_seen("Cmd"))),
    with_image(
        Row(
            "environment",
            lambda spec: environment(look(spec["body"], "Env")) or None,
            environment_wanted,
            environment_seen,
            depth=1,
            secret=holds_secret,
        )
    ),
    with_image(
        Row(
            "labels",
            labels_declared,
            labels_wanted,
            lambda facts: comparable_labels(facts.seen("Labels"), mapping(facts.asked("Labels"))),
            depth=1,
            secret=holds_secret,
        )
    ),
    with_image(of_image("user", "User", text)),
    with_image(of_image("working_dir", "WorkingDir", folder)),
    with_image(of_image("stop_signal", "StopSignal", signal)),
    optional("stop_grace_period", "StopTimeout"),
    plain("tty", "Tty", bool),
    plain("stdin_open", "OpenStdin", bool),
    with_image(
        Row(
            "healthcheck",
            lambda spec: look(spec["body"], "Healthcheck"),
            health_wanted,
            lambda facts: health(facts.seen("Healthcheck"), facts),
            depth=1,
        )
    ),
    either_way("init", "HostConfig.Init"),
)

NETWORK = (
    Row[Facts]("hostname", plain("hostname", "Hostname", text).declared, hostname_wanted, hostname_seen),
    Row[Facts](
        "domainname",
        plain("domainname", "Domainname", text).declared,
        lambda facts: text(facts.asked("Domainname")),
        domainname_seen,
    ),
    plain("network_disabled", "NetworkDisabled", bool),
    Row[Facts](
        "network_mode",
        lambda spec: wanted_mode(spec["body"]),
        lambda facts: named_owner(wanted_mode(facts.body), facts.names),
        lambda facts: seen_mode(facts.report, facts.names),
    ),
    Row[Facts](
        "networks",
        lambda spec: declared_networks(spec["body"]),
        lambda facts: wanted_networks(facts.body, network_ids(facts), facts.report, ranked=facts.api >= RANKED),
        lambda facts: seen_networks(facts.report, network_ids(facts)),
        in_place,
        depth=2,
    ),
    Row[Facts](
        "mac_address",
        lambda spec: wanted_addresses(spec["body"]) or None,
        lambda facts: wanted_cards(facts.body),
        lambda facts: seen_addresses(facts.report, wanted_cards(facts.body)),
        depth=1,
        told=lambda _facts: False,
    ),
    with_image(
        Row(
            "expose",
            lambda spec: ports(look(spec["body"], "ExposedPorts")) or None,
            exposed_wanted,
            lambda facts: ports(facts.seen("ExposedPorts")),
        )
    ),
    plain("ports", "HostConfig.PortBindings", bindings, depth=1),
    plain("publish_all_ports", "HostConfig.PublishAllPorts", bool),
    plain("dns", "HostConfig.Dns", addresses),
    plain("dns_opt", "HostConfig.DnsOptions", unordered),
    plain("dns_search", "HostConfig.DnsSearch", ordered),
    plain("extra_hosts", "HostConfig.ExtraHosts", hosts),
    guarded(plain("links", "HostConfig.Links", links), links_told),
)

STORAGE = (
    with_image(Row("volumes", mounts_declared, mounts_wanted, mounts_seen, depth=1)),
    Row[Facts](
        "volumes_from",
        plain("volumes_from", "HostConfig.VolumesFrom", unordered).declared,
        lambda facts: volumes_from(facts.asked("HostConfig.VolumesFrom"), facts.names),
        lambda facts: volumes_from(facts.seen("HostConfig.VolumesFrom"), facts.names),
    ),
    plain("volume_driver", "HostConfig.VolumeDriver", text),
    plain("storage_opt", "HostConfig.StorageOpt", mapping),
    plain("read_only", "HostConfig.ReadonlyRootfs", bool),
    of_daemon("shm_size", "HostConfig.ShmSize", number),
    plain("devices", "HostConfig.Devices", devices),
    plain("device_cgroup_rules", "HostConfig.DeviceCgroupRules", unordered),
    plain("gpus", "HostConfig.DeviceRequests", unordered),
)

SECURITY = (
    plain("privileged", "HostConfig.Privileged", bool),
    plain("cap_add", "HostConfig.CapAdd", capabilities),
    plain("cap_drop", "HostConfig.CapDrop", capabilities),
    Row[Facts](
        "security_opt",
        plain("security_opt", "HostConfig.SecurityOpt", unordered).declared,
        lambda facts: security(facts.asked("HostConfig.SecurityOpt")),
        security_seen,
    ),
    system_paths_row("masked_paths", "HostConfig.MaskedPaths"),
    system_paths_row("readonly_paths", "HostConfig.ReadonlyPaths"),
    plain("group_add", "HostConfig.GroupAdd", unordered),
    plain("userns_mode", "HostConfig.UsernsMode", text),
    plain("uts", "HostConfig.UTSMode", text),
    namespace("pid", "HostConfig.PidMode"),
    guarded(namespace("ipc", "HostConfig.IpcMode"), lambda facts: bool(facts.asked("HostConfig.IpcMode"))),
    of_daemon("cgroup", "HostConfig.CgroupnsMode", text),
    plain("cgroup_parent", "HostConfig.CgroupParent", text),
    of_daemon("runtime", "HostConfig.Runtime", text),
    of_daemon("isolation", "HostConfig.Isolation", text),
    plain("sysctls", "HostConfig.Sysctls", mapping, depth=1),
    since(plain("annotations", "HostConfig.Annotations", mapping, depth=1), (1, 43)),
)

LIMITS = (
    plain("restart", "HostConfig.RestartPolicy", restart, remedy=in_place),
    supported(plain("memory", "HostConfig.Memory", number, remedy=in_place_unless_cleared), "MemoryLimit"),
    supported(
        Row(
            "memswap_limit",
            lambda spec: swap(spec["body"]) or None,
            lambda facts: swap(facts.body),
            lambda facts: number(facts.seen("HostConfig.MemorySwap")),
            in_place_unless_cleared,
        ),
        "SwapLimit",
    ),
    supported(
        plain("mem_reservation", "HostConfig.MemoryReservation", number, remedy=in_place_unless_cleared), "MemoryLimit"
    ),
    swappiness("mem_swappiness", "HostConfig.MemorySwappiness"),
    supported(plain("oom_kill_disable", "HostConfig.OomKillDisable", bool), "OomKillDisable"),
    plain("oom_score_adj", "HostConfig.OomScoreAdj", number),
    supported(plain("cpus", "HostConfig.NanoCpus", number, remedy=in_place_unless_cleared), "CpuCfsQuota"),
    supported(plain("cpu_shares", "HostConfig.CpuShares", number, remedy=in_place_unless_cleared), "CPUShares"),
    supported(plain("cpu_period", "HostConfig.CpuPeriod", number, remedy=in_place_unless_cleared), "CpuCfsPeriod"),
    supported(plain("cpu_quota", "HostConfig.CpuQuota", number, remedy=in_place_unless_cleared), "CpuCfsQuota"),
    supported(plain("cpuset", "HostConfig.CpusetCpus", text, remedy=in_place_unless_cleared), "CPUSet"),
    supported(plain("cpuset_mems", "HostConfig.CpusetMems", text, remedy=in_place_unless_cleared), "CPUSet"),
    plain("cpu_rt_period", "HostConfig.CpuRealtimePeriod", number),
    plain("cpu_rt_runtime", "HostConfig.CpuRealtimeRuntime", number),
    plain("cpu_count", "HostConfig.CpuCount", number),
    plain("cpu_percent", "HostConfig.CpuPercent", number),
    supported(plain("pids_limit", "HostConfig.PidsLimit", limit, remedy=in_place), "PidsLimit"),
    Row[Facts](
        "ulimits",
        lambda spec: ulimits(look(spec["body"], "HostConfig.Ulimits")) or None,
        lambda facts: {**ulimit_defaults(facts), **ulimits(facts.asked("HostConfig.Ulimits"))},
        lambda facts: ulimits(facts.seen("HostConfig.Ulimits")),
        depth=1,
        told=lambda facts: not ulimit_defaults(facts),
    ),
    *(
        where_kept(path, at, normal)
        for path, at, normal in (
            ("blkio_weight", "HostConfig.BlkioWeight", number),
            ("blkio_weight_device", "HostConfig.BlkioWeightDevice", unordered),
            ("device_read_bps", "HostConfig.BlkioDeviceReadBps", unordered),
            ("device_write_bps", "HostConfig.BlkioDeviceWriteBps", unordered),
            ("device_read_iops", "HostConfig.BlkioDeviceReadIOps", unordered),
            ("device_write_iops", "HostConfig.BlkioDeviceWriteIOps", unordered),
        )
    ),
)

LOGGING = (
    Row[Facts](
        "logging",
        plain("logging", "HostConfig.LogConfig.Type", text).declared,
        log_driver,
        lambda facts: text(facts.seen("HostConfig.LogConfig.Type")),
    ),
    Row[Facts](
        "logging.options",
        plain("logging.options", "HostConfig.LogConfig.Config", mapping).declared,
        lambda facts: {**log_defaults(facts), **mapping(facts.asked("HostConfig.LogConfig.Config"))},
        lambda facts: mapping(facts.seen("HostConfig.LogConfig.Config")),
        depth=1,
        told=lambda facts: not log_defaults(facts),
    ),
)

# Members of the body that have a row, or that leave nothing to compare.
KNOWN = frozenset(
    (
        *("Image", "Entrypoint", "Cmd", "Env", "Labels", "User", "WorkingDir", "StopSignal", "StopTimeout", "Tty"),
        *("OpenStdin", "Healthcheck", "Hostname", "Domainname", "NetworkDisabled", "MacAddress", "ExposedPorts"),
        *("Volumes", "HostConfig", "NetworkingConfig"),
        *("AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce", "ArgsEscaped", "OnBuild", "Shell"),
    )
)
KNOWN_OF_HOST = frozenset(
    (
        *("Init", "NetworkMode", "PortBindings", "PublishAllPorts", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts"),
        *("Links", "Binds", "Mounts", "Tmpfs", "VolumesFrom", "VolumeDriver", "StorageOpt", "ReadonlyRootfs"),
        *("ShmSize", "Devices", "DeviceCgroupRules", "DeviceRequests", "Privileged", "CapAdd", "CapDrop"),
        *("SecurityOpt", "MaskedPaths", "ReadonlyPaths", "GroupAdd", "UsernsMode", "UTSMode", "PidMode", "IpcMode"),
        *("CgroupnsMode", "CgroupParent", "Runtime", "Isolation", "Sysctls", "Annotations", "RestartPolicy"),
        *("Memory", "MemorySwap", "MemoryReservation", "MemorySwappiness", "OomKillDisable", "OomScoreAdj"),
        *("NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "CpuRealtimePeriod"),
        *("CpuRealtimeRuntime", "CpuCount", "CpuPercent", "PidsLimit", "Ulimits", "BlkioWeight"),
        *("BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps"),
        *("BlkioDeviceWriteIOps", "LogConfig", "ConsoleSize", "ContainerIDFile"),
    )
)


def _others(spec: Spec) -> dict[str, Any] | None:
    """Whatever else the body holds: nothing is known of how it is reported, so the fingerprint alone tells."""
    top = {key: value for key, value in spec["body"].items() if key not in KNOWN}
    host = mapping(look(spec["body"], "HostConfig"))
    below = {f"HostConfig.{key}": value for key, value in host.items() if key not in KNOWN_OF_HOST}
    return {key: value for key, value in {**top, **below}.items() if set_or_none(value) is not None} or None


def _nothing(_facts: Facts) -> None:
    return None


OTHERS = (Row[Facts]("others", _others, _nothing, _nothing, told=lambda _facts: False),)

TABLE: tuple[Row[Facts], ...] = (*PROGRAM, *NETWORK, *STORAGE, *SECURITY, *LIMITS, *LOGGING, *OTHERS, *STATE)
