"""The security options of a service, and the seccomp profiles that they name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from agent.compose.files import Files, NotReadable, read_small
from agent.compose.findings import At, Findings, path_to
from agent.compose.nodes import Map

_OPEN_PATHS: Final = "systempaths=unconfined"
_BUILT_IN: Final = ("unconfined", "builtin")
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')


def security_options(service: Map, profiles: Mapping[str, str]) -> tuple[list[str], bool]:
    """The options as the engine takes them, and whether the system's paths are to be open. `profiles` has the option
    that stands for each profile, by the path at which the file names it: one text for all that share it."""
    options = list(service.get("security_opt") or ())
    sent = [profiles.get(seccomp_file(option), option) for option in options if option != _OPEN_PATHS]
    return sent, _OPEN_PATHS in options


def seccomp_file(option: str) -> str:
    """The path of the profile that an option names, "" where it names none."""
    kind, value = split_option(option)
    return value if kind == "seccomp" and value not in _BUILT_IN else ""


def split_option(option: str) -> tuple[str, str]:
    """Name and value; an option of today has `=` between them, one of old `:`."""
    name, _, value = option.partition("=" if "=" in option else ":")
    return name, value


def read_profiles(
    files: Files, directory: str, services: Mapping[str, Map], findings: Findings, known: Mapping[str, str]
) -> dict[str, str]:
    """An option with its content for every profile that the services name and the tree has, by the path at which it is
    named, besides those that are known. Paths are meant from `directory`; what cannot be read is a problem."""
    profiles = dict(known)
    for name, service in services.items():
        at = At(path_to("services", name), service.place, findings)
        for index, option in enumerate(service.get("security_opt") or ()):
            path = seccomp_file(option)
            if path and path not in profiles:
                content = _profile(files, directory, path, at.of_item(service, "security_opt", index))
                profiles |= {} if content is None else {path: content}
    return profiles


def _profile(files: Files, directory: str, path: str, at: At) -> str | None:
    try:
        located = files.locate(directory, path)
        content = read_small(files, located, at)
        return None if content is None else f"seccomp={compacted(content.decode())}"
    except NotReadable as error:
        at.findings.problem(at.place, f"{at.shown(path)} {error.message}", at.path, reason=error.reason)
    except ValueError:
        at.problem(f"the seccomp profile {at.shown(path)} is no JSON")
    return None


def compacted(text: str) -> str:
    """JSON without the space between its parts, and otherwise letter for letter. Raises `ValueError`."""
    try:
        json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    return _STRING_OR_SPACE.sub(lambda match: match[1] or "", text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
