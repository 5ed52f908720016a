"""What a service takes from the other sections and from itself: whether it is there, once, and fits together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from agent.compose.findings import At, Findings, did_you_mean, path_to
from agent.compose.nodes import Map
from agent.compose.stores import CONFIG_SOURCES, SECRET_SOURCES

_SERVICE_CONTEXT: Final = "service:"
_TARGETLESS: Final = ("rebuild", "restart")


def check_build(service: Map, at: At, services: Map, on: Collection[str]) -> None:
    """`services` are all of the model, `on` the names of those that run."""
    build = service.get("build")
    if build is None:
        return
    below = at.of(service, "build")
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        below.of(build, "dockerfile_inline").problem("dockerfile and dockerfile_inline exclude each other")
    contexts = build.get("additional_contexts") or Map(build.place)
    for name, context in contexts.items():
        if context.startswith(_SERVICE_CONTEXT):
            other = context.removeprefix(_SERVICE_CONTEXT)
            here = below.of(build, "additional_contexts").of(contexts, name)
            if at.findings.concerns("services", other):
                continue
            if other not in on and not at.findings.lacks("services"):
                here.problem(f'there is no service "{other}"', did_you_mean(other, on))
            elif other in on and "build" not in services[other]:
                here.problem(f'the service "{other}" is not built, so it is no context')
    platform, platforms = service.get("platform"), build.get("platforms")
    if platform and platforms and platform not in platforms:
        below.of(build, "platforms").problem(f'leaves out "{platform}", the platform of the service')


def check_stores(service: Map, at: At, model: Map) -> None:
    """The secrets and configs that a service and its build refer to."""
    _check_references(service, "secrets", at, model["secrets"])
    _check_references(service, "configs", at, model["configs"])
    if "build" in service:
        _check_references(service["build"], "secrets", at.of(service, "build"), model["secrets"])


def _check_references(holder: Map, key: str, at: At, defined: Map) -> None:
    for index, reference in enumerate(holder.get(key) or ()):
        below, source = at.of_item(holder, key, index), reference.get("source", "")
        if not source:
            below.problem('needs the key "source"')
        elif source not in defined:
            if not at.findings.lacks(key):
                below.problem(f'the {key[:-1]} "{source}" is not defined', define(source, defined, key))
        elif "file" in defined[source] and (about := [one for one in ("uid", "gid", "mode") if one in reference]):
            below.warn(f"without effect here: {', '.join(about)}", "a file keeps its own owner and mode")


def check_sources(model: Map, findings: Findings) -> None:
    """Each secret and config says once where its content comes from."""
    for section, ways in (("secrets", SECRET_SOURCES), ("configs", CONFIG_SOURCES)):
        for key, element in model[section].items():
            if findings.concerns(section, key):
                continue
            at = At(path_to(section, key), model[section].key_place(key), findings)
            said = [way for way in ways if way in element]
            if len(said) > 1:
                at.of(element, said[1]).problem(f"{said[0]} and {said[1]} exclude each other")
            elif not (said or "external" in element) or (section == "secrets" and _is_nowhere(element)):
                at.problem(f"needs one of the keys {', '.join(ways)}")


def _is_nowhere(secret: Map) -> bool:
    """Of secrets, unlike of configs, Compose also wants that what they say leads somewhere."""
    return not (secret.get("external") or secret.get("environment") or "file" in secret)


def check_models(service: Map, at: At, defined: Map) -> None:
    """Reports the models that a service refers to and that are not among those `defined`."""
    models = service.get("models") or Map(service.place)
    for name in models:
        if name not in defined and not at.findings.lacks("models"):
            below = at.of(service, "models").below(name, models.key_place(name))
            below.problem(f'the model "{name}" is not defined', define(name, defined, "models"))


def check_develop(service: Map, at: At) -> None:
    """Reports what a trigger of `develop.watch` lacks: a path, or the target that its action needs."""
    develop = service.get("develop") or Map(service.place)
    for index, trigger in enumerate(develop.get("watch") or ()):
        below = at.of(service, "develop").of_item(develop, "watch", index)
        if not trigger["path"]:
            below.of(trigger, "path").problem("is empty")
        if not trigger.get("target") and trigger["action"] not in _TARGETLESS:
            below.problem(f'the action {trigger["action"]} needs the key "target"')


def define(name: str, known: Map, section: str) -> str:
    """What to do about a name that is not defined."""
    return did_you_mean(name, known) or f'define it under "{section}:"'
