"""What Compose would take and the engine would refuse, found before anything on the host is touched.

Loading stays as lenient as Compose, so that everything it accepts can be rendered; this is asked of what is to run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agent.compose.endpoints import by_priority
from agent.compose.extension import EXTENSION
from agent.compose.findings import At, Findings, brief, path_to
from agent.compose.handlings import image_policy, schedule_of
from agent.compose.names import container_names
from agent.compose.nodes import Map
from agent.compose.ports import MOST_PORT, PROTOCOLS, PortRange, parse_range
from agent.compose.project import Project
from agent.compose.refusals import refuse
from agent.compose.schedules import check_job, check_waits
from agent.compose.security import split_option
from agent.compose.sharing import CONTAINER, SERVICE, references, shared_service
from agent.compose.validate import replicas_of

_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?:{_HOST}(?:\.{_HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?(?:@[a-zA-Z][a-zA-Z0-9]*(?:[-_+.][a-zA-Z][a-zA-Z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_LONGEST_REFERENCE: Final = 512
_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_CONDITION = re.compile(r"none|no|on-failure|any|always|unless-stopped")
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::[0-9]+)?")
# What the engine refuses for a container in the network of another one, which has its own.
_OF_THE_NETWORK: Final = ("ports", "expose", "hostname", "links", "external_links", "dns", "extra_hosts")


def admit(project: Project, findings: Findings, *, allow_build: bool = False) -> None:
    """Reports what is not carried out here, and what no engine can do: claims on one port twice, and names and
    references that it does not take."""
    unread = {name: {*findings.unread("services", name)} for name in project.services}  # where the load found something
    refuse(project, findings, allow_build=allow_build)
    services = [
        (name, service, At(path_to("services", name), project.element_place("services", name), findings))
        for name, service in project.services.items()
    ]
    jobs = {name: service for name, service, _ in services if schedule_of(service)}
    for name, service, at in services:
        if "provider" not in service and ("image" in service or not unread[name]):
            _image(project.image_of(name), service, at)
            _image_policy(project, name, service, at)
        _container_name(service, at)
        _restart(service, at)
        _security(service, at)
        _targets(service, at)
        _network(service, at)
        _network_of_another(service, at)
        _shared(project, service, at)
        check_waits(service, at, jobs)
        if name in jobs:
            check_job(service, at.of(service, EXTENSION).of(service[EXTENSION], "schedule"))
    counted = [(service, at) for name, service, at in services if not {"scale", "deploy"} & unread[name]]
    _host_ports([(service, at) for service, at in counted if _ports(service, at)])
    _container_names(project, services)
    for section in ("networks", "volumes"):
        _one_each(section, project.model[section], findings)
    for section, elements in (("networks", project.networks), ("volumes", project.volumes)):
        for key, element in elements.items():
            if not element["name"]:
                At(path_to(section, key), project.element_place(section, key), findings).problem("the name is empty")


def _image(image: str, service: Map, at: At) -> None:
    if len(image) > _LONGEST_REFERENCE or not _REFERENCE.fullmatch(image):
        below = at.of(service, "image")
        below.problem(f"{below.shown(image)} is no image reference")


def _image_policy(project: Project, name: str, service: Map, at: At) -> None:
    policy = image_policy(project, service)
    if policy == "digest" and service.get("pull_policy") == "never":
        at.of(service, "pull_policy").problem(
            "never pulls what image_policy: digest is to follow", "drop one of the two"
        )
    if policy != "pinned" or "build" in service:
        return
    named = [(project.image_of(name), at.of(service, "image"))]
    named += [
        (str(volume.get("source") or ""), at.of_item(service, "volumes", index))
        for index, volume in enumerate(service.get("volumes") or ())
        if volume["type"] == "image"
    ]
    named += [
        (hook["image"], at.of_item(service, "pre_start", index))
        for index, hook in enumerate(service.get("pre_start") or ())
        if hook.get("image")
    ]
    for reference, place in named:
        if "@" not in reference:
            place.problem(
                f"{place.shown(reference)} names no digest, which image_policy: pinned wants",
                f"say {place.shown(reference + '@sha256:…')}; docker buildx imagetools inspect tells the digest",
            )


def _container_name(service: Map, at: At) -> None:
    name = service.get("container_name")
    if name and not _CONTAINER_NAME.fullmatch(name):
        below = at.of(service, "container_name")
        below.problem(f"{below.shown(name)} is no name for a container", 'use letters, digits, "_", "." and "-"')


def _restart(service: Map, at: At) -> None:
    """The policy of `deploy` counts where there is one."""
    deploy = service.get("deploy") or Map(service.place)
    if "restart_policy" in deploy:
        above = at.of(service, "deploy").of(deploy, "restart_policy")
        holder, key, allowed, usage = deploy["restart_policy"], "condition", _CONDITION, "none, on-failure or any"
    else:
        above, holder, key, allowed, usage = (
            at,
            service,
            "restart",
            _RESTART,
            "no, always, unless-stopped or on-failure[:N]",
        )
    said = holder.get(key)
    if said and not allowed.fullmatch(said):
        below = above.of(holder, key)
        below.problem(f"{below.shown(said)} is no restart policy", f"use {usage}")
    elif said and said != "on-failure" and holder.get("max_attempts"):
        above.of(holder, "max_attempts").problem(
            f"the engine counts attempts with on-failure only, and refuses a number with {said}",
            "leave it out, or write condition: on-failure",
        )


def _security(service: Map, at: At) -> None:
    for index, option in enumerate(service.get("security_opt") or ()):
        if not split_option(option)[1] and option != "no-new-privileges":
            below = at.of_item(service, "security_opt", index)
            below.problem(f"{below.shown(option)} is no security option")


def _targets(service: Map, at: At) -> None:
    for index, volume in enumerate(service.get("volumes") or ()):
        if not volume["target"].startswith("/"):
            below = at.of_item(service, "volumes", index)
            hint = "a name of one letter reads as a Windows drive" if volume["target"][1:2] == ":" else ""
            below.problem(f"{below.shown(volume['target'])} is no absolute path in the container", hint)


def _network(service: Map, at: At) -> None:
    """The address of the card is that of the primary network, and may be said at either."""
    primary = next(iter(by_priority(service)), None)
    own = service.get("mac_address")
    there = (service["networks"][primary] or {}).get("mac_address") if primary else None
    if own and there and own != there:
        at.of(service, "mac_address").problem(f"is {own}, but networks.{primary}.mac_address is {there}")


def _network_of_another(service: Map, at: At) -> None:
    mode = service.get("network_mode") or ""
    for key in _OF_THE_NETWORK if mode.startswith((SERVICE, CONTAINER)) else ():
        if service.get(key):
            at.of(service, key).problem(
                f"does not go with network_mode: {brief(mode)}", "write it where the network is"
            )


def _shared(project: Project, service: Map, at: At) -> None:
    for key in ("uts", "cgroup"):
        if shared_service(service.get(key)) is not None:
            at.of(service, key).problem("cannot be that of another container", "host is the only one to share")
    for reference in references(service, at):
        if reference.service in project.services and not container_names(project, reference.service):
            reference.at.problem(f'the service "{reference.service}" has no container, since its scale is 0')
        elif not reference.is_link and _may_be_off(project, service, reference.service):
            reference.at.problem(f'the service "{reference.service}" is off: none of its profiles is active')


def _may_be_off(project: Project, service: Map, other: str) -> bool:
    """Whether another service is off and `depends_on` lets it be; any other absence has been reported."""
    how = (service.get("depends_on") or {}).get(other) or {}
    return other not in project.services and not how.get("required", True)


def _ports(service: Map, at: At) -> bool:
    """Whether all its ports are some."""
    sound = True
    for index, port in enumerate(service.get("ports") or ()):
        below, wrong = at.of_item(service, "ports", index), ""
        if port["target"] > MOST_PORT:
            below, wrong = below.of(port, "target"), f"is no port, for they end at {MOST_PORT}"
        if port["protocol"].lower() not in PROTOCOLS:
            below, wrong = below.of(port, "protocol"), f"is not one of {', '.join(PROTOCOLS)}"
        try:
            parse_range(port.get("published") or "0")
        except ValueError as error:
            below, wrong = below.of(port, "published"), f"{below.shown(port['published'])} {error}"
        if wrong:
            below.problem(wrong)
            sound = False
    return sound


def _host_ports(services: Sequence[tuple[Map, At]]) -> None:
    """Reports a port of the host that two containers of the stack would publish."""
    taken: dict[tuple[str, int], dict[str, str]] = {}
    for service, at in services:
        for index, port in enumerate(service.get("ports") or ()):
            published = port.get("published")
            if not published or replicas_of(service) == 0 or service.get("network_mode") == "host":
                continue
            wanted, below = parse_range(published), at.of_item(service, "ports", index)
            if wanted.size > 1 or not wanted.first:  # the engine picks a free one
                _enough(wanted, replicas_of(service), below)
                continue
            if replicas_of(service) > 1:
                below.problem(f"{replicas_of(service)} containers cannot all publish port {published}")
            _claim(taken.setdefault((port["protocol"], wanted.first), {}), port, below, at.path)


def _enough(ports: PortRange, containers: int, at: At) -> None:
    """Reports a range that has no port for each of the containers."""
    if ports.first and ports.size < containers:
        at.problem(
            f"{containers} containers cannot all publish one of the {ports.size} ports {ports.first}-{ports.last}",
            "publish a longer range, or have fewer containers",
        )


def _container_names(project: Project, services: Sequence[tuple[str, Map, At]]) -> None:
    """Reports a name that is written for one service and that a container of another one has by itself: only one of
    the two would be made."""
    written = {
        service["container_name"]: at.of(service, "container_name")
        for _, service, at in services
        if service.get("container_name")
    }
    for name, service, _ in services:
        by_itself = () if service.get("container_name") else container_names(project, name)
        for container in by_itself:
            if container in written:
                written[container].problem(
                    f'"{container}" is what a container of the service "{name}" is called', "choose another name"
                )


def _one_each(section: str, elements: Map, findings: Findings) -> None:
    """Reports two elements that are to be one object of the engine, and not the same: only one would be made."""
    first: dict[str, str] = {}
    for key, element in elements.items():
        if element.get("external") or findings.concerns(section, key):
            continue
        other = first.setdefault(element["name"], key)
        if elements[other] != element:
            at = At(path_to(section, key), elements.key_place(key), findings)
            at.of(element, "name").problem(
                f'{path_to(section, other)} is called "{brief(element["name"])}" as well, and is defined otherwise',
                "give one of them another name",
            )


def _claim(holders: dict[str, str], port: Map, at: At, owner: str) -> None:
    """`holders` has who publishes the port already, by address."""
    address = port.get("host_ip") or ""
    wide = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound
    by = next(iter(holders.values()), "") if address in wide else ""
    by = by or next((holders[held] for held in (address, *wide) if held in holders), "")
    if by:
        at.problem(f"port {port['published']}/{port['protocol']} of the host is published by {by} already")
        return
    holders[address] = owner
