"""The volumes of a service as the engine takes them: a line of `Binds` where Compose sends one, else a mount."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.compose.bodies import set_only
from agent.compose.nodes import Map
from agent.compose.paths import clean

_RECURSIVE: Final = {
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}


def binds_and_mounts(
    service: Map, volumes: Mapping[str, Map], sources: Sequence[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Both lists, in the order of the file. `sources` has the path of the host for each volume that is a bind."""
    binds: list[str] = []
    mounts: list[dict[str, Any]] = []
    for volume, bound in zip(service.get("volumes") or (), sources, strict=True):
        source = bound or _volume_name(volume, volumes) or volume.get("source", "")
        if _fits_bind(volume, source):
            binds.append(_bind(volume, source))
        else:
            mounts.append(_mount(volume, source))
    return binds, mounts


class Stored(NamedTuple):
    """A secret or a config: where its file lies on the host, where it is mounted, and of which section it is."""

    source: str
    target: str
    section: str


def distinct(service: Map, stored: Sequence[Stored]) -> list[Stored]:
    """As in Compose, what lands at one place is there once: a volume before a secret, a secret before a config, and
    of two of a kind the last. The engine would refuse the others."""
    taken = {clean(volume["target"]) for volume in service.get("volumes") or ()}
    secrets = {clean(one.target): one for one in stored if one.section == "secrets"}
    configs = {clean(one.target): one for one in stored if one.section == "configs"}
    return [
        *(one for target, one in configs.items() if target not in taken and target not in secrets),
        *(one for target, one in secrets.items() if target not in taken),
    ]


def stored_mount(stored: Stored) -> dict[str, Any]:
    """As Compose has it: with a secret it says that the options are the usual ones, with a config it says nothing."""
    options: dict[str, Any] = {"BindOptions": {}} if stored.section == "secrets" else {}
    return {"Type": "bind", "Source": stored.source, "Target": stored.target, "ReadOnly": True, **options}


def _volume_name(volume: Map, volumes: Mapping[str, Map]) -> str:
    written: str = volume.get("source", "")
    name: str = volumes[written]["name"] if volume["type"] == "volume" and written else written
    return name


def _fits_bind(volume: Map, source: str) -> bool:
    """`Binds` makes a missing path of the host, but cannot say as much as `Mounts`."""
    if not source or volume["type"] not in ("bind", "volume"):
        return False
    if volume["type"] == "bind":
        bind = volume.get("bind")
        return bind is None or bool(
            bind.get("create_host_path") and not bind.get("propagation") and not bind.get("recursive")
        )
    options = volume.get("volume") or {}
    return not any(options.get(key) for key in ("labels", "subpath", "nocopy"))


def _bind(volume: Map, source: str) -> str:
    bind = volume.get("bind") or {}
    options = ["ro" if volume.get("read_only") else "rw", bind.get("selinux"), bind.get("propagation")]
    return ":".join((source, volume["target"], ",".join(filter(None, options))))


def _mount(volume: Map, source: str) -> dict[str, Any]:
    mount = set_only(
        {
            "Type": volume["type"],
            "Source": source,
            "Target": volume["target"],
            "ReadOnly": bool(volume.get("read_only")),
            "Consistency": volume.get("consistency", ""),
        }
    )
    name, options = _options(volume)
    return {**mount, name: options} if options is not None else mount


def _options(volume: Map) -> tuple[str, dict[str, Any] | None]:
    """The part of a mount that belongs to its type, None where the file says nothing of it."""
    member, options = _OPTIONS.get(volume["type"], ("", _no_options))
    said = volume.get(volume["type"])
    return member, None if said is None else set_only(options(said))


def _no_options(_said: Map) -> dict[str, Any]:
    return {}


def _bind_options(bind: Map) -> dict[str, Any]:
    return {
        "Propagation": bind.get("propagation"),
        "CreateMountpoint": bind.get("create_host_path"),
        _RECURSIVE.get(bind.get("recursive", ""), "NonRecursive"): bind.get("recursive") in _RECURSIVE,
    }


def _volume_options(volume: Map) -> dict[str, Any]:
    return {
        "NoCopy": volume.get("nocopy"),
        "Subpath": volume.get("subpath"),
        "Labels": dict(volume.get("labels") or {}),
    }


_OPTIONS: Final[dict[str, tuple[str, Callable[[Map], dict[str, Any]]]]] = {
    "bind": ("BindOptions", _bind_options),
    "volume": ("VolumeOptions", _volume_options),
    "tmpfs": ("TmpfsOptions", lambda tmpfs: {"SizeBytes": tmpfs.get("size"), "Mode": tmpfs.get("mode")}),
    "image": ("ImageOptions", lambda image: {"Subpath": image.get("subpath")}),
}
