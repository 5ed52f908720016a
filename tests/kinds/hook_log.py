"""An engine that only takes down what hooks ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.errors import Overtaken


class Log:
    """Stands in for an engine of which every call succeeds, but for what ends with a status of its own."""

    def __init__(self, *, codes: Mapping[str, int | None] | None = None, left: Mapping[str, Any] | None = None) -> None:
        self.calls: list[str] = []
        self.codes = codes or {}
        self.left = left
        self.bodies: list[Mapping[str, Any]] = []
        self.said = "said"
        self.status = "exited"

    def inspect_container(self, name: str) -> Mapping[str, Any] | None:
        if name == "made":
            return {"Id": "made", "State": {"Status": self.status, "ExitCode": self.codes.get("made", 0)}}
        return self.left

    def create_container(self, name: str, body: Mapping[str, Any]) -> str:
        self.calls.append(f"create {name}")
        self.bodies.append(body)
        return "made"

    def start_container(self, container: str) -> None:
        self.calls.append(f"start {container}")

    def remove_container(self, container: str, **_how: bool) -> None:
        self.calls.append(f"remove {container}")

    def stop_container(self, container: str, grace: int) -> None:
        self.calls.append(f"stop {container} in {grace} s")

    def execute(self, container: str, body: Mapping[str, Any], *_how: Any) -> tuple[int | None, str]:
        self.calls.append(f"{body['Cmd'][0]} in {container}")
        return self.codes.get(body["Cmd"][0], 0), self.said

    def logs(self, _container: str) -> str:
        return "wailed"


class Moved(Log):
    """In which no command can be run, since its container is as `left` says."""

    def execute(self, container: str, body: Mapping[str, Any], *how: Any) -> tuple[int | None, str]:
        super().execute(container, body, *how)
        raise Overtaken("container id is not running")
