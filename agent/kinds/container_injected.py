"""What `docker compose` injected into a container, where Windlass mounts a file: configs and secrets that are no files.

A copy that holds what is wanted is as good as the mount, so one is read when it is found, before its container is
taken over. From then on it counts for as long as what is mounted is wanted as it was then: what is done inside of a
container is its own, and a copy is in there.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.digests import file_digest
from agent.engine import Engine
from agent.kinds.base import Report
from agent.kinds.container_fields import TABLE
from agent.kinds.table import Spec, fingerprint

VOLUMES = "volumes"  # the field of what is mounted


def injected(engine: Engine, spec: Spec, report: Report, noted: Mapping[str, str], key: bytes) -> frozenset[str]:
    """The targets of mounts where the container has such a copy instead. `noted` is the fingerprint that it was taken
    over with, nothing where it was not. Raises `Trouble` where the engine cannot be asked for a copy."""
    wanted: Mapping[str, str] = spec.get("injectable") or {}
    if not wanted:
        return frozenset()
    if noted and noted.get(VOLUMES) == fingerprint(TABLE, spec, key).get(VOLUMES):
        return frozenset(wanted)
    mounted = {str(mount.get("Destination")) for mount in report.get("Mounts") or ()}
    return frozenset(
        target
        for target, digest in wanted.items()
        if target not in mounted and _is_there(engine, report, target, digest, key)
    )


def _is_there(engine: Engine, report: Report, target: str, digest: str, key: bytes) -> bool:
    found = engine.read_file(str(report.get("Id")), target)
    return found is not None and file_digest(key, found.mode, found.uid, found.gid, found.content) == digest
