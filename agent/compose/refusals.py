"""What loads and renders as in Compose, and cannot be run here: each with the reason and what to do instead."""

from __future__ import annotations

import re
from typing import Final

from agent.compose.build import PULL_POLICIES, is_local
from agent.compose.findings import At, Findings, path_to
from agent.compose.nodes import Map
from agent.compose.project import Project
from agent.compose.stores import CONFIG_SOURCES, SECRET_SOURCES
from agent.compose.units import nanoseconds

_OWNER = re.compile(r"[0-9]{1,9}")
_MODES: Final = range(0o10000)
_SWARM_ONLY: Final = "only Docker's Swarm mode has them"

# What takes BuildKit and a client that stays connected while it builds.
_BUILDKIT_ONLY: Final = ("additional_contexts", "cache_to", "entitlements", "provenance", "sbom", "secrets", "ssh")


def refuse(project: Project, findings: Findings, *, allow_build: bool) -> None:
    """Reports everything that is part of the project and that Windlass does not carry out."""
    for name, service in project.services.items():
        at = At(path_to("services", name), project.element_place("services", name), findings)
        _plugins(service, at)
        _hooks(service, at)
        _pull_policy(service, at)
        _mounts(service, at)
        for section in ("secrets", "configs"):
            _owners(service, section, at)
        if "build" in service:
            _build(service["build"], at.of(service, "build"), allow_build)
    for section, ways in (("secrets", SECRET_SOURCES), ("configs", CONFIG_SOURCES)):
        for key, element in project.model[section].items():
            at = At(path_to(section, key), project.element_place(section, key), findings)
            _store(section, ways, element, at)
            if not (element.get("external") or any(way in element for way in ways) or findings.concerns(section, key)):
                at.problem(f"has no content: it needs one of the keys {', '.join(ways)}")


def _plugins(service: Map, at: At) -> None:
    if service.get("models"):
        at.of(service, "models").problem(
            "models are run by a plugin of Docker's client, not by the engine",
            "run the model as a service of its own and give its address in environment",
        )
    if "provider" in service:
        at.of(service, "provider").problem(
            "a provider is a program that Compose would run on this host, which Windlass does not",
            "set up by other means what it provides, and name it in environment",
        )
    if service.get("use_api_socket"):
        at.of(service, "use_api_socket").problem(
            "would hand the container the engine, and with it the host, and the client's credentials",
            "mount the socket as a volume if that is meant",
        )


def _hooks(service: Map, at: At) -> None:
    for index, hook in enumerate(service.get("pre_start") or ()):
        if hook.get("per_replica"):
            below = at.of_item(service, "pre_start", index).of(hook, "per_replica")
            below.problem("runs once for a service, not for each of its containers", "leave it out")


def _pull_policy(service: Map, at: At) -> None:
    policy: str = service.get("pull_policy", PULL_POLICIES[0])
    every = policy.removeprefix("every_") if policy.startswith("every_") else ""
    if policy not in PULL_POLICIES and not _is_duration(every):
        below = at.of(service, "pull_policy")
        below.problem(f"{below.shown(policy)} is no pull policy", f"write {', '.join(PULL_POLICIES)} or every_12h")
    if not _is_duration(service.get("pull_refresh_after", "0")):
        below = at.of(service, "pull_refresh_after")
        below.problem(f"{below.shown(service['pull_refresh_after'])} is no duration such as 12h")


def _is_duration(text: str) -> bool:
    try:
        nanoseconds(text)
    except ValueError:
        return False
    return True


def _mounts(service: Map, at: At) -> None:
    for index, volume in enumerate(service.get("volumes") or ()):
        below = at.of_item(service, "volumes", index)
        if volume["type"] == "cluster":
            below.problem(f"no volumes of a cluster: {_SWARM_ONLY}", "use a volume with a driver of its own")
        elif volume["type"] == "image" and not volume.get("source"):
            below.problem('needs the key "source": the image that is mounted')
        elif volume["type"] == "npipe":
            below.problem("a named pipe is a thing of Windows", "mount a socket as a bind")


def _owners(service: Map, section: str, at: At) -> None:
    """Owner and mode of a secret or config, which are written as they stand."""
    for index, reference in enumerate(service.get(section) or ()):
        below = at.of_item(service, section, index)
        for key in ("uid", "gid"):
            if reference.get(key) and not _OWNER.fullmatch(reference[key]):
                here = below.of(reference, key)
                here.problem(f"{here.shown(reference[key])} is no number", "names mean nothing outside of the image")
        if reference.get("mode", 0) not in _MODES:
            below.of(reference, "mode").problem("is no mode of a file", 'write octal digits such as "0440"')


def _store(section: str, ways: tuple[str, ...], element: Map, at: At) -> None:
    if element.get("external"):
        at.of(element, "external").problem(
            f"plain Docker keeps no {section} to refer to: {_SWARM_ONLY}",
            f"say where its content comes from: {' or '.join(ways)}",
        )
    if element.get("file") == "":
        at.of(element, "file").problem("is empty, which would mount the whole directory of the stack", "name a file")
    for key in ("driver", "template_driver"):
        if element.get(key):
            at.of(element, key).problem(f"plain Docker has no drivers for {section}: {_SWARM_ONLY}", "leave it out")


def _build(build: Map, at: At, allowed: bool) -> None:
    if not allowed:
        at.problem(
            "images are not built on this host unless its operator allows it",
            "build it elsewhere, push it to a registry and say only image",
        )
        return
    if not is_local(build["context"]):
        at.of(build, "context").problem("only what is in the commit is built", "name a directory of the repository")
    for key in _BUILDKIT_ONLY:
        if build.get(key):
            at.of(build, key).problem("is not supported where Windlass builds the image", "build it elsewhere")
    if len(build.get("platforms") or ()) > 1:
        at.of(build, "platforms").problem("an image is built for one platform, the host's", "name one")
