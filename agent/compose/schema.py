"""Every key of a Compose file: which exist, and what shape each has.

The keys stand in the order of Compose's own types, in which `docker compose config` prints them and the config-hash is
taken: keep that order when a key is added. Nothing else has to be changed for a key to be read, merged and printed;
what it does to a container stands in payload.py and the modules that it puts together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agent.compose.amounts import CPUS, DURATION, EXACT_SIZE, SIZE
from agent.compose.build import BUILD, PULL_POLICY
from agent.compose.deploy import DEPLOY
from agent.compose.devices import BLKIO, DEVICES, GPUS
from agent.compose.elements import (
    DEPENDENCY,
    ENV_FILE,
    EXTERNAL,
    EXTRA_HOSTS,
    HEALTHCHECK,
    IPAM,
    LABELS,
    LOGGING,
    OPTIONS,
    PORTS,
    SERVICE_NETWORK,
    SERVICE_VOLUME,
    ULIMIT,
    WHOLE,
    WHOLE_TEXT,
    mapped,
    or_names,
)
from agent.compose.extension import EXTENSION, SERVICE_EXTENSION, STACK_EXTENSION
from agent.compose.hooks import DEVELOP, FIRST_HOOKS, HOOKS
from agent.compose.merge import before_equals, itself, path_of, target_of
from agent.compose.models import MODEL, PROVIDER, SERVICE_MODELS
from agent.compose.nodes import Map
from agent.compose.reuse import EXTENDS, INCLUDES
from agent.compose.shapes import (
    BOOLEAN,
    COMMAND,
    NAME,
    SCALAR_TEXT,
    STRICT_BOOLEAN,
    TEXT,
    Field,
    Fields,
    absent_if_null,
    choice,
    integer,
    list_of,
    mapping_of,
    one_or_list,
    pairs,
    record,
    whole,
)
from agent.compose.stores import CONFIG, SECRET, SERVICE_CONFIGS, SERVICE_SECRETS

_UNIQUE_TEXTS: Final = list_of(TEXT, key=before_equals)
_DISTINCT_TEXTS: Final = list_of(TEXT, distinct=True)
_CREDENTIAL_SPEC: Final = record({"config": Field(TEXT), "file": Field(TEXT), "registry": Field(TEXT)})

SERVICE_FIELDS: Final[Fields] = {
    "profiles": Field(_UNIQUE_TEXTS),
    "annotations": Field(LABELS),
    "attach": Field(BOOLEAN, kept=True),
    "build": Field(BUILD, kept=True),
    "develop": Field(DEVELOP, kept=True),
    "blkio_config": Field(BLKIO, kept=True),
    "cap_add": Field(_UNIQUE_TEXTS),
    "cap_drop": Field(_UNIQUE_TEXTS),
    "cgroup_parent": Field(TEXT),
    "cgroup": Field(choice("host", "private")),
    "cpu_count": Field(integer(0)),
    "cpu_percent": Field(integer(0, 100)),
    "cpu_period": Field(WHOLE),
    "cpu_quota": Field(WHOLE),
    "cpu_rt_period": Field(WHOLE),
    "cpu_rt_runtime": Field(WHOLE),
    "cpus": Field(CPUS),
    "cpuset": Field(TEXT),
    "cpu_shares": Field(WHOLE),
    "command": Field(COMMAND, kept=True),
    "configs": Field(SERVICE_CONFIGS),
    "container_name": Field(TEXT),
    "credential_spec": Field(_CREDENTIAL_SPEC, kept=True),
    "depends_on": Field(or_names(
        mapping_of(DEPENDENCY, names=NAME), lambda at: mapped(at, condition="service_started", required=True)
    )),
    "deploy": Field(DEPLOY, kept=True),
    "device_cgroup_rules": Field(_DISTINCT_TEXTS),
    "devices": Field(DEVICES),
    "dns": Field(one_or_list(TEXT, key=before_equals)),
    "dns_opt": Field(_UNIQUE_TEXTS),
    "dns_search": Field(one_or_list(TEXT, key=before_equals)),
    "domainname": Field(TEXT),
    "entrypoint": Field(COMMAND, kept=True),
    "provider": Field(PROVIDER, kept=True),
    "environment": Field(pairs(null=None)),
    "env_file": Field(one_or_list(ENV_FILE, key=path_of)),
    "expose": Field(list_of(WHOLE_TEXT, key=itself)),
    "extends": Field(EXTENDS),
    "external_links": Field(_DISTINCT_TEXTS),
    "extra_hosts": Field(EXTRA_HOSTS),
    "group_add": Field(list_of(SCALAR_TEXT, distinct=True)),
    "gpus": Field(GPUS),
    "hostname": Field(TEXT),
    "healthcheck": Field(HEALTHCHECK, kept=True),
    "image": Field(TEXT),
    "init": Field(BOOLEAN, kept=True),
    "ipc": Field(TEXT),
    "isolation": Field(TEXT),
    "labels": Field(LABELS),
    "label_file": Field(one_or_list(TEXT)),
    "links": Field(_UNIQUE_TEXTS),
    "logging": Field(LOGGING, kept=True),
    "mem_limit": Field(SIZE),
    "mem_reservation": Field(EXACT_SIZE),
    "memswap_limit": Field(SIZE),
    "mem_swappiness": Field(EXACT_SIZE),
    "mac_address": Field(TEXT),
    "models": Field(SERVICE_MODELS),
    "network_mode": Field(TEXT),
    "networks": Field(or_names(mapping_of(SERVICE_NETWORK, names=NAME), lambda _at: None)),
    "oom_kill_disable": Field(BOOLEAN),
    "oom_score_adj": Field(integer(-1000, 1000)),
    "pid": Field(absent_if_null(TEXT)),
    "pids_limit": Field(WHOLE),
    "platform": Field(TEXT),
    "ports": Field(PORTS),
    "privileged": Field(BOOLEAN),
    "pull_policy": Field(PULL_POLICY),
    "pull_refresh_after": Field(TEXT, printed=False),
    "read_only": Field(BOOLEAN),
    "restart": Field(TEXT),
    "runtime": Field(TEXT),
    "scale": Field(whole(0), kept=True),
    "secrets": Field(SERVICE_SECRETS),
    "security_opt": Field(_DISTINCT_TEXTS),
    "shm_size": Field(SIZE),
    "stdin_open": Field(BOOLEAN),
    "stop_grace_period": Field(DURATION, kept=True),
    "stop_signal": Field(TEXT),
    "storage_opt": Field(OPTIONS),
    "sysctls": Field(LABELS),
    "tmpfs": Field(one_or_list(TEXT, key=before_equals)),
    "tty": Field(BOOLEAN),
    "ulimits": Field(mapping_of(ULIMIT)),
    "use_api_socket": Field(STRICT_BOOLEAN),
    "user": Field(TEXT),
    "userns_mode": Field(TEXT),
    "uts": Field(TEXT),
    "volumes": Field(list_of(SERVICE_VOLUME, key=target_of)),
    "volumes_from": Field(_DISTINCT_TEXTS),
    "working_dir": Field(TEXT),
    "pre_start": Field(FIRST_HOOKS, since="5.5"),
    "post_start": Field(HOOKS),
    "pre_stop": Field(HOOKS),
    EXTENSION: Field(SERVICE_EXTENSION, printed=False),
}  # fmt: skip
SERVICE: Final = record(SERVICE_FIELDS)

# --- networks, volumes and the whole ----------------------------------------------------------------------------

NETWORK_FIELDS: Final[Fields] = {
    "name": Field(TEXT),
    "driver": Field(TEXT),
    "driver_opts": Field(OPTIONS),
    "ipam": Field(IPAM, kept=True),
    "external": Field(EXTERNAL),
    "internal": Field(BOOLEAN),
    "attachable": Field(BOOLEAN),
    "labels": Field(LABELS),
    "enable_ipv4": Field(BOOLEAN, kept=True),
    "enable_ipv6": Field(BOOLEAN, kept=True),
}
_NETWORK: Final = record(NETWORK_FIELDS, nullable=True)


def _write_network(value: Map) -> Any:
    """Compose prints the addresses of a network also where there are none."""
    complete = Map(value.place)
    complete.update({"ipam": Map(value.place)}, **value)
    return _NETWORK.write(complete)


NETWORK: Final = replace(_NETWORK, write=_write_network)

VOLUME_FIELDS: Final[Fields] = {
    "name": Field(TEXT),
    "driver": Field(TEXT),
    "driver_opts": Field(OPTIONS),
    "external": Field(EXTERNAL),
    "labels": Field(LABELS),
}
VOLUME: Final = record(VOLUME_FIELDS, nullable=True)

DOCUMENT: Final = record({
    "version": Field(TEXT),
    "name": Field(TEXT),
    "include": Field(INCLUDES),
    "services": Field(mapping_of(SERVICE, names=NAME, keep_broken=True)),
    "networks": Field(mapping_of(NETWORK, names=NAME, keep_broken=True)),
    "volumes": Field(mapping_of(VOLUME, names=NAME, keep_broken=True)),
    "secrets": Field(mapping_of(SECRET, names=NAME, keep_broken=True)),
    "configs": Field(mapping_of(CONFIG, names=NAME, keep_broken=True)),
    "models": Field(mapping_of(MODEL, names=NAME, keep_broken=True)),
    EXTENSION: Field(STACK_EXTENSION, printed=False),
})  # fmt: skip
