"""Which values of a service are paths of the host that may be relative: said once, for everyone who moves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agent.compose.build import is_local


class Located(NamedTuple):
    """A path: the mapping or list that holds it, its key or index there, and how a message names it."""

    holder: Any
    key: Any  # str or int
    path: str


def service_paths(service: Mapping[str, Any]) -> Iterator[Located]:
    """The paths of a service in canonical form; those of `build.ssh` only while it is a mapping, not as printed."""
    for index, volume in enumerate(service.get("volumes") or ()):
        if volume.get("type") == "bind" and volume.get("source"):
            yield Located(volume, "source", f"volumes[{index}]")
    for index, env_file in enumerate(service.get("env_file") or ()):
        if env_file.get("path"):
            yield Located(env_file, "path", f"env_file[{index}]")
    label_files = service.get("label_file") or ()
    for index in range(len(label_files)):
        yield Located(label_files, index, f"label_file[{index}]")
    for index, trigger in enumerate((service.get("develop") or {}).get("watch") or ()):
        if trigger.get("path"):
            yield Located(trigger, "path", f"develop.watch[{index}].path")
    if (service.get("extends") or {}).get("file"):
        yield Located(service["extends"], "file", "extends.file")
    yield from _build_paths(service.get("build") or {})


def bound_device(volume: Mapping[str, Any]) -> str | None:
    """The path that a volume of the local driver binds, if any. As in Compose, only where the driver is written out."""
    options = volume.get("driver_opts") or {}
    bound = volume.get("driver") == "local" and options.get("o") == "bind"
    return options.get("device") if bound else None


def _build_paths(build: Mapping[str, Any]) -> Iterator[Located]:
    if build.get("context") and is_local(build["context"]):
        yield Located(build, "context", "build.context")
    contexts = build.get("additional_contexts") or {}
    for name in contexts:
        if contexts[name] and is_local(contexts[name]):
            yield Located(contexts, name, f"build.additional_contexts.{name}")
    keys = build.get("ssh")
    if isinstance(keys, Mapping):
        for name in keys:
            if keys[name]:
                yield Located(keys, name, f"build.ssh.{name}")
