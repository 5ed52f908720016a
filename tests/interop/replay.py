"""Carries recorded calls out by hand: with the bare SDK, knowing nothing of the agent.

Of a recording the name of the project is changed, since it is not ours; tokens become what they stand for here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.interop.corpus import HOME, LABEL, Call, Case, endpoints

TOKEN = re.compile(r"@(CID|IMAGEID)\(([^)]*)\)@")
ALL_NETWORKS = (1, 44)  # the API since which a container may be made with several


@dataclass
class Replay:
    """One case under the name `project`, with its files in `root`."""

    client: Any  # docker.APIClient, which has no types for what it sends
    case: Case
    root: Path
    project: str
    ids: dict[str, str] = field(default_factory=dict)  # of the containers, by their names

    def run(self) -> dict[str, str]:
        """Make and start everything; the ids by name. Raises what the SDK raises."""
        for call in self._in_order():
            body = self.filled(call.get("body") or {})
            match call["call"]:
                case "network.create":
                    self._post("/networks/create", body | {"CheckDuplicate": True})
                case "volume.create":
                    self._post("/volumes/create", body)
                case "container.create":
                    self._create(self.renamed(call["name"]), body)
                case _:
                    pass  # an image is here, and to what is connected a container is made
        for made in self.ids.values():
            self.client.start(made)
        return self.ids

    def _in_order(self) -> Iterator[Call]:
        """A recording is sorted by names; whoever refers to a container comes after it."""
        left = list(self.case.calls)
        done: set[str] = set()
        while left:
            ready = [
                call
                for call in left
                if {name for kind, name in TOKEN.findall(json.dumps(call)) if kind == "CID"} <= done
            ]
            yield from ready
            done |= {call.get("name", "") for call in ready}
            left = [call for call in left if call not in ready]
            assert ready, "the recording refers to a container that it does not make"

    def _create(self, name: str, body: dict[str, Any]) -> None:
        """An older engine takes the first network at the creation, and the others one by one."""
        others: dict[str, Any] = {}
        if _version(self.client.api_version) < ALL_NETWORKS:
            networks = endpoints(body)
            first = (body.get("HostConfig") or {}).get("NetworkMode", "")
            mine = {first: networks.pop(first)} if first in networks else {}
            body |= {"NetworkingConfig": {"EndpointsConfig": mine}}
            if address := mine.get(first, {}).get("MacAddress"):
                body |= {"MacAddress": address}
            others = networks
        made = self.client.create_container_from_config(body, name)["Id"]
        self.ids[name] = made
        for network, endpoint in others.items():
            self._post(f"/networks/{network}/connect", {"Container": made, "EndpointConfig": endpoint})

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        answer = self.client._post_json(self.client._url(path), data=body)
        self.client._raise_for_status(answer)

    def renamed(self, name: str) -> str:
        """A name of the recording, as the engine is to have it: what the case makes has the project's before it."""
        return self.project + name[len(self.case.project) :] if name in self._names else name

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(call.get("name") or (call.get("body") or {}).get("Name", "") for call in self.case.calls)

    def filled(self, value: Any, at: str = "") -> Any:
        """A part of a recorded body as it is sent. `at` is the member that it stands at."""
        if isinstance(value, dict):
            named = at in ("EndpointsConfig",)
            return {self.renamed(key) if named else key: self.filled(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one, at) for one in value]
        if not isinstance(value, str):
            return value
        text = TOKEN.sub(self._meant, value.replace("@ROOT@", str(self.root)).replace("@HOME@", HOME))
        if at in ("Name", "NetworkMode", "Source", "Aliases", "Links", "Binds"):
            head, colon, rest = text.partition(":")
            return self.renamed(head) + colon + (self.renamed(rest) if at == "Links" else rest)
        return self.project if at == f"{LABEL}project" else text

    def _meant(self, token: re.Match[str]) -> str:
        kind, name = token.groups()
        return self.ids[self.renamed(name)] if kind == "CID" else str(self.client.inspect_image(name)["Id"])


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
