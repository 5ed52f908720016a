"""One case of the corpus on a real engine: carried out by hand, taken away, carried out by Windlass, twice."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker

from agent.assembly import Assembly
from agent.converge import Options
from agent.model import Action
from agent.prepared import Prepared
from agent.target import OneStack, Target
from tests.faults.proxy import proxy_to
from tests.interop import likeness
from tests.interop.corpus import LABEL, Case, host
from tests.interop.replay import Replay
from tests.interop.stand_in import stand_ins


class LeftOut(Exception):  # noqa: N818 - what happened
    """The case is not for this host."""


@dataclass(frozen=True)
class Trial:
    """Runs a case. Everything that it makes has `name`, which nobody else has, for its project, and is taken away."""

    docker_host: str
    client: Any  # docker.APIClient
    name: str
    home: Path
    secrets: Path

    def run(self, case: Case) -> None:
        """Raises `LeftOut`, and `AssertionError` with all that is not as it has to be."""
        root = case.copied_to(self.home / "in")
        if taken := _taken_ports(case):
            raise LeftOut(f"port {taken[0]} of this host is taken")
        with stand_ins(self.docker_host, case.bodies) as there, _entered(case.directory(root)):
            if there:
                raise LeftOut(f"there is an image {there[0]} here that is not to be touched")
            try:
                self._compare(case, root)
            finally:
                self._remove()

    def _compare(self, case: Case, root: Path) -> None:
        try:
            Replay(self.client, case, root, self.name).run()
        except docker.errors.APIError as error:
            raise LeftOut(f"the engine itself refuses what Compose sends: {error.explanation}") from error
        expected, unlike = self._seen(case), self._unlike(case, root)
        self._remove()
        self._apply(case, root)
        different = list(likeness.unlike(self._seen(case), expected))
        assert not different, "\n".join(different)
        assert not unlike, f"not taken over as it is: {unlike}"
        self._apply_again(case, root)

    def _unlike(self, case: Case, root: Path) -> list[str]:
        """What Windlass would do to what the calls have made, but for taking it over."""
        plan = Assembly(case.environment(root), 0).plan(self._target(case, root, self.docker_host)).plan
        return [str(one) for one in plan.changes if one.action is not Action.ADOPT and one.key.kind != "file"]

    def _apply(self, case: Case, root: Path, docker_host: str = "") -> list[str]:
        """As `windlass apply` does, but with two changes at once; which there were."""
        parts, target = Assembly(case.environment(root), 0), self._target(case, root, docker_host or self.docker_host)
        planned = parts.plan(target)
        assert isinstance(planned, Prepared)
        assert planned.toolkit is not None
        reconciler = replace(planned.toolkit.reconciler, options=Options(workers=2))
        planned = replace(planned, toolkit=replace(planned.toolkit, reconciler=reconciler))
        applied = parts.apply(planned, lambda _: None, lambda: False)
        failures = [report.failure for report in applied.reports if report.failure]
        assert not failures, f"{failures}"
        assert applied.synced, f"{parts.plan(target).plan}"
        return [str(change) for change in planned.plan.changes]

    def _apply_again(self, case: Case, root: Path) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="windlass-proxy-") as directory,
            proxy_to(self.docker_host, Path(directory) / "p.sock") as proxy,
        ):
            planned = self._apply(case, root, proxy.url)
            assert not planned, f"still planned: {planned}"
            assert not proxy.changes, f"still done: {proxy.changes}"

    def _target(self, case: Case, root: Path, docker_host: str) -> Target:
        chosen: dict[str, list[str]] = {}
        arguments = case.arguments(root)
        for option, value in zip(arguments[::2], arguments[1::2], strict=True):
            chosen.setdefault(option, []).append(value)
        settings = self.home / "agent.yaml"
        settings.write_text(f"secrets_dir: {self.secrets}\n")
        return Target(
            one=OneStack(
                files=tuple(map(Path, chosen.get("-f", ()))),
                project_name=self.name,
                profiles=tuple(chosen.get("--profile", ())),
                env_files=tuple(map(Path, chosen.get("--env-file", ()))),
                os_env=True,
            ),
            state_dir=self.home / "state",
            docker_host=docker_host,
            host="test-host",
            instance=self.name,
            config=settings,
        )

    def _seen(self, case: Case) -> dict[str, Any]:
        """What the engine reports of the project, by kind and name, without what is never the same twice."""
        reports = [self.client.inspect_container(one["Id"]) for one in self._listed("containers")]
        names = {report["Id"]: report["Name"].removeprefix("/") for report in reports}
        homes = (self.home, self.secrets)
        hashed = "@PATHDEPENDENT@" not in case.recording
        networks = [self.client.inspect_network(one["Id"]) for one in self._listed("networks")]
        asked = [call["body"] for call in case.made("network.create")]
        pools = {body["Name"].removeprefix(case.project) for body in asked if (body.get("IPAM") or {}).get("Config")}
        return {
            "containers": {one["Name"]: likeness.container(one, names, homes, hashed=hashed) for one in reports},
            "networks": {
                one["Name"]: likeness.network(one, pools=one["Name"].removeprefix(self.name) in pools)
                for one in networks
            },
            "volumes": {one["Name"]: likeness.volume(one) for one in self._listed("volumes")},
        }

    def _remove(self) -> None:
        for one in self._listed("containers"):
            self.client.remove_container(one["Id"], force=True, v=True)
        for one in self._listed("networks"):
            self.client.remove_network(one["Id"])
        for one in self._listed("volumes"):
            self.client.remove_volume(one["Name"])

    def _listed(self, kind: str) -> list[dict[str, Any]]:
        chosen = {"label": f"{LABEL}project={self.name}"}
        if kind == "containers":
            return list(self.client.containers(all=True, filters=chosen))
        found = getattr(self.client, kind)(filters=chosen)
        return list(found if kind == "networks" else found["Volumes"] or ())


@contextmanager
def _entered(directory: Path) -> Iterator[None]:
    """A command is called in a directory; so is what it consists of."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def _taken_ports(case: Case) -> list[int]:
    bindings = (
        (port.rpartition("/")[2], binding.get("HostPort") or "")
        for body in case.bodies
        for port, bound in (host(body).get("PortBindings") or {}).items()
        for binding in bound or ()
    )
    wanted = [(protocol, int(port)) for protocol, port in bindings if port.isdecimal() and int(port)]
    return [port for protocol, port in wanted if not _is_free(protocol, port)]


def _is_free(protocol: str, port: int) -> bool:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("", port))
        except OSError:
            return False
    return True
