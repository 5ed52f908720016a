"""Made-up stacks of up to three services, as text, for Hypothesis to choose from.

Each refers only to services before it, so whatever is chosen is a stack that Compose takes. `good` stacks become what
they say; in another one a service crashes or never gets healthy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "c")
IMAGES = ("app:1", "app:2")
GOOD, BAD = ("", "check", "job"), ("crash", "sick")
KINDS: dict[str, dict[str, Any]] = {
    "": {},
    "check": {"healthcheck": {"test": ["CMD", "true"]}},
    "job": {"command": ["true"], "restart": "no"},
    "crash": {"command": ["false"]},
    "sick": {"healthcheck": {"test": ["CMD", "false"]}},
}
NETWORKS: tuple[dict[str, Any], ...] = ({}, {"internal": True}, {"labels": {"tier": "front"}})


@dataclass(frozen=True)
class Content:
    """`text` is the file; it is empty where the stack has left the repository."""

    text: str
    good: bool = True

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads(self.text)["services"] if self.text else {}
        return found

    def containers(self) -> dict[str, str]:
        """The names of the containers that it wants in the stack `web`, each with its service."""
        return {
            service.get("container_name") or f"web-{name}-{number + 1}": name
            for name, service in self.services.items()
            for number in range(service.get("scale", 1))
        }

    def with_scratch(self) -> frozenset[str]:
        """Those of its containers that have an anonymous volume."""
        having = {name for name, service in self.services.items() if "/scratch" in service["volumes"]}
        return frozenset(container for container, name in self.containers().items() if name in having)


NOTHING = Content("")


@st.composite
def contents(draw: st.DrawFn, kinds: tuple[str, ...] = GOOD) -> Content:
    services: dict[str, dict[str, Any]] = {}
    chosen: dict[str, str] = {}
    port = draw(st.sampled_from((*NAMES, "")))
    for name in draw(st.sampled_from([("a",), ("a", "b"), NAMES, ("b", "c"), ("a", "c")])):
        chosen[name] = draw(st.sampled_from((*GOOD, *kinds)))
        has_port = name == port and chosen[name] != "job"  # what publishes a port is a server, and none that ends
        services[name] = draw(_services(name, chosen, has_port=has_port))
    text = {
        "services": services,
        "networks": {name: draw(st.sampled_from(NETWORKS)) for name in ("front", "back")},
        "volumes": {"data": {}},
        "x-windlass": {"rollout": {"monitor": "1ns"}},
    }
    return Content(json.dumps(text), not any(kind in BAD for kind in chosen.values()))


@st.composite
def _services(draw: st.DrawFn, name: str, kinds: dict[str, str], *, has_port: bool) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": draw(st.sampled_from(IMAGES)),
        "environment": {"VERSION": draw(st.sampled_from("12"))},
        "volumes": draw(st.sampled_from([[], ["data:/data"], ["/scratch"], ["data:/data", "/scratch"]])),
        "deploy": {"update_config": {"order": draw(st.sampled_from(["stop-first", "start-first"]))}},
    }
    if policy := draw(st.sampled_from(["", "always", "unless-stopped"])):  # "no" makes a job of what ends well
        service["restart"] = policy
    service |= KINDS[kinds[name]]
    if limit := draw(st.sampled_from(["", "64m", "128m"])):
        service["mem_limit"] = limit
    steady = [other for other in kinds if other != name and kinds[other] in ("", "check")]
    if needs := draw(st.sampled_from(["", *(other for other in kinds if other != name)])):
        service["depends_on"] = {needs: draw(_condition(kinds[needs]))}
    if owner := draw(st.sampled_from(["", "", "", *steady])):
        service["network_mode"] = f"service:{owner}"
        return service
    service["networks"] = draw(st.sampled_from([["front"], ["back"], ["back", "front"]]))
    if has_port:
        service["ports"] = ["8080:80"]  # which goes from one to another
    elif draw(st.booleans()):
        service["scale"] = 2
    if "scale" not in service and draw(st.booleans()):
        service["container_name"] = f"web-{name}-own"
    return service


@st.composite
def _condition(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    possible = {
        "check": ["service_healthy", "service_started"],
        "sick": ["service_healthy"],
        "job": ["service_completed_successfully", "service_started"],
    }
    condition = draw(st.sampled_from(possible.get(kind, ["service_started"])))
    return {"condition": condition, "restart": draw(st.booleans())}
