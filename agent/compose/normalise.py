"""What Compose adds to a model that nobody wrote (compose-go's `loader/normalize.go`): defaults, the default network,
names, and which services are on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from agent.compose.elements import mapped
from agent.compose.findings import At, Findings, path_to
from agent.compose.located import service_paths
from agent.compose.nodes import Map, Seq
from agent.compose.paths import clean
from agent.compose.sharing import references
from agent.compose.stores import SECRETS_DIRECTORY


def normalise(
    model: Map, services: Iterable[str], project: str, variables: Mapping[str, str], findings: Findings
) -> None:
    """Completes the model in place. `services` are those that may be looked into; `variables` fill the arguments of a
    build that have no value, and say what `~` stands for."""
    uses_default = False
    for name in services:
        service = model["services"][name]
        at = At(path_to("services", name), model["services"].key_place(name), findings)
        _expand_home(service, variables.get("HOME", ""), at)
        _complete(service)
        _depend_on_references(service, at)
        if "build" in service:
            _complete_build(service["build"], variables)
        if "network_mode" not in service and not service.get("networks") and "provider" not in service:
            networks = Map(service.place)
            networks["default"] = None
            service["networks"] = networks
        uses_default = uses_default or "default" in (service.get("networks") or ())
    if uses_default and "default" not in model["networks"]:
        model["networks"]["default"] = None
    for section in ("networks", "volumes", "secrets", "configs"):
        _name(model[section], section, project, findings)
    for section in ("secrets", "configs"):
        for key, element in model[section].items():
            if element.get("file", "").startswith("~"):
                at = At(path_to(section, key), element.place, findings).of(element, "file")
                element["file"] = _expanded(element["file"], variables.get("HOME", ""), at)


def enabled(service: Map, profiles: Collection[str]) -> bool:
    """Whether a service is on: it has no profile, or one that is active; `*` stands for all."""
    own = service.get("profiles") or ()
    return not own or "*" in profiles or any(profile in profiles for profile in own)


def drop_unused(model: Map, services: Sequence[str]) -> None:
    """Keeps the given services, and of everything else what they use."""
    kept = [model["services"][name] for name in services]
    networks = {key for service in kept for key in service.get("networks") or ()}
    volumes = {
        volume.get("source")
        for service in kept
        for volume in service.get("volumes") or ()
        if volume["type"] == "volume"
    }
    secrets = {one.get("source") for service in kept for one in _secrets_of(service)}
    configs = {one.get("source") for service in kept for one in service.get("configs") or ()}
    for section, used in (
        ("services", set(services)),
        ("networks", networks),
        ("volumes", volumes),
        ("secrets", secrets),
        ("configs", configs),
        ("models", {name for service in kept for name in service.get("models") or ()}),
    ):
        for name in [name for name in model[section] if name not in used]:
            del model[section][name]


def _secrets_of(service: Map) -> list[Map]:
    return [*(service.get("secrets") or ()), *((service.get("build") or {}).get("secrets") or ())]


def _complete_build(build: Map, variables: Mapping[str, str]) -> None:
    build["context"] = build.get("context") or "."
    if "dockerfile" not in build and "dockerfile_inline" not in build:
        build["dockerfile"] = "Dockerfile"
    for name, value in list((build.get("args") or {}).items()):
        if value is None and name in variables:
            build["args"][name] = variables[name]
        elif value is None:
            del build["args"][name]


def _complete(service: Map) -> None:
    for port in service.get("ports") or ():
        port["mode"] = port.get("mode") or "ingress"
        port["protocol"] = port.get("protocol") or "tcp"
    for dependency in (service.get("depends_on") or {}).values():
        dependency.setdefault("required", True)
    for env_file in service.get("env_file") or ():
        env_file.setdefault("required", True)
    for secret in service.get("secrets") or ():
        secret["target"] = secret.get("target") or f"{SECRETS_DIRECTORY}/{secret.get('source', '')}"
    if "scale" in service and "deploy" in service:
        service["deploy"].setdefault("replicas", service["scale"])
    if service.get("pull_policy") == "if_not_present":
        service["pull_policy"] = "missing"
    if "dns" in service:
        service["dns"] = _without_empty(service["dns"])
    for volume in service.get("volumes") or ():
        volume["target"] = clean(volume["target"])
    for hook in service.get("pre_start") or ():
        if not hook.get("image") and service.get("image"):
            hook["image"] = service["image"]


def _expand_home(service: Map, home: str, at: At) -> None:
    for holder, key, path in service_paths(service):
        if holder[key].startswith("~"):
            place = holder.item_place(key) if isinstance(holder, Seq) else holder.value_place(key)
            holder[key] = _expanded(holder[key], home, At(f"{at.path}.{path}", place, at.findings))


def _depend_on_references(service: Map, at: At) -> None:
    """Whom a service refers to, it depends on; what `depends_on` says of the same one stands."""
    for reference in references(service, at):
        if "depends_on" not in service:
            service.put("depends_on", Map(service.place), service.place, service.place)
        how = mapped(reference.at, condition="service_started", restart=reference.restart, required=True)
        if reference.service not in service["depends_on"]:
            place = reference.at.place
            service["depends_on"].put(reference.service, how, place, place)


def _expanded(source: str, home: str, at: At) -> str:
    if not home or source[1:2] not in ("", "/"):
        at.problem(f"{at.shown(source)} has no meaning on the host", "write an absolute path")
        return source
    return clean(home + source[1:])


def _without_empty(texts: Seq) -> Seq:
    result = Seq(texts.place)
    for index, text in enumerate(texts):
        if text:
            result.add(text, texts.item_place(index))
    return result


def _name(section: Map, kind: str, project: str, findings: Findings) -> None:
    """Gives every network or volume its name on the engine, and brings the old spelling of `external` to the new."""
    for key, said in section.items():
        element = Map(section.key_place(key)) if said is None else said
        external = element.get("external")
        if isinstance(external, Map):
            at = At(f"{path_to(kind, key)}.external", element.value_place("external"), findings)
            _adopt_old_name(element, external, at)
        if element.get("name") is None:
            element["name"] = key if element.get("external") else f"{project}_{key}"
        section[key] = element


def _adopt_old_name(element: Map, external: Map, at: At) -> None:
    name: Any = external.get("name")
    if name and element.get("name") not in (None, name):
        at.problem("the name here differs from the one beside it", "keep only the one beside external: true")
    elif name:
        element["name"] = name
    element["external"] = True
