"""What runs around a container's life, as the engine is told it.

The `hooks` of a container's spec are {"pre_start": bodies of `POST /containers/create` for containers that run to their
end, one after the other, before the service's first container starts; "post_start" and "pre_stop": bodies of
`POST /containers/ID/exec`}, each only where the file has some. A container that runs before the start shares the
volumes of the one that is to be started, which whoever runs it adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.compose.bodies import LABEL, environment, set_only
from agent.compose.nodes import Map
from agent.compose.project import Project

_EXECUTED: Final = ("post_start", "pre_stop")


def hooks(project: Project, name: str, body: Mapping[str, Any], *, first: bool) -> dict[str, list[dict[str, Any]]]:
    """`body` is what the container is made from; `first` tells whether it is the first one of its service."""
    service = project.services[name]
    found = {key: [_executed(hook) for hook in service.get(key) or ()] for key in _EXECUTED}
    if first:
        found["pre_start"] = [_created(hook, body, project.image_of(name)) for hook in service.get("pre_start") or ()]
    return {key: bodies for key, bodies in found.items() if bodies}


def _executed(hook: Map) -> dict[str, Any]:
    said = set_only({"Env": environment(hook), "Privileged": hook.get("privileged")})
    return {**_common(hook), "AttachStdout": True, "AttachStderr": True} | said


def _created(hook: Map, body: Mapping[str, Any], image: str) -> dict[str, Any]:
    """In the networks of the service and with its environment, but none of what it publishes or mounts itself."""
    labels = {key: body["Labels"][f"{LABEL}{key}"] for key in ("project", "service", "version")}
    host = set_only({"NetworkMode": body["HostConfig"].get("NetworkMode"), "Privileged": hook.get("privileged")})
    return {
        **_common(hook),
        "Image": hook.get("image") or image,
        "Env": [*body.get("Env", ()), *environment(hook)],
        "Labels": {f"{LABEL}{key}": value for key, value in {**labels, "hook": "pre_start"}.items()},
        "HostConfig": host,
    } | set_only({"NetworkingConfig": body.get("NetworkingConfig")})


def _common(hook: Map) -> dict[str, Any]:
    command = hook.get("command")
    return set_only(
        {
            "Cmd": None if command is None else list(command),
            "User": hook.get("user"),
            "WorkingDir": hook.get("working_dir"),
        }
    )
