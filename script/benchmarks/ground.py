"""Where the benchmark takes place: an engine, a tiny image, a folder, and names that nobody else has.

All that is made on the engine carries the ground's prefix in its name, and all of that is removed at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from script.benchmarks.bare import BenchError, Engine, side_by_side
from script.image import image as demo_image

ROOT = Path(__file__).resolve().parents[2]
WINDLASS = ROOT / ".venv" / "bin" / "windlass"
COMPOSE_FILE = "compose.yaml"
SWEEPERS = 8  # removals side by side
ATTEMPTS, PAUSE = 20, 0.25  # to remove a network; seconds between them


@dataclass(frozen=True)
class Ground:
    """`prefix` begins every name; `home` is a folder of our own."""

    engine: Engine
    prefix: str
    home: Path

    @property
    def image(self) -> str:
        return f"{self.prefix}:1"

    # --- what is on the engine ---

    def containers(self, project: str) -> dict[str, dict[str, Any]]:
        """What runs or lies there of a project, by name."""
        listed = self._listed("/containers/json?all=1&filters=", {"name": [f"^/{project}-"]})
        return {entry["Names"][0].removeprefix("/"): entry for entry in listed}

    def expect(self, project: str, running: int) -> None:
        """Raise `BenchError` unless so many containers of the project run, and no more are there."""
        states = [entry["State"] for entry in self.containers(project).values()]
        if states != ["running"] * running:
            raise BenchError(f"{project}: {running} running containers were expected; there are {sorted(states)}")

    def network_is_gone(self, project: str) -> None:
        if self._networks(project):
            raise BenchError(f"{project}: its network is still there")

    def remove_container(self, name: str) -> None:
        self.engine.ask("DELETE", f"/containers/{name}?force=1&v=1", fine=(404, 409))

    def sweep(self, project: str) -> None:
        """Remove what is there of a project, or of all of them if it is the prefix. Raises `BenchError` at the end
        where the engine kept a network."""
        side_by_side(SWEEPERS, self.remove_container, self.containers(project))
        kept = [network for network in self._networks(project) if not self._removes_network(network)]
        if kept:
            raise BenchError(f"{project}: the engine does not remove the networks {', '.join(kept)}")

    def _removes_network(self, network: str) -> bool:
        """Ask more than once: a busy engine has not freed all of its endpoints yet."""
        for _ in range(ATTEMPTS):
            with contextlib.suppress(BenchError):
                self.engine.ask("DELETE", f"/networks/{network}", fine=(404,))
                return True
            time.sleep(PAUSE)
        return False

    def _networks(self, project: str) -> list[str]:
        listed = self._listed("/networks?filters=", {"name": [project]})
        return [entry["Id"] for entry in listed if entry["Name"].startswith(project)]

    def _listed(self, path: str, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.ask("GET", path + quote(json.dumps(filters)))
        return found

    # --- the image ---

    def load_image(self) -> None:
        """The demo's server of 1 kB, without its health check: a hundred of them would be a load of their own."""
        architecture = demo_image.own_architecture()
        layer = demo_image.tar({"server": (demo_image.server(architecture), 0o555)})
        config = demo_image.encoded(
            {
                "architecture": architecture,
                "os": "linux",
                "created": demo_image.CREATED,
                "config": {"Entrypoint": ["/server"], "Labels": {"benchmark": self.prefix}},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{demo_image.digest(layer)}"]},
            }
        )
        name = f"{demo_image.digest(config)}.json"
        manifest = demo_image.encoded([{"Config": name, "Layers": ["layer.tar"], "RepoTags": [self.image]}])
        archive = {"layer.tar": (layer, 0o444), name: (config, 0o444), "manifest.json": (manifest, 0o444)}
        self.engine.ask("POST", "/images/load?quiet=1", demo_image.tar(archive))
        self.engine.ask("GET", f"/images/{self.image}/json")

    def clear(self) -> None:
        """Remove all that carries the prefix, and look that it is gone."""
        for _ in range(3):  # a call that was cut at the end may still be carried out behind our back
            with contextlib.suppress(BenchError):
                self.sweep(self.prefix)
        self.engine.ask("DELETE", f"/images/{self.image}?force=1", fine=(404,))
        self.expect(self.prefix, 0)


def service_name(number: int) -> str:
    return f"s{number:03}"


def compose_file(image: str, services: int, changed: int = -1) -> str:
    """Services that do nothing, on the project's own network. The one with the number `changed` has another value.

    They are stopped by SIGKILL: a process that is number one in its container does not hear SIGTERM by itself, and
    ten seconds of waiting would hide what is measured. So would the seconds for which a container without a health
    check proves itself, which `docker compose` does not wait for.
    """
    lines = ["x-windlass: {rollout: {monitor: 1ms}}", "services:"]
    for number in range(services):
        lines += [f"  {service_name(number)}:", f"    image: {image}", "    stop_signal: SIGKILL"]
        lines += ["    environment:", f'      ROUND: "{int(number == changed)}"']
    return "\n".join(lines) + "\n"


def clean_environment(**more: str) -> dict[str, str]:
    """This process's, without what would make what is measured behave otherwise than it does by itself.

    A process shall find its modules compiled, for one, as it does where it is installed.
    """
    ours = ("WINDLASS_", "COMPOSE_", "DOCKER_", "PYTHON", "GIT_")
    settled = {"WINDLASS_CONFIG": os.devnull}  # nor the settings of a service of this machine
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | settled | more


def _engine_script(command: str, place: Path) -> str:
    arguments = [str(ROOT / "script" / "engine"), command, "--dir", str(place)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError("there is no Docker Engine to measure with")
    return done.stdout.strip().removeprefix("DOCKER_HOST=unix://")


@contextmanager
def opened() -> Iterator[Ground]:
    """An engine with the image, and an empty folder; all that was made is gone afterwards, whatever happened."""
    place = ROOT / ".run" / "bench-engine"
    engine = Engine(_engine_script("start", place))
    home = Path(tempfile.mkdtemp(prefix="windlass-bench-"))
    ground = Ground(engine, f"windlass-bench-{uuid.uuid4().hex[:8]}", home)
    try:
        ground.load_image()
        yield ground
    finally:
        ground.clear()
        shutil.rmtree(home)
        _engine_script("stop", place)
