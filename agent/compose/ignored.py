"""Whether each path under `x-windlass.ignore` names a field that there is: a misspelt one would protect nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from agent.compose.extension import EXTENSION
from agent.compose.findings import At, Findings, did_you_mean, path_to
from agent.compose.nodes import Map

_NAMES: Final = """
    annotations attachable blkio_weight blkio_weight_device build cap_add cap_drop cgroup cgroup_parent command
    cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset cpuset_mems
    device_cgroup_rules device_read_bps device_read_iops device_write_bps device_write_iops devices dns dns_opt
    dns_search domainname driver driver_opts enable_ipv4 enable_ipv6 entrypoint environment expose extra_hosts files
    gpus group_add health healthcheck hostname image init internal ipam ipc isolation labels links logging mac_address
    masked_paths mem_reservation mem_swappiness memory memswap_limit name namespaces network_disabled network_mode
    networks oom_kill_disable oom_score_adj others pid pids_limit ports privileged publish_all_ports read_only
    readonly_paths restart runtime security_opt shm_size state stdin_open stop_grace_period stop_signal storage_opt
    sysctls tty ulimits user userns_mode uts volume_driver volumes volumes_from working_dir
"""
# The fields as plans name them, by their first word: a test holds them to the tables of `agent.kinds`.
FIELDS: Final = frozenset(_NAMES.split())
_PARTED: Final = """
    annotations driver_opts environment files healthcheck ipam labels logging mac_address namespaces networks ports
    sysctls ulimits volumes
"""
PARTED: Final = frozenset(_PARTED.split())  # those of which a path may name a part, as in labels.x
# What Compose calls otherwise.
_CALLED: Final = {
    "configs": "files",
    "container_name": "name",
    "cpuset_cpus": "cpuset",
    "env_file": "environment",
    "mem_limit": "memory",
    "secrets": "files",
    "tmpfs": "volumes",
}


def check_ignored(model: Map, on: Collection[str], findings: Findings) -> None:
    """Reports each path that begins with no field, or goes on where a field has no parts. `on` are the services that
    are on."""
    networks = {key: str(network.get("name")) for key, network in model["networks"].items() if network.get("name")}
    _check(model, networks, At("", model.place, findings))
    services = model["services"]
    for name in on:
        _check(services[name], networks, At(path_to("services", name), services.key_place(name), findings))


def _check(holder: Map, networks: Mapping[str, str], at: At) -> None:
    """`networks` are the names on the host by those in the file."""
    said = holder.get(EXTENSION) or Map(holder.place)
    for number, path in enumerate(said.get("ignore") or ()):
        below = at.of(holder, EXTENSION).of_item(said, "ignore", number)
        field, dot, part = path.partition(".")
        if field not in FIELDS:
            known = _CALLED.get(field)
            hint = f'call it "{known}"' if known else did_you_mean(field, FIELDS) or "name it as `windlass plan` does"
            below.problem(f'there is no field "{field}"', hint)
        elif dot and (field not in PARTED or not part):
            below.problem(f'"{path}" names no part of the field "{field}"', f'say "{field}" for all of it')
        elif field == "networks":
            key = part if part in networks else part.rpartition(".")[0]
            if (name := networks.get(key, key)) != key:
                below.warn(f'the network "{key}" of this file is called "{name}" on the host, and so here')
