"""What a container mounts, brought into one form: the engine takes it in five places and reports it as it was given."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from agent.kinds.table import look

ANONYMOUS = "volume"  # how an anonymous volume reads in the form that `mounts` gives
ANONYMOUS_NAME = re.compile(r"[0-9a-f]{64}")

IGNORED_OPTIONS = frozenset({"", "rw", "rprivate", "consistent", "cached", "delegated", "default"})


def mounts(host: Mapping[str, Any], volumes: Mapping[str, Any], named: Set[str] = frozenset()) -> dict[str, str]:
    """Target path to what is mounted there, in words: `bind /etc/x ro`, `volume data`, `volume`, `tmpfs size=1m`.

    `host` is a HostConfig, `volumes` the `Volumes` of a container's or an image's configuration. Volumes with the name
    of an anonymous one were so once, and are meant as such, but for those that are `named`.
    """
    found = {_path(target): ANONYMOUS for target in volumes}
    for bind in host.get("Binds") or ():
        target, words = _bind(str(bind), named)
        found[target] = words
    for mount in host.get("Mounts") or ():
        found[_path(str(mount.get("Target") or ""))] = _mount(mount, named)
    for target, options in (host.get("Tmpfs") or {}).items():
        found[_path(target)] = _words("tmpfs", "", str(options or "").split(","))
    return found


def named_volumes(host: Mapping[str, Any]) -> frozenset[str]:
    """The sources of a HostConfig that is asked for, where nothing has been carried over: each is meant by its name."""
    binds = (str(bind).partition(":")[0] for bind in host.get("Binds") or ())
    return frozenset((*binds, *(str(mount.get("Source") or "") for mount in host.get("Mounts") or ())))


def moved(words: str, source: str, other: str) -> str:
    """The words of `mounts` for a bind as they are with another source."""
    beginning = f"bind {source}"
    return f"bind {other}" + words[len(beginning) :] if words.startswith(beginning) else words


def anonymous(report: Mapping[str, Any]) -> dict[str, str]:
    """Target path to the name of the anonymous volume that a container has there, from its inspect."""
    return {
        _path(str(mount.get("Destination"))): str(mount["Name"])
        for mount in report.get("Mounts") or ()
        if mount.get("Type") == "volume" and ANONYMOUS_NAME.fullmatch(str(mount.get("Name") or ""))
    }


def carry_over(host: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    """A HostConfig that mounts these volumes (target to name) where it would have got new anonymous ones."""
    kept = [mount for mount in host.get("Mounts") or () if _path(str(mount.get("Target") or "")) not in volumes]
    binds = [f"{name}:{target}" for target, name in sorted(volumes.items())]
    return {**host, "Mounts": kept, "Binds": [*(host.get("Binds") or ()), *binds]}


def kept_volumes(body: Mapping[str, Any], old: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, str]:
    """The anonymous volumes of the old container, by target, where the new one of this body and image wants an
    anonymous one too. `old` and `image` are reports."""
    volumes = {**(look(image, "Config.Volumes") or {}), **(body.get("Volumes") or {})}
    host = body.get("HostConfig") or {}
    wanted = mounts(host, volumes, named_volumes(host))
    return {target: name for target, name in anonymous(old).items() if wanted.get(target) == ANONYMOUS}


def _bind(text: str, named: Set[str]) -> tuple[str, str]:
    """The target and the words of an entry of `Binds`: `source:target[:options]`, or a target alone."""
    source, _, rest = text.partition(":")
    if not rest:
        return _path(source), ANONYMOUS
    target, _, options = rest.partition(":")
    kind = "bind" if source.startswith("/") else "volume"
    return _path(target), _words(kind, source, options.split(","), named)


def _mount(mount: Mapping[str, Any], named: Set[str]) -> str:
    kind, source = str(mount.get("Type") or ""), str(mount.get("Source") or "")
    options = ["ro"] if mount.get("ReadOnly") else []
    for field in (
        mount.get("BindOptions"),
        mount.get("VolumeOptions"),
        mount.get("TmpfsOptions"),
        mount.get("ImageOptions"),
    ):
        options += _options(field or {})
    return _words(kind, source, options, named)


def _options(options: Mapping[str, Any]) -> list[str]:
    """Options of an entry of `Mounts` as words; CreateMountpoint ends with the creation."""
    said = {key: value for key, value in options.items() if value and key != "CreateMountpoint"}
    words = []
    if propagation := said.pop("Propagation", ""):
        words.append(str(propagation))
    if said.pop("NoCopy", False):
        words.append("nocopy")
    if size := said.pop("SizeBytes", 0):
        words.append(f"size={size}")
    if mode := said.pop("Mode", 0):
        words.append(f"mode={mode:o}")
    return words + [f"{key}={json.dumps(value, sort_keys=True)}" for key, value in sorted(said.items())]


def _words(kind: str, source: str, options: Sequence[str], named: Set[str] = frozenset()) -> str:
    if kind == "volume" and source not in named and ANONYMOUS_NAME.fullmatch(source):
        source = ""  # a volume that was anonymous once and was carried over
    said = sorted({option for option in options if option not in IGNORED_OPTIONS})
    return " ".join(word for word in (kind, _path(source) if kind == "bind" else source, *said) if word)


def _path(path: str) -> str:
    return posixpath.normpath(path) if path else path
