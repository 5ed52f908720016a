"""Containers that nobody wants: to be pruned, left over from a replacement that was cut, or made by `docker compose`
for a wanted stack beside what that wants.

What `docker compose` made is ours where it is noted that it was taken over. Of its other containers only those of
projects that are wanted here as stacks are seen; whether one of these goes is decided by the planner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from agent.kinds.base import COMPOSE, NAME, PROJECT, Report, observed
from agent.kinds.container_around import Surroundings
from agent.kinds.container_astray import NUMBER, ONE_OFF
from agent.kinds.container_cut import Labels, is_by_compose, is_twin
from agent.kinds.container_mounts import anonymous
from agent.kinds.container_networks import endpoints, has_endpoints, wanted_mode
from agent.kinds.container_ports import ports_of
from agent.kinds.container_report import is_up, labels_of, linked, listed_labels, listed_name, name_of, sharers
from agent.kinds.container_state import health_of, uses_of
from agent.kinds.table import look
from agent.model import Health, Key, Observed, Owner
from agent.twins import FORMER


class _Seen(NamedTuple):
    """What was seen of one, and all that it was made from."""

    report: Report
    around: Surroundings
    labels: Labels
    health: tuple[Health, str]
    observed: Observed


class Strays:
    """Those that nobody wants: to be pruned, or left over from a replacement that was cut. Any thread may call."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}  # by the id of the container

    def seen(self, report: Report, around: Surroundings, labels: Labels) -> Observed:
        """What is seen of one, by the labels that tell whose it is, whatever it is called now; the very same value as
        before, where nothing has changed. `around` is the part that concerns it."""
        last, health = self._seen.get(report["Id"]), health_of(report, {})
        is_known = last is not None and last.report is report and last.labels == labels
        if last is not None and is_known and (last.around, last.health) == (around, health):
            return last.observed
        stray = _stray(report, around.names, labels, health)
        self._seen[report["Id"]] = _Seen(report, around, labels, health, stray)
        return stray

    def forget_all_but(self, ids: Set[str]) -> None:
        for identity in self._seen.copy().keys() - ids:
            self._seen.pop(identity, None)  # another turn may have been quicker


def _stray(report: Report, names: Mapping[str, str], labels: Labels, health: tuple[Health, str]) -> Observed:
    leftover = is_twin(name_of(report), labels.get(NAME, ""))
    key = Key("container", name_of(report) if leftover else labels.get(NAME, ""))
    return replace(
        observed(key, report["Id"], Owner.OURS, labels, report),
        uses=_holds(report, names, leftover=leftover),
        health=health[0],
        detail=health[1],
        leftover=leftover,
        ports=ports_of(report),
        apart=is_apart(report),
    )


def is_apart(report: Report) -> bool:
    """Whether it shares nothing but networks with others, and has no fixed address in one: whatever comes in its place
    can run beside it. What is in anonymous volumes is its own."""
    if not has_endpoints(wanted_mode(report)) or sharers(report) or linked(report):
        return False
    mounted = [mount for mount in report.get("Mounts") or () if mount.get("Type") != "tmpfs"]
    held = [
        look(report, f"HostConfig.{name}") for name in ("PortBindings", "PublishAllPorts", "Devices", "DeviceRequests")
    ]
    fixed = [look(report, "Config.MacAddress"), *(one.get("IPAMConfig") for one in endpoints(report).values())]
    return not any(held + fixed) and len(anonymous(report)) == len(mounted)


def taken_over(
    listed: Iterable[Report], noted: Mapping[str, Labels], wanted: Collection[str]
) -> Iterator[tuple[Report, Labels]]:
    """What `docker compose` made and is noted as taken over, as entries of a list with the noted labels. One that
    somebody renamed is, as long as nothing that is `wanted` or there has the name that it was taken over by."""
    found = [one for one in listed if one["Id"] in noted and is_by_compose(listed_labels(one))] if noted else []
    taken = {*wanted, *map(listed_name, listed)} if found else set()
    for one in found:
        labels = noted[one["Id"]]
        if not listed_name(one).endswith(FORMER) and (listed_name(one) == labels[NAME] or labels[NAME] not in taken):
            yield one, labels


def beside(listed: Iterable[Report], stacks: Set[str], known: Collection[str]) -> list[Report]:
    """Of a list, what `docker compose` made for these stacks and is none of the `known` ids."""
    found = [one for one in listed if listed_labels(one).get(PROJECT) in stacks and one["Id"] not in known]
    return [one for one in found if _is_beside(one)]


def _is_beside(entry: Report) -> bool:
    labels = entry["Labels"]
    is_of_a_service = labels.get(NUMBER) and labels.get(ONE_OFF) != "True"
    return bool(is_of_a_service) and is_by_compose(labels) and not listed_name(entry).endswith(FORMER)


def composes(report: Report, names: Mapping[str, str]) -> Observed:
    """One that `docker compose` made beside what is wanted. It is of a service only under a name that Compose gives."""
    health, detail = health_of(report, {})
    labels = labels_of(report)
    return Observed(
        Key("container", name_of(report)),
        report["Id"],
        Owner.ADOPTABLE,
        stack=labels.get(PROJECT, ""),
        service=labels.get(f"{COMPOSE}service", "") if name_of(report) in _names(labels) else "",
        uses=uses_of(report, names) if is_up(report) else frozenset(),
        health=health,
        detail=detail,
        ports=ports_of(report),
        raw=report,
    )


def _names(labels: Labels) -> tuple[str, str]:
    """How Compose calls such a container, by now and with its older separator."""
    parts = (labels.get(PROJECT, ""), labels.get(f"{COMPOSE}service", ""), labels.get(NUMBER, ""))
    return "-".join(parts), "_".join(parts)


def _holds(report: Report, names: Mapping[str, str], *, leftover: bool) -> frozenset[Key]:
    """What one that nobody wants is attached to, so that it has to go before that can be made anew.

    A stopped leftover of a cut replacement is in nobody's way. Were it removed along with a network, nothing would tell
    any more which anonymous volumes belong to its successor.
    """
    used = uses_of(report, names)
    if not leftover or look(report, "State.Running"):
        return used
    return frozenset(key for key in used if key.kind not in ("network", "container"))
