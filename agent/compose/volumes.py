"""The short notation of a service's volumes: `[SOURCE:]TARGET[:OPTIONS]`, by compose-go's `format`."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.compose.paths import clean

_PROPAGATIONS: Final = frozenset({"rprivate", "private", "rshared", "shared", "rslave", "slave"})
_SELINUX: Final = frozenset({"z", "Z"})
_PATH_START: Final = (".", "/", "~", "\\\\")


def parse(text: str) -> dict[str, Any]:
    """The long form of an entry. Raises `ValueError`, whose message continues "the volume … "."""
    if len(text) <= 2:
        if not text:
            raise ValueError("is empty")
        return {"type": "volume", "target": text}
    parts = _sections(text)
    if not all(parts):
        raise ValueError("has an empty section between colons")
    if len(parts) > 3:
        raise ValueError("has too many colons")
    volume = _typed(*(parts[:2] if len(parts) > 1 else ("", parts[0])))
    for option in parts[2].split(",") if len(parts) > 2 else ():
        _apply(volume, option)
    return volume


def is_path(source: str) -> bool:
    """Whether a source means a path of the host rather than a named volume."""
    return source.startswith(_PATH_START) or bool(re.match(r"[^\W\d_]:", source))


def _sections(text: str) -> list[str]:
    """The parts between colons; one letter before a colon is a Windows drive and stays with what follows."""
    sections: list[str] = []
    drive = ""
    for part in text.split(":"):
        if not drive and len(part) == 1 and part.isalpha():
            drive = part
        else:
            sections.append(f"{drive}:{part}" if drive else part)
            drive = ""
    return [*sections, drive] if drive else sections


def _typed(source: str, target: str) -> dict[str, Any]:
    target = clean(target)
    if is_path(source):
        return {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": True}}
    if source:
        return {"type": "volume", "source": source, "target": target, "volume": {}}
    return {"type": "volume", "target": target, "volume": {}}


def _apply(volume: dict[str, Any], option: str) -> None:
    """Compose ignores options that it does not know, and so must whoever reads the same files."""
    if option in ("ro", "rw"):
        volume["read_only"] = option == "ro"
    elif option == "nocopy":
        volume["volume"] = {"nocopy": True}
    elif option in _PROPAGATIONS or option in _SELINUX:
        key = "selinux" if option in _SELINUX else "propagation"
        volume["bind"] = {**volume.get("bind", {}), key: option}
