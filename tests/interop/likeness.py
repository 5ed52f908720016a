"""An inspect of a container, a network or a volume without what can never be the same twice.

Left out are ids, names that the engine gives, times and what happens while a container runs; and, since they are ours,
our own labels and those in which Compose notes its release and where it was called.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.interop.corpus import LABEL

UNLIKE = frozenset(
    LABEL + name for name in ("version", "project.config_files", "project.working_dir", "project.environment_file")
)
HASH = f"{LABEL}config-hash"
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
UNORDERED = frozenset({"Binds", "Mounts", "ExtraHosts", "Links", "Env", "Ulimits", "Aliases", "DeviceCgroupRules"})
KEPT = ("Path", "Args", "Image", "Name", "Driver", "Platform", "MountLabel", "ProcessLabel", "AppArmorProfile")


def container(
    report: Mapping[str, Any], names: Mapping[str, str], homes: Sequence[Path], *, hashed: bool
) -> dict[str, Any]:
    """`names` are those of the containers by id, `homes` the directories of which the tests know that they are theirs.
    Without `hashed` Compose's hash tells of where the files lie."""
    config = {key: value for key, value in report["Config"].items() if key != "Labels"}
    if config.get("Hostname") in {known[:12] for known in names}:  # its own, or of whoever's network it shares
        del config["Hostname"]
    drop = UNLIKE if hashed else UNLIKE | {HASH}
    networks = (report["NetworkSettings"].get("Networks") or {}).items()
    without = {report["Id"][:12], config.get("Hostname")}
    found = {
        **{key: report.get(key) for key in KEPT},
        "Config": config,
        "Labels": _labels(report["Config"], drop),
        "HostConfig": report["HostConfig"],
        "Mounts": [_mounted(mount) for mount in report["Mounts"]],
        "Networks": {name: _endpoint(endpoint, without) for name, endpoint in networks},
    }
    plain: dict[str, Any] = _plain(_named(found, names, homes))
    return plain


def network(report: Mapping[str, Any], *, pools: bool) -> dict[str, Any]:
    """Without `pools` nothing was said of addresses, and the engine took what was free."""
    members = ("Name", "Driver", "Scope", "EnableIPv4", "EnableIPv6", "Internal", "Attachable", "Ingress", "Options")
    plain: dict[str, Any] = _plain(
        {
            **{member: report.get(member) for member in members},
            "IPAM": report["IPAM"] if pools else {**report["IPAM"], "Config": None},
            "Labels": _labels(report, UNLIKE | {HASH}),
        }
    )
    return plain


def volume(report: Mapping[str, Any]) -> dict[str, Any]:
    kept = {member: report.get(member) for member in ("Name", "Driver", "Options", "Scope")}
    plain: dict[str, Any] = _plain({**kept, "Labels": _labels(report, UNLIKE | {HASH})})
    return plain


def unlike(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two values differ, as lines of text."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from unlike(one.get(key), other.get(key), f"{path}/{key}")
    elif one != other:
        yield f"{path}: {one!r}, not {other!r}"


def _labels(holder: Mapping[str, Any], drop: frozenset[str]) -> dict[str, str]:
    found = (holder.get("Labels") or {}).items()
    return {key: value for key, value in found if key not in drop and not key.startswith("windlass.")}


def _endpoint(endpoint: Mapping[str, Any], without: set[Any]) -> dict[str, Any]:
    kept = {member: endpoint.get(member) for member in ("IPAMConfig", "Links", "DriverOpts", "GwPriority")}
    return {**kept, "Aliases": [alias for alias in endpoint.get("Aliases") or () if alias not in without]}


def _mounted(mount: Mapping[str, Any]) -> dict[str, Any]:
    if mount["Type"] != "volume":
        return dict(mount)
    return {**mount, "Source": "", "Name": "" if ANONYMOUS.fullmatch(mount["Name"]) else mount["Name"]}


def _named(value: Any, names: Mapping[str, str], homes: Sequence[Path]) -> Any:
    """With the ids of containers as their names, and with files as what is in them: a copy is as good."""
    if isinstance(value, dict):
        return {key: _named(one, names, homes) for key, one in value.items()}
    if isinstance(value, list):
        return [_named(one, names, homes) for one in value]
    if not isinstance(value, str):
        return value
    for known, name in names.items():
        value = value.replace(known, name)
    source, colon, rest = value.partition(":")
    if any(Path(source).is_relative_to(home) for home in homes) and Path(source).is_file():
        return f"file {hashlib.sha256(Path(source).read_bytes()).hexdigest()}{colon}{rest}"
    return value


def _plain(value: Any, key: str = "") -> Any:
    """Without what says nothing, and in one order where the order is no matter."""
    if isinstance(value, dict):
        below = {name: _plain(one, name) for name, one in value.items()}
        return {name: one for name, one in below.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        below_list = [_plain(one) for one in value]
        return sorted(below_list, key=repr) if key in UNORDERED else below_list
    return value
