"""A project as `docker compose config --format json` prints it, and the config-hash that Compose takes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from agent.compose.located import bound_device, service_paths
from agent.compose.models import MODEL
from agent.compose.nodes import Map
from agent.compose.paths import joined
from agent.compose.project import Project
from agent.compose.scalars import go_text
from agent.compose.schema import NETWORK, SERVICE, VOLUME
from agent.compose.shapes import Shape
from agent.compose.stores import CONFIG, SECRET

_NOT_HASHED: Final = ("build", "pull_policy", "scale", "depends_on", "profiles")
_GO_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def render(project: Project, base: str) -> dict[str, Any]:
    """The resolved model, JSON-like. Relative paths are made absolute under `base`, the project's directory on disk.

    As in Compose's own output every `$` of a value is doubled, so that the output can be loaded again; not those of
    keys, in which no variable is looked for. To that end the models are there too, which Compose prints as YAML only.
    """
    result: dict[str, Any] = {
        "configs": {key: store_model(CONFIG, one, base) for key, one in sorted(project.configs.items())},
        "models": {key: MODEL.write(model) for key, model in sorted(project.models.items())},
        "name": project.name,
        "networks": {key: NETWORK.write(network) for key, network in sorted(project.networks.items())},
        "secrets": {key: store_model(SECRET, one, base) for key, one in sorted(project.secrets.items())},
        "services": {name: _printed(project.services[name], base) for name in sorted(project.services)},
        "volumes": {key: volume_model(volume, base) for key, volume in sorted(project.volumes.items())},
    }
    result = {key: part for key, part in result.items() if part or key == "services"}
    result.update(sorted(project.extensions.items()))
    doubled: dict[str, Any] = _doubled(result)
    return doubled


def _printed(service: Map, base: str) -> dict[str, Any]:
    """One service without the names of the files whose labels are among its own by now."""
    model = service_model(service, base)
    model.pop("label_file", None)
    return model


def service_model(service: Map, base: str) -> dict[str, Any]:
    """One service as Compose's own type prints it, in the order of that type."""
    result: dict[str, Any] = SERVICE.write(with_commands(service))
    for holder, key, _ in service_paths(result):
        holder[key] = joined(base, holder[key])
    if keys := result.get("build", {}).get("ssh"):
        result["build"]["ssh"] = [_ssh_key(key, base) for key in keys]
    return result


def _ssh_key(key: str, base: str) -> str:
    name, equals, path = key.partition("=")
    return f"{name}={joined(base, path)}" if equals else key


def store_model(shape: Shape, store: Map, base: str) -> dict[str, Any]:
    """A secret or a config; `shape` is the one of its kind."""
    result: dict[str, Any] = shape.write(store)
    if "file" in result:
        result["file"] = joined(base, result["file"])
    return result


def with_commands(service: Map) -> Map:
    """The service with the two keys that Compose prints even where nobody wrote them."""
    result = Map(service.place)
    result.update({"command": None, "entrypoint": None}, **service)
    return result


def volume_model(volume: Map, base: str) -> dict[str, Any]:
    """One volume as Compose's own type prints it; paths are made absolute under `base`."""
    result: dict[str, Any] = VOLUME.write(volume)
    if (device := bound_device(result)) is not None:
        result["driver_opts"]["device"] = joined(base, device)
    return result


def config_hash(service: Map, base: str, shared: Mapping[str, Any]) -> str:
    """What Compose keeps in `com.docker.compose.config-hash`, so that it knows our containers for its own. `shared`
    takes the place of the keys that refer to other services: Compose hashes them with the containers filled in."""
    return _digest(hashed(service, base, shared))


def hashed(service: Map, base: str, shared: Mapping[str, Any]) -> str:
    """The text that Compose takes the hash of."""
    model = {key: shared.get(key, value) for key, value in service_model(service, base).items()}
    if "deploy" in model:
        model["deploy"] = {key: value for key, value in model["deploy"].items() if key != "replicas"}
    return _go_json({key: value for key, value in model.items() if key not in _NOT_HASHED})


def network_hash(network: Map) -> str:
    """What Compose keeps in `com.docker.compose.config-hash` of a network: 64 hex digits."""
    return _digest(_go_json(NETWORK.write(network)))


def volume_hash(volume: Map, base: str) -> str:
    """As Compose takes it, a volume without a driver has the local one."""
    model = volume_model(volume, base)
    ordered = {"name": model.pop("name", ""), "driver": model.pop("driver", "local"), **model}
    return _digest(_go_json(ordered))


def _digest(text: str) -> str:
    import hashlib  # what is only rendered has no use for it

    return hashlib.sha256(text.encode()).hexdigest()


def _go_json(model: Any) -> str:
    return json.dumps(_go_numbers(model), ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)


def _go_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _go_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_go_numbers(one) for one in value]
    return _go_number(value) if isinstance(value, float) else value


def _go_number(value: float) -> float:
    """Go prints a float that is whole without a fraction."""
    return int(value) if value.is_integer() else value


def _doubled(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _doubled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_doubled(one) for one in value]
    if isinstance(value, float):
        return _go_number(value) if isfinite(value) else go_text(value)  # JSON has no word for what is no number
    return value
